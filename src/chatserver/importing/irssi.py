"""irssi's logs: times within days that `--- Log opened` and `--- Day changed` name; a file for each channel."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

from chatserver.importing.irc import Encoding, Line, Log, lines
from chatserver.importing.model import ImportFailedError, Item, Notes, Person, Read
from chatserver.importing.tree import Tree

_START: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY: Final = re.compile(r"--- (?:Log opened|Log closed|Day changed) \w+ (\w+) +(\d{1,2}) (?:\d\d:\d\d:\d\d )?(\d{4})")
_TIMED: Final = re.compile(r"\[?(?:(\d{4}-\d\d-\d\d)[ T])?(\d\d:\d\d(?::\d\d)?)\]?[ ](.*)", re.DOTALL)
_SAID: Final = re.compile(r"<([^>\n]{1,128})>[ ]?(.*)", re.DOTALL)
_DID: Final = re.compile(r" ?\* (\S+)(?: (.*))?", re.DOTALL)
_NOTICE: Final = re.compile(r"-([^!\s-][^\s(:]*?)(?:\([^)]*\))?(?::[^\s-]\S*?)?- (.*)", re.DOTALL)
_FILE: Final = re.compile(r"(?:.*/)?(?P<network>[^/]+)/(?P<channel>[^/]+?)(?:[._-](?P<day>\d{4}-?\d\d-?\d\d))?\.log")
_FILE_DAY: Final = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)")
_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), start=1
    )
}


class IrssiSource:
    """See `Source`. Times of the log are in `zone`."""

    name = "irssi"

    def __init__(self, tree: Tree, zone: tzinfo, encoding: Encoding) -> None:
        self._tree = tree
        self._zone = zone
        self._encoding = encoding
        self._files = [name for name in tree.names() if name.endswith(".log")]
        if not self._files:
            raise ImportFailedError(
                "There is no .log file here. Give irssi's folder of logs (irclogs), or one file of it."
            )

    def read(self, notes: Notes) -> Iterator[Read]:
        logs: dict[str, Log] = {}
        for name in self._files:
            found = _FILE.fullmatch(name)
            log = Log(found["network"], found["channel"]) if found else Log("", name.removesuffix(".log"))
            if log.key not in logs:
                logs[log.key] = log
                yield log.conversation()
            yield from self._file(name, _day_of(found["day"] if found else None), logs[log.key], notes)

    def _file(self, name: str, day: date | None, log: Log, notes: Notes) -> Iterator[Person | Item]:
        for line in lines(self._tree, name, self._encoding, notes):
            if line.text.startswith("--- "):
                changed = _day_named(line.text)
                day = changed or day
                if changed is None:
                    notes.wrong("a date that is not in English, so that the day is not known", line.place)
                continue
            timed = _TIMED.match(line.text)
            if timed is None:
                if line.text.strip():
                    notes.skip("lines without a time", line.place)
                continue
            at = self._time(day, timed[1], timed[2])
            if at is None:
                notes.wrong("a time whose day no line before it tells", line.place)
            else:
                yield from _item(log, at, timed[3], line, notes)

    def _time(self, day: date | None, own_day: str | None, clock: str) -> int | None:
        try:
            day = date.fromisoformat(own_day) if own_day else day
            if day is None:
                return None
            at = datetime.combine(day, time.fromisoformat(clock), self._zone)
            us = (at - _START) // timedelta(microseconds=1)
        except (ValueError, OverflowError):
            return None
        return us if us > 0 else None


def _item(log: Log, at: int, text: str, line: Line, notes: Notes) -> Iterator[Person | Item]:
    """What one line with a time says."""
    if text.startswith("-!-"):
        notes.skip("lines of who joined or left, and of changes", line.place)
    elif said := _SAID.fullmatch(text):
        yield from log.item(at, said[1], said[2], line.place)
    elif did := _DID.fullmatch(text):
        yield from log.item(at, did[1], did[2] or "", line.place, action=True)
    elif notice := _NOTICE.fullmatch(text):
        yield from log.item(at, notice[1], notice[2], line.place)
    else:
        notes.skip("lines of another kind", line.place)


def _day_named(text: str) -> date | None:
    found = _DAY.match(text)
    try:
        return date(int(found[3]), _MONTHS[found[1].title()], int(found[2])) if found else None
    except (KeyError, ValueError):
        return None


def _day_of(text: str | None) -> date | None:
    """The day in a file's name."""
    found = _FILE_DAY.fullmatch(text or "")
    try:
        return date(int(found[1]), int(found[2]), int(found[3])) if found else None
    except ValueError:
        return None
