"""Copies a database while it is in use, without holding up whoever writes to it."""

import contextlib
import errno
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from chatserver.store.errors import StoreFullError, StoreUnusableError
from chatserver.store.offline import Progress
from chatserver.store.sqlite.errors import is_full

_PATIENCE_S: Final = 5.0
_STEP_PAGES: Final = 256
"""Copied at a time: 1 MiB with pages of 4 KiB."""
_SYNC_STEPS: Final = 8
"""Steps after which the copy is synced: where much is unwritten, a commit of the server would have to wait for all."""


def copy_database(source: Path, target: Path, progress: Progress | None = None) -> None:
    """Copy a database as it is at one moment, also while a server serves it; the copy is one durable file, 0600.

    Holds up no writer: it reads in one snapshot of the WAL, which grows until the copy is made. Raises
    `StoreUnusableError`, and `OSError` for the target's disk.
    """
    descriptor = os.open(target, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with explained(source), contextlib.ExitStack() as undo:
            reading = _connected(source, "ro", undo)
            _hold_snapshot(reading, source)
            writing = _connected(target, "rw", undo)
            for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -2048"):
                writing.execute(f"PRAGMA {pragma}")
            _copy(reading, writing, descriptor, progress)
            writing.execute("PRAGMA journal_mode = DELETE")  # else opening the copy would make files beside it
        os.fsync(descriptor)
    except BaseException:  # also when interrupted: no half copy may stay
        target.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def _hold_snapshot(reading: sqlite3.Connection, source: Path) -> None:
    """Read one moment from here on: else each commit of the server would begin the copy anew."""
    reading.execute("BEGIN")
    try:
        reading.execute("SELECT 1 FROM sqlite_schema").fetchone()
    except sqlite3.Error as error:
        if not is_full(error):
            raise
        # Whoever reads a WAL first makes its index beside it.
        raise StoreFullError(
            f"The disk of the database {source} is full, and reading it needs a little room there. Free some space."
        ) from error


def _copy(reading: sqlite3.Connection, writing: sqlite3.Connection, descriptor: int, progress: Progress | None) -> None:
    steps = 0
    page_size = int(reading.execute("PRAGMA page_size").fetchone()[0])

    def after_step(_status: int, remaining: int, total: int) -> None:
        nonlocal steps
        steps += 1
        if steps % _SYNC_STEPS == 0:
            os.fdatasync(descriptor)
        if progress is not None:
            progress((total - remaining) * page_size, total * page_size)

    reading.backup(writing, pages=_STEP_PAGES, progress=after_step)


def _connected(path: Path, mode: str, undo: contextlib.ExitStack) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode={mode}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_PATIENCE_S)
    undo.callback(connection.close)
    return connection


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """SQLite's errors as ours; a full disk as the system says it."""
    try:
        yield
    except sqlite3.Error as error:
        if is_full(error):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
        reason = str(error).rstrip(".")
        raise StoreUnusableError(f"The database {path} cannot be read: {reason}. Use a backup of it.") from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
