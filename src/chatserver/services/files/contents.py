"""From a complete upload to content in the storage: hash it, tell what it is, make its thumbnail, keep it."""

import hashlib
from pathlib import Path
from typing import Any, Final

from chatserver.files import sniff
from chatserver.files.base import BlobStorage
from chatserver.files.pictures import Pictures
from chatserver.files.spool import Spool
from chatserver.store.interfaces.files import Content

THUMBNAIL_TYPE: Final = "image/webp"
_HASH_BYTES: Final = 8 * 1_048_576
"""Hashed at a time by one thread, so that a large file leaves turns to others."""


def thumbnail_key(key: str) -> str:
    """Where the thumbnail of the content under `key` is kept."""
    return f"{key}.thumbnail"


class Contents:
    """Content of files, in the spool while it arrives and in the storage from then on."""

    def __init__(self, spool: Spool, blobs: BlobStorage, pictures: Pictures) -> None:
        self.spool = spool
        self._blobs = blobs
        self._pictures = pictures

    async def keep(self, key: str) -> Content:
        """Examine a complete upload and keep it, with its thumbnail, under its key. Durable; idempotent.

        The upload stays in the spool until `discard`, so that this can be repeated after a crash.
        """
        path = self.spool.path(key)
        sha256 = await self._hash(path)
        kind = sniff.media_type(await self.spool.threads.run(_head, path))
        content = Content(sha256, kind)
        if kind in sniff.IMAGES:
            content = await self._picture(key, sha256)
        await self._blobs.adopt(path, key)
        return content

    async def discard(self, key: str) -> None:
        """Remove an upload from the spool. Idempotent."""
        await self.spool.discard(thumbnail_key(key))
        await self.spool.discard(key)

    async def remove(self, keys: list[str]) -> None:
        """Remove content, its thumbnails, and what the spool has under these keys. Idempotent."""
        for key in keys:
            await self.discard(key)
        await self._blobs.delete([name for key in keys for name in (key, thumbnail_key(key))])

    async def _picture(self, key: str, sha256: bytes) -> Content:
        name = thumbnail_key(key)
        thumbnail = self.spool.path(name)
        picture = await self._pictures.shrink(self.spool.path(key), thumbnail)
        if picture is None:
            # It says that it is an image and cannot be shown as one: nobody should try to.
            return Content(sha256, sniff.UNKNOWN)
        size = await self.spool.offset(name)
        await self._blobs.adopt(thumbnail, name)
        return Content(sha256, picture.media_type, picture.width, picture.height, thumbnail_size=size)

    async def _hash(self, path: Path) -> bytes:
        digest = hashlib.sha256()
        offset = 0
        while read := await self.spool.threads.run(_hash_part, path, offset, digest):
            offset += read
        return digest.digest()


def _hash_part(path: Path, offset: int, digest: Any) -> int:
    buffer = memoryview(bytearray(1_048_576))
    done = 0
    with path.open("rb", buffering=0) as content:
        content.seek(offset)
        while done < _HASH_BYTES and (read := content.readinto(buffer)):
            digest.update(buffer[:read])
            done += read
    return done


def _head(path: Path) -> bytes:
    with path.open("rb") as content:
        return content.read(sniff.HEAD_BYTES)
