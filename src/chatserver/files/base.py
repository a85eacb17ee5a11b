"""The interface to the storage of files' content, and what all of its users share."""

from collections.abc import AsyncGenerator, Collection
from pathlib import Path
from typing import Final, Protocol

CHUNK_BYTES: Final = 262_144
"""What is read or sent at a time."""


class BlobMissingError(Exception):
    """There is no content under this key."""


class BlobStorage(Protocol):
    """Immutable content under keys of lower-case letters, digits, `.` and `-`, made by the server itself.

    Temporary failures raise `ChatError`: `diskFull` or `storageFailed`.
    """

    async def adopt(self, source: Path, key: str) -> None:
        """Keep the content of a file under a key; durable when it returns, and idempotent. The source stays."""
        ...

    def read(self, key: str, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """Bytes `start` up to but not including `end`, in order, in small parts. Memory use does not grow with them.

        Nothing is opened before the first part is asked for. Raises `BlobMissingError` instead of that part.
        """
        ...

    async def delete(self, keys: Collection[str]) -> None:
        """Remove content. Idempotent: keys without any are passed over."""
        ...
