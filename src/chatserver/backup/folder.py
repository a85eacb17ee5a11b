"""Backups as files in a folder: written beside their name, synced, then renamed."""

import contextlib
import errno
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from chatserver.backup.errors import BackupError, NoRoomError, PlaceError
from chatserver.files.disk import make_private, sync_folder

_PARTIAL: Final = ".chatserver-partial"
_SYNC_BYTES: Final = 2 * 1_048_576
"""Written at most before it is synced."""
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class FolderPlace:
    """See `Place`. The folder is made, for its owner alone, when something is written."""

    kind: Final = "folder"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def list(self) -> Iterator[tuple[str, int]]:
        with told(self.folder, "read"):
            try:
                entries = os.scandir(self.folder)
            except FileNotFoundError:
                return
            with entries:
                for entry in entries:
                    with contextlib.suppress(FileNotFoundError):
                        if entry.is_file(follow_symlinks=False):
                            yield entry.name, entry.stat(follow_symlinks=False).st_size

    def read(self, name: str, limit: int) -> bytes | None:
        with told(self.folder / name, "read"):
            try:
                with (self.folder / name).open("rb") as file:
                    content = file.read(limit + 1)
            except FileNotFoundError:
                return None
            return content if len(content) <= limit else None

    def prepare(self) -> None:
        """Make the folder if it is missing."""
        with told(self.folder, "written"):
            make_private(self.folder)

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        with open_file(self.folder / name) as file:
            yield file

    @contextlib.contextmanager
    def writing(self, name: str) -> Iterator["SteadyFile"]:
        self.prepare()
        with replacing(self.folder / name) as file:
            yield file

    def delete(self, name: str) -> None:
        with told(self.folder / name, "removed"):
            (self.folder / name).unlink(missing_ok=True)


@contextlib.contextmanager
def open_file(path: Path) -> Iterator[BinaryIO]:
    """An ordinary file, to be read. Raises `PlaceError`."""
    with told(path, "read"):
        file = path.open("rb")
    with file:
        yield file


class SteadyFile:
    """Writes a file so that little of it is ever unwritten.

    A commit of a server on the same disk would have to wait for all of that: file systems with a journal bring new data
    of every file to the disk before the journal goes on.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._unsynced = 0

    def write(self, data: bytes, /) -> None:
        """Take all of it. Raises `OSError`."""
        for start in range(0, len(data), _SYNC_BYTES):
            part = data[start : start + _SYNC_BYTES]
            self._file.write(part)
            self._unsynced += len(part)
            if self._unsynced >= _SYNC_BYTES:
                self._sync()

    def _sync(self) -> None:
        self._unsynced = 0
        self._file.flush()
        os.fdatasync(self._file.fileno())
        # What is read once again at most needs no memory that the server's files could use.
        os.posix_fadvise(self._file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator["SteadyFile"]:
    """A file that takes its name when it is whole and durable; if the block fails, whatever had the name stays.

    Readable by its owner only. Raises `PlaceError` or `NoRoomError`.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}{_PARTIAL}")
    with told(path, "written"):
        _sweep(path.parent)
        descriptor = os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        with told(path, "written"), os.fdopen(descriptor, "wb") as file:
            yield SteadyFile(file)
            file.flush()
            os.fsync(file.fileno())
        with told(path, "written"):
            partial.rename(path)
            sync_folder(path.parent)
    except BaseException:  # also when interrupted: nothing half done may stay
        partial.unlink(missing_ok=True)
        raise


def _sweep(folder: Path) -> None:
    """Remove what processes that were killed left half written; a live one holds a lock on its file."""
    for partial in folder.glob(f".*{_PARTIAL}"):
        with contextlib.suppress(OSError):
            descriptor = os.open(partial, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                partial.unlink()
            finally:
                os.close(descriptor)


@contextlib.contextmanager
def told(path: Path, what: str) -> Iterator[None]:
    """Turns the system's errors with a path into ours; see `file_error`."""
    try:
        yield
    except OSError as error:
        raise file_error(error, path, what) from error


def file_error(error: OSError, path: Path, what: str) -> BackupError:
    """The error that says of a path that it cannot be `what`: read, written or removed."""
    if error.errno in _FULL:
        return NoRoomError(f"There is no room for {path}. Free some space, or choose another disk.")
    return PlaceError(f"{path} cannot be {what}: {error.strerror or error}. Check the path and who may use it.")
