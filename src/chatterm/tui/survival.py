"""Errors that nobody expected: the part that met one is left as it is, the user is told, and the rest lives on."""

import logging
import time
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from textual import events
from textual.worker import WorkerFailed

from chatproto.text import terminal_safe
from chatterm.tui import crash

if TYPE_CHECKING:
    from textual.message import Message
    from textual.message_pump import MessagePump

_log = logging.getLogger("chatterm.tui")

KEPT: Final = 100
"""Problems that can be read again; the oldest are forgotten."""
TOLD_AGAIN_S: Final = 30.0
"""The same error in the same place is told once in this time."""
STORM: Final = 25
STORM_S: Final = 10.0
"""So many errors in this time are no life worth living: the app stops, with a report."""


@dataclass(slots=True)
class Problem:
    """Something that went wrong: when (Unix seconds), what (safe for a terminal), and the report of a defect."""

    at: float
    text: str
    details: str = ""
    report: Path | None = None
    times: int = field(default=1)


class Survival:
    """Takes unexpected errors; `tell` shows a line, which is safe for a terminal, to the user."""

    def __init__(self, folder: Path, tell: Callable[[str], None], clock: Callable[[], float] = time.time) -> None:
        """`folder` takes the reports."""
        self._folder = folder
        self._tell = tell
        self._clock = clock
        self._recent: deque[float] = deque(maxlen=STORM)
        self._places: dict[str, Problem] = {}
        self.problems: deque[Problem] = deque(maxlen=KEPT)
        self.defects = 0
        """Unexpected errors in this run."""

    def report_to(self, folder: Path) -> None:
        """Write reports there from now on."""
        self._folder = folder

    def note(self, text: str) -> None:
        """Keep what was told to the user, so that it can be read again; `text` is safe for a terminal."""
        if self.problems and self.problems[-1].text == text:
            self.problems[-1].times += 1
            self.problems[-1].at = self._clock()
        else:
            self.problems.append(Problem(self._clock(), text))

    def met(self, error: Exception, where: str) -> bool:
        """An error was met in `where`: told and reported. False if there are too many to go on."""
        now = self._clock()
        self.defects += 1
        self._recent.append(now)
        cause = error.error if isinstance(error, WorkerFailed) else error
        place = _place(cause)
        known = self._places.get(place)
        if known is not None and now - known.at < TOLD_AGAIN_S:
            known.times += 1
        else:
            self._first(cause, where, place, now)
        return len(self._recent) < STORM or now - self._recent[0] > STORM_S

    def card_shown(self, error: Exception, where: str) -> None:
        """A widget shows a card with this error in its place."""
        self._report(error, f"{where} cannot be drawn", self._clock())

    def _first(self, error: BaseException, where: str, place: str, now: float) -> None:
        _log.error("%s met an error", where, exc_info=error)
        problem = self._report(error, f"{where} met an error", now)
        if len(self._places) >= KEPT:
            self._places.clear()
        self._places[place] = problem
        self._tell(f"{problem.text}. The rest works; /problems shows more.")

    def _report(self, error: BaseException, what: str, now: float) -> Problem:
        text = terminal_safe(f"{what}: {type(error).__name__}: {error}")[:500]
        details = terminal_safe("".join(traceback.format_exception(error)), multiline=True)
        problem = Problem(now, text, details, crash.write_report(self._folder, error))
        self.problems.append(problem)
        return problem


def _place(error: BaseException) -> str:
    """Kind and line of an error, by which it is known again."""
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1] if frames else None
    return f"{type(error).__name__} {last.filename if last else ''}:{last.lineno if last else 0}"


def protect(pump: "MessagePump", met: Callable[[Exception, str], None], *, alive: Callable[[], bool]) -> None:
    """Have a widget live on after a handler of its raised; Textual would end its message loop, and the app.

    Until `alive`, while the app begins, errors go the usual way: there is nothing yet that could live on.
    """
    if "_dispatch_message" in vars(pump):
        return
    dispatch = pump._dispatch_message

    async def dispatch_and_live(message: "Message") -> None:
        try:
            await dispatch(message)
        except Exception as error:  # whatever a handler raises
            if not alive() or isinstance(message, events.Compose | events.Mount):
                raise
            met(error, type(pump).__name__)

    protected: Any = pump
    protected._dispatch_message = dispatch_and_live
