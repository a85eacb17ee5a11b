"""Files' content in S3-compatible storage; needs the extra `s3`."""

from collections.abc import AsyncGenerator, Collection
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, Self

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from chatproto.errors import ChatError
from chatserver.files.base import CHUNK_BYTES, BlobMissingError, BlobStorage
from chatserver.files.threads import log
from chatserver.settings import Settings

if TYPE_CHECKING:
    from obstore.store import S3Config

_PART_BYTES: Final = 16 * 1_048_576
"""Bytes of one part of a large upload: at most 10,000 parts make an object, so one may have 160 GB."""
_PARTS_AT_ONCE: Final = 2
"""Together they bound the memory that an upload to the storage takes."""
_RETRIES: Final = 3
_RETRY_S: Final = 30


@dataclass(frozen=True, slots=True)
class S3Place:
    """Where the bucket is and what opens it; a field that is empty is taken from the usual AWS variables."""

    bucket: str
    endpoint: str = ""
    region: str = ""
    prefix: str = ""
    access_key_id: str = ""
    secret_access_key: str = ""

    @classmethod
    def of(cls, settings: Settings, use: Literal["s3", "backup_s3"]) -> Self:
        """As the settings say whose names begin so."""
        return cls(*(getattr(settings, f"{use}_{field}") for field in cls.__slots__))


def open_bucket(place: S3Place) -> S3Store:
    """The bucket, or the folder within it; nothing is asked of it yet."""
    config: S3Config = {}
    if place.endpoint:
        config["endpoint"] = place.endpoint
    if place.region:
        config["region"] = place.region
    if place.access_key_id:
        config["access_key_id"] = place.access_key_id
        config["secret_access_key"] = place.secret_access_key
    return S3Store(
        place.bucket,
        prefix=place.prefix or None,
        config=config,
        client_options={"allow_http": place.endpoint.startswith("http://")},
        retry_config={"max_retries": _RETRIES, "retry_timeout": timedelta(seconds=_RETRY_S)},
    )


class S3Blobs:
    """See `BlobStorage`. Durable as soon as the storage has answered."""

    def __init__(self, place: S3Place) -> None:
        self._store = open_bucket(place)

    async def adopt(self, source: Path, key: str) -> None:
        try:
            await obstore.put_async(self._store, key, source, chunk_size=_PART_BYTES, max_concurrency=_PARTS_AT_ONCE)
        except (BaseError, OSError) as error:
            raise _failed("put", error) from error

    async def read(self, key: str, start: int, end: int) -> AsyncGenerator[bytes, None]:
        if start >= end:
            return
        try:
            found = await obstore.get_async(self._store, key, options={"range": (start, end)})
            async for part in found.stream(min_chunk_size=CHUNK_BYTES):
                yield bytes(part)
        except FileNotFoundError:
            raise BlobMissingError(key) from None
        except (BaseError, OSError) as error:
            raise _failed("get", error) from error

    async def delete(self, keys: Collection[str]) -> None:
        try:
            await obstore.delete_async(self._store, list(keys))
        except FileNotFoundError:
            return
        except (BaseError, OSError) as error:
            raise _failed("delete", error) from error


def _failed(what: str, error: Exception) -> ChatError:
    # The error's own text may quote addresses and headers.
    log.error("S3 %s failed: %s", what, type(error).__name__)
    return ChatError("storageFailed", retry_after=5.0)


if TYPE_CHECKING:
    _: type[BlobStorage] = S3Blobs  # the type checker proves that the interface is met
