"""How long statements on the database take, by statement, never with their parameters; in bounded memory.

A statement is called after the constant that holds its text, or after what it does and to which table. Only for the
event loop's thread.
"""

import re
import sys
import time
from typing import Final

from chatserver.measures import SECONDS, Distribution

STATEMENTS_MAX: Final = 512
"""Statements that are told apart; there are far fewer unless some of them are made with many sizes."""
OTHERS: Final = "others"
_ROOM: Final = "chatserver.store."
_TABLE: Final = re.compile(r"\b(?:FROM|INTO|UPDATE|JOIN)\s+([a-z_]+)", re.IGNORECASE)
_VERB: Final = re.compile(r"[A-Za-z_]+")


class StatementTime(Distribution):
    """The times of one statement, and the longest with its moment (seconds since 1970 UTC)."""

    __slots__ = ("worst", "worst_at")

    def __init__(self) -> None:
        super().__init__(SECONDS)
        self.worst = 0.0
        self.worst_at = 0.0

    def add(self, other: "StatementTime") -> None:
        """Count the times of another as its own."""
        self.counts = [mine + its for mine, its in zip(self.counts, other.counts, strict=True)]
        self.sum += other.sum
        if other.worst > self.worst:
            self.worst, self.worst_at = other.worst, other.worst_at


_by_text: dict[str, StatementTime] = {}


def took(statement: str, seconds: float) -> None:
    """Count one run of a statement, given by its text."""
    times = _by_text.get(statement)
    if times is None:
        if len(_by_text) >= STATEMENTS_MAX:
            statement = OTHERS
        times = _by_text.setdefault(statement, StatementTime())
    times.observe(seconds)
    if seconds > times.worst:
        times.worst, times.worst_at = seconds, time.time()


def by_name() -> dict[str, StatementTime]:
    """The times of all statements that have run; those that share a name together."""
    constants = _constants()
    found: dict[str, StatementTime] = {}
    for text, times in _by_text.items():
        name = constants.get(text) or _told_by(text)
        found.setdefault(name, StatementTime()).add(times)
    return found


def _constants() -> dict[str, str]:
    """The names of all texts that the store's modules hold as constants, such as `sessions.revoke`."""
    return {
        value: f"{name.rpartition('.')[2]}.{constant.strip('_').lower()}"
        for name, module in list(sys.modules.items())
        if name.startswith(_ROOM)
        for constant, value in vars(module).items()
        if isinstance(value, str) and constant.strip("_").isupper()
    }


def _told_by(text: str) -> str:
    """What a statement does and to which table, of a text that no constant holds."""
    verb, tables = _VERB.search(text), _TABLE.findall(text)
    if verb is None:
        return OTHERS
    word = verb[0].lower()
    # After WITH comes a list of its own before the table.
    return f"{word} {tables[-1 if word == 'with' else 0].lower()}" if tables else word
