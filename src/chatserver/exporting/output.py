"""Where an export goes: a stream, or a file that appears whole or not at all; and the content of files beside it."""

import contextlib
import os
import secrets
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import BinaryIO

from chatserver.files.base import BlobMissingError, BlobStorage
from chatserver.files.disk import sync_folder
from chatserver.store.interfaces.snapshots import FileRow


@contextlib.contextmanager
def whole_file(path: Path | None) -> Iterator[BinaryIO]:
    """A file for its owner alone that takes its name, durably, when the block ends well; stdout without a path."""
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    descriptor = os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    except BaseException:  # also when interrupted: half an export must not lie around
        partial.unlink(missing_ok=True)
        raise
    sync_folder(path.absolute().parent)


class FilesFolder:
    """A folder with the content of files, each once, under its SHA-256."""

    def __init__(self, folder: Path, blobs: BlobStorage) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._blobs = blobs
        self.count = 0
        """Files that were written."""
        self.missing: list[str] = []
        """Digests of content that the storage does not have."""

    async def save(self, row: FileRow) -> None:
        """Write one content unless it is there. Raises `OSError` and what the storage raises."""
        path = self._folder / row.sha256.hex()
        if path.exists():  # content never changes, and a name appears only with all of it
            return
        try:
            async with aclosing(self._blobs.read(row.key, 0, row.size)) as parts:
                await _write(path, parts)
        except BlobMissingError:
            self.missing.append(row.sha256.hex())
            return
        self.count += 1


async def _write(path: Path, parts: AsyncGenerator[bytes, None]) -> None:
    with whole_file(path) as stream:
        async for part in parts:
            stream.write(part)
