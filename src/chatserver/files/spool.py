"""Uploads under way: files on the server's own disk that grow until they are complete."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from chatproto.errors import ChatError
from chatserver.files.disk import make_private, remove, sync_folder
from chatserver.files.threads import DiskThreads

SYNC_BYTES: Final = 32 * 1_048_576
"""Written bytes after which they are synced, so that the last sync of a large upload is short."""


class SpoolFile:
    """An open upload; appending continues at `offset`."""

    def __init__(self, descriptor: int, offset: int, spool: "Spool") -> None:
        self.offset = offset
        self._descriptor = descriptor
        self._spool = spool
        self._unsynced = 0

    async def append(self, parts: Sequence[bytes]) -> None:
        """Write behind what is there. Raises `ChatError`: `diskFull`, `storageFailed`."""
        await self._spool.threads.run(self._append, parts)

    async def close(self) -> None:
        """Everything that was appended is durable when this returns."""
        await self._spool.threads.run(self._close)

    def _append(self, parts: Sequence[bytes]) -> None:
        for part in parts:
            rest = memoryview(part)
            while rest:
                written = os.pwrite(self._descriptor, rest, self.offset)
                self.offset += written
                self._unsynced += written
                rest = rest[written:]
        if self._unsynced >= SYNC_BYTES:
            os.fdatasync(self._descriptor)
            self._unsynced = 0
            self._spool.check_room()

    def _close(self) -> None:
        try:
            os.fsync(self._descriptor)
        finally:
            os.close(self._descriptor)


class Spool:
    """A folder with one file for each upload, named by its key. The size of the file is the upload's offset."""

    def __init__(self, folder: Path, threads: DiskThreads, *, reserve_bytes: int) -> None:
        """At least `reserve_bytes` of the disk stay free of uploads, for messages."""
        make_private(folder)
        self.threads = threads
        self._folder = folder
        self._reserve_bytes = reserve_bytes

    def path(self, key: str) -> Path:
        """Where an upload grows."""
        return self._folder / key

    async def offset(self, key: str) -> int:
        """Bytes that are there; 0 also if there is no file yet."""
        try:
            return (await self.threads.run(os.stat, self.path(key), follow_symlinks=False)).st_size
        except FileNotFoundError:
            return 0

    async def open(self, key: str) -> SpoolFile:
        """Open an upload to append to it. Raises `ChatError` with `diskFull` if there is no room beyond the reserve."""
        return await self.threads.run(self._open, key)

    async def discard(self, key: str) -> None:
        """Remove an upload's file. Idempotent."""
        await self.threads.run(remove, self.path(key))

    def check_room(self, size: int = 0) -> None:
        """Raise `ChatError` with `diskFull` if `size` more bytes would reach into the reserve."""
        if shutil.disk_usage(self._folder).free - size < self._reserve_bytes:
            raise ChatError("diskFull", retry_after=60.0)

    def _open(self, key: str) -> SpoolFile:
        self.check_room()
        path = self.path(key)
        is_new = not path.exists()
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            if is_new:
                sync_folder(self._folder)
            return SpoolFile(descriptor, os.fstat(descriptor).st_size, self)
        except BaseException:
            os.close(descriptor)
            raise
