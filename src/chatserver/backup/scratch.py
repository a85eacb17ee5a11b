"""Folders for work in progress: private, removed at the end, and swept up later if their process was killed."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from chatserver.backup.errors import NoRoomError, PlaceError
from chatserver.backup.folder import file_error

PREFIX: Final = ".chatserver-scratch-"
_LOCK: Final = "lock"


@contextlib.contextmanager
def scratch_in(parent: Path) -> Iterator[Path]:
    """A new folder in `parent`; those that killed processes left there go. Raises `PlaceError` or `NoRoomError`."""
    sweep(parent)
    try:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        lock = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise file_error(error, parent, "written") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def sweep(parent: Path) -> None:
    """Remove what killed processes left in `parent`; what a live one uses stays."""
    for folder in parent.glob(PREFIX + "*"):
        with contextlib.suppress(OSError):
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)


def need_room(folder: Path, needed: int, what: str, *, reserve: int = 0) -> None:
    """Raise `NoRoomError` unless so many bytes are free in `folder`, and `reserve` beyond them."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise PlaceError(f"{folder} cannot be used: {error.strerror}. Check the path.") from error
    if free < needed + reserve:
        usable = max(0, free - reserve) // 1_048_576
        raise NoRoomError(
            f"{what} needs up to {mib(needed)} in {folder}, and {usable:,} MiB can be used there. "
            "Free some space, or choose another disk."
        )


def mib(size: int) -> str:
    """A size for people, rounded up."""
    return f"{-(-size // 1_048_576):,} MiB"
