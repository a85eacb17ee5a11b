"""Private files and folders: created for their owner only, replaced whole or not at all, locked by the kernel."""

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from chatterm.client.disk_errors import from_os_error
from chatterm.client.errors import ClientError

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def ensure_folder(path: Path) -> None:
    """Make a folder, 0700 whatever the umask, with its parents; one that exists is left as it is."""
    try:
        if not path.is_dir():
            if not path.parent.is_dir():
                ensure_folder(path.parent)
            path.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise from_os_error(error, path) from error


def ensure_private_folder(path: Path) -> None:
    """Make a folder that is the program's own, or take others' rights away from it; never one of another owner.

    Raises `ClientError` with `folderUnsafe` if it belongs to somebody else.
    """
    ensure_folder(path)
    try:
        status = path.stat()
        if status.st_uid != os.geteuid():
            raise ClientError(
                "folderUnsafe",
                f"{path} belongs to another user of this machine.",
                "Move it away, or set CHATTERM_HOME to a folder of your own.",
            )
        if status.st_mode & _OTHERS:
            path.chmod(0o700)
    except OSError as error:
        raise from_os_error(error, path) from error


def write_private(path: Path, data: bytes) -> None:
    """Replace a file atomically and durably; 0600 whatever the umask.

    A reader, or a crash at any moment, meets the old content or the new one, never a part. A link at
    `path` is replaced, not followed. Raises `ClientError` (`diskFull`, `notWritable`, `storageFailed`).
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:  # also when cancelled or interrupted: leave no half file behind
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)
    except OSError as error:
        raise from_os_error(error, path) from error


def sync_folder(path: Path) -> None:
    """Make renames in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_lock(path: Path) -> int:
    """Open a lock file, made 0600 if missing; never follows a link. The caller closes the descriptor."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise from_os_error(error, path) from error


def try_lock(descriptor: int) -> bool:
    """Take the kernel's exclusive lock on an open file without waiting; closing the file frees it, so does a kill."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file, waiting for others as long as it takes; only for work that is itself short and bounded."""
    descriptor = open_lock(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
