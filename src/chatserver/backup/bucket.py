"""Backups in a bucket of S3-compatible storage; needs the extra `s3`."""

import contextlib
import io
from collections.abc import Iterator
from typing import BinaryIO, Final

import obstore
from obstore.exceptions import BaseError

from chatserver.backup.errors import PlaceError
from chatserver.backup.places import Sink
from chatserver.files.s3 import S3Place, open_bucket

_PART_BYTES: Final = 16 * 1_048_576
"""At most 10,000 parts make an object, so a backup may have 160 GB."""
_READ_BYTES: Final = 1_048_576


class BucketPlace:
    """See `Place`. An object is there when its last part was taken, and not before."""

    kind: Final = "s3"

    def __init__(self, place: S3Place) -> None:
        self._place = place
        self._store = open_bucket(place)

    def list(self) -> Iterator[tuple[str, int]]:
        with self._told("read"):
            # One object a name: what lies in folders below is not ours.
            for meta in obstore.list_with_delimiter(self._store)["objects"]:
                yield meta["path"].rpartition("/")[2], meta["size"]

    def read(self, name: str, limit: int) -> bytes | None:
        with self._told("read"):
            try:
                found = obstore.get(self._store, name)
            except FileNotFoundError:
                return None
            return bytes(found.bytes()) if found.meta["size"] <= limit else None

    @contextlib.contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        with self._told("read"):
            try:
                found = obstore.get(self._store, name)
            except FileNotFoundError:
                raise PlaceError(
                    f"There is no {name} in the bucket {self._place.bucket}. 'chatserver backups' lists what there is."
                ) from None
            yield io.BufferedReader(_Stream(found), _READ_BYTES)

    @contextlib.contextmanager
    def writing(self, name: str) -> Iterator[Sink]:
        with self._told("written"):
            writer = obstore.open_writer(self._store, name, buffer_size=_PART_BYTES, max_concurrency=2)
            yield writer
            writer.close()  # only now the parts become an object; without it they are nothing that is listed or read

    def delete(self, name: str) -> None:
        with self._told("written"), contextlib.suppress(FileNotFoundError):
            obstore.delete(self._store, name)

    @contextlib.contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except (BaseError, OSError) as error:
            # The error's own text may quote addresses and headers.
            raise PlaceError(
                f"The bucket {self._place.bucket} cannot be {what}: {type(error).__name__}. "
                "Check the settings 'backup_s3_...' and that the storage can be reached."
            ) from error


class _Stream(io.RawIOBase):
    """An answer of the storage as a file."""

    def __init__(self, answer: "obstore.GetResult") -> None:
        self._parts = iter(answer.stream(min_chunk_size=_READ_BYTES))
        self._part = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override] # the two kinds that are given
        while not self._part:
            part = next(self._parts, None)
            if part is None:
                return 0
            self._part = memoryview(bytes(part))
        count = min(len(buffer), len(self._part))
        buffer[:count] = self._part[:count]
        self._part = self._part[count:]
        return count
