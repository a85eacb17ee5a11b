"""How long SQLite itself takes to commit, and whether it brought the write-ahead log into the database meanwhile."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any


class CommitClock:
    """Times the COMMITs of one connection on the connection's own thread, so that no wait for the event loop counts.

    A checkpoint happens within the COMMIT after which the log is long enough. Nothing else writes to the database
    file (https://www.sqlite.org/wal.html), so its time of change tells the two apart; looking at that opens no file.
    """

    def __init__(self, database: Path) -> None:
        self._database = database
        self.seconds = 0.0
        """What the last COMMIT took; it syncs the log."""
        self.checkpointed = False
        """Whether it was followed by a checkpoint, whose time is in `seconds`, too."""

    def connection(self, *args: Any, **options: Any) -> sqlite3.Connection:
        """A connection that is timed; the factory for `sqlite3.connect`."""
        return _TimedConnection(self, *args, **options)

    @contextlib.contextmanager
    def timing(self) -> Iterator[None]:
        """Time one COMMIT."""
        before = self._changed()
        started = perf_counter()
        yield
        self.seconds = perf_counter() - started
        self.checkpointed = self._changed() != before

    def _changed(self) -> int:
        try:
            return self._database.stat().st_mtime_ns
        except OSError:
            return 0


class _TimedConnection(sqlite3.Connection):
    def __init__(self, clock: CommitClock, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._clock = clock

    def execute(self, statement: str, parameters: Any = (), /) -> sqlite3.Cursor:
        if statement != "COMMIT":
            return super().execute(statement, parameters)
        with self._clock.timing():
            return super().execute(statement, parameters)
