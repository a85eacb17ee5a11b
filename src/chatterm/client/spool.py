"""The spool: private copies of the files that unsent messages will show, so that a change or a crash loses none."""

import contextlib
import errno
import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from chatproto import limits
from chatterm.client.disk_errors import from_os_error
from chatterm.client.errors import ClientError
from chatterm.client.files import ensure_private_folder, open_lock, sync_folder

if TYPE_CHECKING:
    from chatterm.client.model import Attachment

_PIECE: Final = 1_048_576
_KEPT_FREE: Final = 33_554_432
"""Bytes that a copy leaves free, so that messages can still be stored."""
_FICLONE: Final = 0x40049409
"""Linux, ioctl_ficlone(2): share the blocks of another file until one of them is changed."""
_NO_CLONE: Final = frozenset(
    {errno.EOPNOTSUPP, errno.ENOTTY, errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EPERM, errno.EBADF, errno.EISDIR}
)
_KEPT_AFTER_DAMAGE_S: Final = 30 * 86_400
"""After a damaged outbox was set aside, copies that no row names stay for this long: the row may be in that file."""


class Stop(Protocol):
    """Says whether the work is to be given up; a `threading.Event` is one."""

    def is_set(self) -> bool: ...


class Spool:
    """One folder, 0700, of copies, 0600, named by rows of the outbox.

    A copy is durable before its row is, and goes after its row has gone; what a crash leaves in between is
    swept away by the next sender. Making a copy with its row, and sweeping, exclude each other by a kernel lock.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, name: str) -> Path:
        """Where a copy lies."""
        return self._folder / name

    @contextlib.contextmanager
    def adding(self) -> Iterator[None]:
        """While inside, nothing is swept: copies may be there whose rows are still to come."""
        with self._locked(fcntl.LOCK_SH):
            yield

    def copy(self, source: Path, attachment: "Attachment", stop: Stop | None = None) -> int:
        """Copy a file under the name of an attachment; durable on return, which gives its size. Only while `adding`.

        Raises `ClientError`: `fileMissing`, `fileNotRegular`, `fileNotReadable`, `fileTooLarge`, `diskFull`,
        `stopped`. Nothing is left behind then.
        """
        target = self.path(attachment.spool)
        with _opened(source) as reading:
            try:
                writing = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            except OSError as error:
                raise from_os_error(error, target) from error
            try:
                size = _copy(reading, writing, source, target, stop)
            except BaseException:
                target.unlink(missing_ok=True)
                raise
            finally:
                os.close(writing)
        return size

    def sync(self) -> None:
        """Make the names of new copies durable."""
        try:
            sync_folder(self._folder)
        except OSError as error:
            raise from_os_error(error, self._folder) from error

    def remove(self, attached: "Iterable[Attachment]") -> None:
        """Delete copies whose rows are gone. What cannot be deleted now is swept later."""
        for attachment in attached:
            with contextlib.suppress(OSError):
                self.path(attachment.spool).unlink(missing_ok=True)

    def sweep(self, used: Callable[[], set[str]]) -> int:
        """Delete the copies that no row needs: what crashes left. How many; 0 if copies are being made just now.

        `used` reads the names that rows still need, after the lock is held.
        """
        if not self._folder.is_dir():
            return 0
        try:
            with self._locked(fcntl.LOCK_EX | fcntl.LOCK_NB):
                needed = used()
                orphans = [path for path in self._folder.iterdir() if path.name not in needed and not _is_own(path)]
                return sum(self._drop(path) for path in orphans)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise from_os_error(error, self._folder) from error

    def _drop(self, path: Path) -> bool:
        damaged = any(self._folder.parent.glob("outbox.db.broken-*"))
        if damaged and time.time() - path.lstat().st_mtime < _KEPT_AFTER_DAMAGE_S:
            return False
        path.unlink(missing_ok=True)
        return True

    @contextlib.contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        ensure_private_folder(self._folder)
        descriptor = open_lock(self._folder / _LOCK)
        try:
            fcntl.flock(descriptor, how)
            yield
        finally:
            os.close(descriptor)


_LOCK: Final = ".lock"


def check_count(paths: Sequence[Path], others: int = 0) -> None:
    """Raise `tooManyFiles` if one message cannot show so many."""
    if len(paths) + others > limits.MESSAGE_FILES_MAX:
        raise ClientError(
            "tooManyFiles",
            f"A message shows at most {limits.MESSAGE_FILES_MAX} files; these are {len(paths) + others}.",
            "Send several messages, or pack the files into one archive.",
        )


def check_file(path: Path) -> int:
    """The size of a file that could be sent. Raises `ClientError` as `Spool.copy` does."""
    with _opened(path) as descriptor:
        return os.fstat(descriptor).st_size


def _is_own(path: Path) -> bool:
    return path.name == _LOCK


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    try:
        # Without waiting: a pipe that nobody writes to would hang here for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            what = "a folder" if stat.S_ISDIR(status.st_mode) else "no file"
            hint = "Pack it into an archive first." if stat.S_ISDIR(status.st_mode) else "Choose a regular file."
            raise ClientError("fileNotRegular", f"{path.name or path} is {what}.", hint)
        if status.st_size > limits.FILE_SIZE_MAX:
            raise ClientError("fileTooLarge", f"{path.name} is larger than any server takes.", "Send a smaller file.")
        yield descriptor
    finally:
        os.close(descriptor)


def _unreadable(path: Path, error: OSError) -> ClientError:
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return ClientError("fileMissing", f"There is no {path.name} in {path.parent}.", "Check the name.")
    if error.errno in (errno.EACCES, errno.EPERM):
        return ClientError("fileNotReadable", f"{path.name} may not be read by you.", "Change its rights, or copy it.")
    return ClientError(
        "fileNotReadable", f"{path.name} cannot be read: {error.strerror}.", "Check the name and the disk."
    )


def _copy(reading: int, writing: int, source: Path, target: Path, stop: Stop | None) -> int:
    try:
        if not _cloned(reading, writing):
            _check_room(os.fstat(reading).st_size, target)
            _copy_pieces(reading, writing, source, target, stop)
        os.fsync(writing)
        return os.fstat(writing).st_size
    except OSError as error:
        raise from_os_error(error, target) from error


def _cloned(reading: int, writing: int) -> bool:
    """Whether the disk could share the content between the two files."""
    try:
        fcntl.ioctl(writing, _FICLONE, reading)
    except OSError as error:
        if error.errno in _NO_CLONE:
            return False
        raise
    return True


def _check_room(size: int, target: Path) -> None:
    disk = os.statvfs(target.parent)
    if disk.f_bavail * disk.f_frsize < size + _KEPT_FREE:
        raise ClientError(
            "diskFull",
            f"There is no room on the disk for a copy of {size:,} bytes in {target.parent}.",
            "Free some disk space and try again.",
            temporary=True,
        )


def _copy_pieces(reading: int, writing: int, source: Path, target: Path, stop: Stop | None) -> None:
    at = 0
    while True:
        if stop is not None and stop.is_set():
            raise ClientError("stopped", f"{source} was not attached.", "Attach it again.")
        try:
            piece = os.pread(reading, _PIECE, at)
        except OSError as error:
            raise _unreadable(source, error) from error
        if not piece:
            return
        at += len(piece)
        if at > limits.FILE_SIZE_MAX:
            raise ClientError("fileTooLarge", f"{source} does not end.", "Send a smaller file.")
        view = memoryview(piece)
        while view:
            view = view[os.write(writing, view) :]
