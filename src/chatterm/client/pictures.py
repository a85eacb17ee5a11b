"""Pictures on disk, as long as there is room: each is asked for once, and the ones used longest ago go first."""

import asyncio
import contextlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from chatterm.client.disk_errors import from_os_error
from chatterm.client.errors import ClientError
from chatterm.client.fetching import fetch
from chatterm.client.files import ensure_private_folder, write_private

if TYPE_CHECKING:
    from chatterm.client.transfers import Rest

CACHE_BYTES: Final = 209_715_200
PICTURE_MAX_BYTES: Final = 33_554_432
"""A larger picture is not shown: it would be decoded in memory."""
_AT_ONCE: Final = 3
_TOUCH_S: Final = 600
"""A picture that is used is marked so at most this often."""


class Pictures:
    """The disk cache of one account's pictures, 0700 and 0600; belongs to the event loop's thread."""

    def __init__(self, folder: Path, rest: "Rest", *, max_bytes: int = CACHE_BYTES) -> None:
        self._folder = folder
        self._rest = rest
        self._max_bytes = max_bytes
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._tasks: dict[str, asyncio.Task[Path]] = {}

    def cached(self, file_id: int, *, thumbnail: bool) -> Path | None:
        """The picture's file if it is there."""
        path = self._folder / _name(file_id, thumbnail=thumbnail)
        try:
            age = time.time() - path.stat().st_mtime
            if age > _TOUCH_S:
                os.utime(path)
        except OSError:
            return None
        return path

    async def get(self, file_id: int, *, thumbnail: bool) -> Path:
        """The picture's file, fetched if it is not there. Raises `ClientError`, also `pictureTooLarge`."""
        found = self.cached(file_id, thumbnail=thumbnail)
        if found is not None:
            return found
        name = _name(file_id, thumbnail=thumbnail)
        task = self._tasks.get(name)
        if task is None:
            task = self._tasks[name] = asyncio.create_task(self._fetch(file_id, name, thumbnail=thumbnail))
            task.add_done_callback(lambda done: self._forget(name, done))
        return await asyncio.shield(task)

    def stop(self) -> "list[asyncio.Task[Path]]":
        """Give up what is being fetched; the tasks to wait for."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        return tasks

    async def _fetch(self, file_id: int, name: str, *, thumbnail: bool) -> Path:
        data = _Memory()
        path = f"/files/{file_id}/thumbnail" if thumbnail else f"/files/{file_id}"
        async with self._turns:
            try:
                await fetch(self._rest, path, data, max_bytes=PICTURE_MAX_BYTES)
            except ClientError as error:
                if error.code != "fileChanged":
                    raise
                raise ClientError(
                    "pictureTooLarge", "The picture is too large to be shown.", "Download it, and open it elsewhere."
                ) from None
        return await asyncio.to_thread(self._store, name, bytes(data.bytes))

    def _store(self, name: str, data: bytes) -> Path:
        ensure_private_folder(self._folder)
        path = self._folder / name
        write_private(path, data)
        self._evict(path)
        return path

    def _evict(self, newest: Path) -> None:
        """Delete what was used longest ago until the rest fits."""
        try:
            found = []
            for entry in os.scandir(self._folder):
                with contextlib.suppress(FileNotFoundError):  # another process evicts, too
                    status = entry.stat(follow_symlinks=False)
                    found.append((status.st_mtime_ns, status.st_size, entry.path))
            left = sum(size for _, size, _ in found)
            for _, size, path in sorted(found):
                if left <= self._max_bytes:
                    return
                if path != str(newest):
                    Path(path).unlink(missing_ok=True)
                    left -= size
        except OSError as error:
            raise from_os_error(error, self._folder) from error

    def _forget(self, name: str, task: "asyncio.Task[Path]") -> None:
        self._tasks.pop(name, None)
        if not task.cancelled():
            task.exception()  # whoever asked got it


class _Memory:
    """A bounded sink: a picture is small."""

    def __init__(self) -> None:
        self.bytes = bytearray()

    @property
    def size(self) -> int:
        return len(self.bytes)

    async def append(self, data: bytes) -> None:
        self.bytes += data

    async def clear(self) -> None:
        self.bytes.clear()


def _name(file_id: int, *, thumbnail: bool) -> str:
    return f"{file_id}.small" if thumbnail else f"{file_id}.full"
