"""Downloads: who may read a file, and its bytes."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass

from chatproto.errors import ChatError
from chatserver.files.base import BlobMissingError, BlobStorage
from chatserver.services.files.contents import THUMBNAIL_TYPE, thumbnail_key
from chatserver.store.base import Store


@dataclass(frozen=True, slots=True)
class Download:
    """Content that its asker may read. `version` is the same for the same bytes and for no others."""

    name: str
    media_type: str
    version: str
    size: int
    read: Callable[[int, int], AsyncGenerator[bytes, None]]
    """From a start up to but not including an end. Raises `ChatError` before the first part."""


class Downloads:
    """Files of the user's own, of their chats, and avatars. Any other file looks like one that does not exist."""

    def __init__(self, store: Store, blobs: BlobStorage) -> None:
        self._store = store
        self._blobs = blobs

    async def file(self, user_id: int, file_id: int) -> Download:
        """A file as it was uploaded. Raises `fileNotFound`."""
        found = await self._store.file(user_id, file_id)
        if found is None:
            raise ChatError("fileNotFound")
        return Download(
            name=found.info.name,
            media_type=found.info.media_type,
            version=found.sha256.hex(),
            size=found.info.size,
            read=lambda start, end: self._read(found.key, start, end),
        )

    async def thumbnail(self, user_id: int, file_id: int) -> Download:
        """An image, small. Raises `fileNotFound`, also if the file has none."""
        found = await self._store.file(user_id, file_id)
        if found is None or not found.thumbnail_size:
            raise ChatError("fileNotFound")
        return Download(
            name=f"{found.info.name}.webp",
            media_type=THUMBNAIL_TYPE,
            version=f"{found.sha256.hex()}-thumbnail",
            size=found.thumbnail_size,
            read=lambda start, end: self._read(thumbnail_key(found.key), start, end),
        )

    async def _read(self, key: str, start: int, end: int) -> AsyncGenerator[bytes, None]:
        try:
            async with aclosing(self._blobs.read(key, start, end)) as parts:
                async for part in parts:
                    yield part
        except BlobMissingError:
            # Removed since it was looked up, with the last message that showed it.
            raise ChatError("fileNotFound") from None
