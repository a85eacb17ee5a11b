"""The right to send an account's outbox: one process at a time, by a kernel lock that a kill frees."""

import contextlib
import os
from pathlib import Path
from types import TracebackType

from chatterm.client.disk_errors import from_os_error
from chatterm.client.files import ensure_private_folder, open_lock, try_lock


class SenderLock:
    """A lock on a file, held by at most one `SenderLock` on this machine; it does not outlive its process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._descriptor is not None

    def acquire(self) -> bool:
        """Take the lock if it is free, without waiting; True if this object holds it. Idempotent."""
        if self._descriptor is not None:
            return True
        ensure_private_folder(self.path.parent)
        descriptor = open_lock(self.path)
        try:
            if not try_lock(descriptor):
                os.close(descriptor)
                return False
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            os.close(descriptor)
            raise from_os_error(error, self.path) from error
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Free the lock. Idempotent."""
        if self._descriptor is None:
            return
        descriptor, self._descriptor = self._descriptor, None
        with contextlib.suppress(OSError):  # the name inside is for messages only; closing is what frees the lock
            os.ftruncate(descriptor, 0)
        os.close(descriptor)

    def holder(self) -> int | None:
        """The process that held the lock when `acquire` last said no; for messages, not for decisions."""
        try:
            with self.path.open("rb") as file:
                return int(file.read(32))
        except (OSError, ValueError):
            return None

    def __enter__(self) -> "SenderLock":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
