"""Save a file in a folder of the user: whole or not at all, under a safe name, without touching what is there."""

import contextlib
import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from chatproto.text import normalize_file_name
from chatterm.client.disk_errors import from_os_error
from chatterm.client.errors import ClientError

_COPIES_MAX: Final = 1_000
_NAME_MAX_BYTES: Final = 255
_KEPT_FREE: Final = 16_777_216
_NO_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EACCES})
_PART: Final = ".chatterm-"
_ENDING: Final = ".part"
_STALE_S: Final = 7 * 86_400
"""What no download went on with for this long is deleted by the next one into the same folder."""


class Landing:
    """A file that arrives: first under a hidden name of its own in the folder, then under the one it shall have.

    All steps are taken relative to the open folder, so a folder that is replaced meanwhile is never written to.
    Nothing is followed, nothing overwritten, nothing is made executable. Methods block and raise `ClientError`.
    """

    def __init__(self, folder: Path, name: str, key: str) -> None:
        """`name` is the sender's idea; `key` names the content, so that another process can go on with it."""
        self._folder = folder
        self._name = normalize_file_name(name)
        try:
            self._at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise _no_folder(folder, error) from error
        try:
            self._drop_stale()
            self._part, self._file = self._open_part(key)
        except BaseException:
            os.close(self._at)
            raise
        self.size = os.fstat(self._file).st_size

    def check_room(self, size: int) -> None:
        """Raise `diskFull` if so many bytes will not fit."""
        disk = os.fstatvfs(self._file)
        if disk.f_bavail * disk.f_frsize < size - self.size + _KEPT_FREE:
            raise ClientError(
                "diskFull",
                f"There is no room for {size:,} bytes in {self._folder}.",
                "Free some disk space, or choose another folder.",
                temporary=True,
            )

    def pieces(self) -> Iterator[bytes]:
        """What has arrived so far."""
        at = 0
        while piece := os.pread(self._file, 1_048_576, at):
            yield piece
            at += len(piece)

    def append(self, data: bytes) -> None:
        """Put bytes behind those that are there."""
        with self._errors():
            view = memoryview(data)
            while view:
                written = os.pwrite(self._file, view, self.size)
                self.size += written
                view = view[written:]

    def clear(self) -> None:
        """Drop what has arrived."""
        with self._errors():
            os.ftruncate(self._file, 0)
        self.size = 0

    def land(self) -> Path:
        """Give the file its name, durably; where it is now."""
        with self._errors():
            os.fsync(self._file)
            name = self._take_name()
            os.fsync(self._at)
        return self._folder / name

    def discard(self) -> None:
        """Delete what has arrived."""
        with contextlib.suppress(OSError):
            os.unlink(self._part, dir_fd=self._at)

    def close(self) -> None:
        """What has arrived stays for a later resumption. Idempotent."""
        if self._file >= 0:
            os.close(self._file)
            os.close(self._at)
            self._file = self._at = -1

    # --- within

    def _open_part(self, key: str) -> tuple[str, int]:
        for name in (f"{_PART}{key}{_ENDING}", f"{_PART}{key}-{os.urandom(4).hex()}{_ENDING}"):
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
            try:
                file = os.open(name, flags, 0o600, dir_fd=self._at)
            except OSError as error:
                if error.errno in (errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.EACCES):
                    continue  # somebody put something else there
                raise from_os_error(error, self._folder) from error
            if self._is_ours(file, name):
                return name, file
            os.close(file)
        raise ClientError(
            "downloadBusy", f"This file is being downloaded to {self._folder} already.", "Wait.", temporary=True
        )

    def _is_ours(self, file: int, name: str) -> bool:
        """Whether it is a plain file that only this process writes to, and still has its name."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            status = os.fstat(file)
            named = os.stat(name, dir_fd=self._at, follow_symlinks=False)
        except OSError:
            return False
        plain = stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and status.st_uid == os.geteuid()
        return plain and (named.st_dev, named.st_ino) == (status.st_dev, status.st_ino)

    def _take_name(self) -> str:
        for name in numbered(self._name):
            try:
                os.link(self._part, name, src_dir_fd=self._at, dst_dir_fd=self._at, follow_symlinks=False)
            except FileExistsError:
                continue
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                if not self._rename(name):
                    continue
            else:
                os.unlink(self._part, dir_fd=self._at)
            return name
        raise ClientError(
            "nameTaken", f"{self._folder} has too many files named {self._name}.", "Choose another folder."
        )

    def _rename(self, name: str) -> bool:
        """Where the disk knows no links: reserve the name with an empty file, and replace that."""
        try:
            os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=self._at))
        except FileExistsError:
            return False
        os.rename(self._part, name, src_dir_fd=self._at, dst_dir_fd=self._at)
        return True

    def _drop_stale(self) -> None:
        with contextlib.suppress(OSError), os.scandir(self._at) as entries:
            stale = [
                entry.name
                for entry in entries
                if entry.name.startswith(_PART)
                and entry.name.endswith(_ENDING)
                and time.time() - entry.stat(follow_symlinks=False).st_mtime > _STALE_S
            ]
            for name in stale:
                os.unlink(name, dir_fd=self._at)

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise from_os_error(error, self._folder / self._name) from error


def numbered(name: str) -> Iterator[str]:
    """The name, then `name (2).ext`, `name (3).ext` and so on, each short enough for any file system."""
    yield name
    stem, dot, ending = name.rpartition(".")
    if not stem:
        stem, dot, ending = name, "", ""
    for number in range(2, _COPIES_MAX):
        tail = f" ({number}){dot}{ending}"
        room = _NAME_MAX_BYTES - len(tail.encode())
        yield stem.encode()[:room].decode(errors="ignore") + tail


def _no_folder(folder: Path, error: OSError) -> ClientError:
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        what = "does not exist" if error.errno == errno.ENOENT else "is no folder"
        return ClientError("folderMissing", f"{folder} {what}.", "Name a folder that is there.")
    return from_os_error(error, folder)
