"""Files' content on the server's own disk: a folder that only the server's user can enter."""

import contextlib
import os
from collections.abc import AsyncGenerator, Collection
from pathlib import Path
from typing import TYPE_CHECKING

from chatserver.files.base import CHUNK_BYTES, BlobMissingError, BlobStorage
from chatserver.files.threads import DiskThreads


class DiskBlobs:
    """See `BlobStorage`. Files are spread over 256 folders by the first two characters of their random keys."""

    def __init__(self, folder: Path, threads: DiskThreads) -> None:
        make_private(folder)
        self._folder = folder
        self._threads = threads

    async def adopt(self, source: Path, key: str) -> None:
        """Takes no room if source and folder are on one file system: both are names of the same file."""
        await self._threads.run(_adopt, source, self._path(key))

    async def read(self, key: str, start: int, end: int) -> AsyncGenerator[bytes, None]:
        try:
            descriptor = await self._threads.run(os.open, self._path(key), os.O_RDONLY | os.O_NOFOLLOW)
        except FileNotFoundError:
            raise BlobMissingError(key) from None
        try:
            while start < end:
                part = await self._threads.run(os.pread, descriptor, min(CHUNK_BYTES, end - start), start)
                if not part:
                    raise BlobMissingError(key)
                start += len(part)
                yield part
        finally:
            os.close(descriptor)

    async def delete(self, keys: Collection[str]) -> None:
        for key in keys:
            await self._threads.run(remove, self._path(key))

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / key


def make_private(folder: Path) -> None:
    """Make a folder that only its owner may enter; durable. Does nothing if it exists."""
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable; its files have to be synced each for itself."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Remove a file; does nothing if there is none."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()


def _adopt(source: Path, target: Path) -> None:
    make_private(target.parent)
    with source.open("rb") as content:
        os.fsync(content.fileno())
    with contextlib.suppress(FileExistsError):  # linked, but perhaps not synced, before the server died
        os.link(source, target)
    sync_folder(target.parent)


if TYPE_CHECKING:
    _: type[BlobStorage] = DiskBlobs  # the type checker proves that the interface is met
