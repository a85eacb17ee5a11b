"""Progress of long work on stderr: a line that is written over on a terminal, a line for each step elsewhere."""

import sys
import time
from types import TracebackType
from typing import Final

from chatserver.cli.exits import say

_EVERY_S: Final = 0.2
_STAGES: Final = {
    "database": "copying the database",
    "backup": "writing the backup",
    "read": "reading the backup",
    "check": "checking the database",
    "place": "putting it in place",
}


class Progress:
    """Says what is done; a context manager that leaves the line clean."""

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty()
        self._stage = ""
        self._shown_at = 0.0
        self._width = 0

    def __call__(self, stage: str, done: int, total: int) -> None:
        """See `chatserver.backup.making.Report`."""
        if not self._is_terminal:
            if stage != self._stage:
                self._stage = stage
                say(f"{_STAGES[stage]} ...")
            return
        now = time.monotonic()
        if stage == self._stage and done < total and now - self._shown_at < _EVERY_S:
            return
        self._stage, self._shown_at = stage, now
        share = f" {100 * done // total}%" if total > 1 else ""
        size = f", {done // 1_048_576:,} of {total // 1_048_576:,} MiB" if total > 1_048_576 else ""
        self._draw(f"{_STAGES[stage]} ...{share}{size}")

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._width:
            self._draw("")
            sys.stderr.write("\r")

    def _draw(self, text: str) -> None:
        sys.stderr.write("\r" + text.ljust(self._width))
        sys.stderr.flush()
        self._width = len(text)
