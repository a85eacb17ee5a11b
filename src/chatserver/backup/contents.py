"""Reads and places the content of files in whatever storage the settings name, for code that runs without a loop."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Coroutine, Generator, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, TypeVar

from chatproto.errors import ChatError
from chatserver import backends
from chatserver.backup.errors import BackupError
from chatserver.backup.folder import SteadyFile, told
from chatserver.config import ConfigError
from chatserver.files.base import CHUNK_BYTES, BlobMissingError
from chatserver.files.threads import DiskThreads
from chatserver.settings import Settings

T = TypeVar("T")


class Found:
    """Content that is there; `parts` gives exactly its size, filled up with zeros if it is `short`."""

    def __init__(self, first: bytes, rest: Iterator[bytes], size: int) -> None:
        self._first = first
        self._rest = rest
        self._size = size
        self.short = False

    def parts(self) -> Iterator[bytes]:
        """Its bytes, in order. `short` is known after them."""
        left = self._size - len(self._first)
        yield self._first
        try:
            for part in self._rest:
                left -= len(part)
                yield part
        except BlobMissingError:
            pass
        self.short = left > 0
        while left > 0:
            yield bytes(min(left, CHUNK_BYTES))
            left -= CHUNK_BYTES


class _Storage:
    """The storage of the settings, with a loop and threads of its own. A context manager."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        """`folder` is for a storage on the disk. Raises `BackupError`."""
        self._threads = DiskThreads()
        self._loop = asyncio.new_event_loop()
        try:
            self._blobs = backends.open_blobs(settings, folder, self._threads)
        except BaseException as error:  # also when interrupted: the threads must end
            self.__exit__(None, None, None)
            if isinstance(error, ConfigError):
                raise BackupError(str(error)) from error
            raise

    def __enter__(self) -> Any:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.close()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return self._loop.run_until_complete(work)
        except ChatError as error:
            raise BackupError(f"The storage of files failed: {error.message} Look at the log and try again.") from error


class ContentReader(_Storage):
    """Reads stored content."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, settings.data / "files" / "content")
        self._reading: Generator[bytes, None, None] | None = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._reading is not None:
            self._reading.close()  # it needs the loop for that
        super().__exit__(kind, error, trace)

    def open(self, key: str, size: int) -> Found | None:
        """The content of so many bytes under a key; None if there is none. What was opened before is closed."""
        if self._reading is not None:
            self._reading.close()
        self._reading = parts = self._parts(key, size)
        try:
            return Found(next(parts, b""), parts, size)
        except BlobMissingError:
            return None

    def _parts(self, key: str, size: int) -> Generator[bytes, None, None]:
        reading = self._blobs.read(key, 0, size)
        try:
            while (part := self._run(_next(reading))) is not None:
                yield part
        finally:
            self._run(_close(reading))


async def _next(reading: AsyncGenerator[bytes, None]) -> bytes | None:
    return await anext(reading, None)


async def _close(reading: AsyncGenerator[bytes, None]) -> None:
    await reading.aclose()


class Keeper(Protocol):
    """Takes the content of a backup, one after the other."""

    def keep(self, key: str, parts: Iterable[bytes]) -> None:
        """Take content; every part is read."""
        ...


class Nowhere:
    """Takes content that is only looked at."""

    def keep(self, key: str, parts: Iterable[bytes]) -> None:
        for _ in parts:
            pass


class FolderKeeper:
    """Puts content where a server with this data folder finds it. Durable only after `os.sync`."""

    def __init__(self, data: Path) -> None:
        self._folder = data / "files" / "content"
        for folder in (self._folder.parent, self._folder):
            folder.mkdir(mode=0o700)
        self._made: set[str] = set()

    def keep(self, key: str, parts: Iterable[bytes]) -> None:
        folder = self._folder / key[:2]
        if key[:2] not in self._made:
            folder.mkdir(mode=0o700)
            self._made.add(key[:2])
        write_file(folder / key, parts)


class BucketKeeper(_Storage):
    """Puts content into the bucket of the settings. What is there already under a key is the same."""

    def __init__(self, settings: Settings, scratch: Path) -> None:
        super().__init__(settings, scratch)
        self._scratch = scratch

    def keep(self, key: str, parts: Iterable[bytes]) -> None:
        path = self._scratch / key
        write_file(path, parts)
        self._run(self._blobs.adopt(path, key))
        path.unlink()


def write_file(path: Path, parts: Iterable[bytes]) -> None:
    """A new file, readable by its owner only. Raises `NoRoomError`, `PlaceError`."""
    with told(path, "written"):
        file = path.open("xb")
    try:
        steady = SteadyFile(file)
        with told(path, "written"):
            path.chmod(0o600)
        for part in parts:
            with told(path, "written"):
                steady.write(part)
        with told(path, "written"):
            file.close()
    finally:
        with contextlib.suppress(OSError):  # it would try to write once more what was told already
            file.close()
