"""Where backups are kept: a folder, or a bucket of S3-compatible storage; what they share, and how they are opened."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol

from chatserver.backup.errors import BackupError
from chatserver.backup.folder import FolderPlace
from chatserver.settings import Settings


class Sink(Protocol):
    """What the bytes of a backup are written to."""

    def write(self, data: bytes, /) -> object:
        """Take all of it."""
        ...


class Place(Protocol):
    """Files under names, each there whole or not at all. Raises `PlaceError` or `NoRoomError`."""

    @property
    def kind(self) -> str:
        """`folder` or `s3`."""
        ...

    def list(self) -> Iterator[tuple[str, int]]:
        """Names and sizes in bytes of all that is there."""
        ...

    def read(self, name: str, limit: int) -> bytes | None:
        """A small file; None if there is none, or if it has more bytes than `limit`."""
        ...

    def open(self, name: str) -> AbstractContextManager[BinaryIO]:
        """A file, to be read from its beginning in parts."""
        ...

    def writing(self, name: str) -> AbstractContextManager[Sink]:
        """A new file: there, durable and whole, when the block ends, and not at all if the block fails."""
        ...

    def delete(self, name: str) -> None:
        """Remove a file. Idempotent."""
        ...


def places(settings: Settings) -> list[Place]:
    """The places that the settings name, the folder first. Raises `BackupError`."""
    found: list[Place] = []
    if settings.backup_dir is not None:
        found.append(FolderPlace(settings.backup_dir))
    if settings.backup_s3_bucket:
        found.append(_bucket(settings))
    return found


def _bucket(settings: Settings) -> Place:
    try:
        from chatserver.backup.bucket import BucketPlace  # noqa: PLC0415 - an extra that other servers do not have
        from chatserver.files.s3 import S3Place  # noqa: PLC0415 - likewise
    except ModuleNotFoundError as error:
        raise BackupError("The setting 'backup_s3_bucket' needs the extra 's3'. Install chatterm[s3].") from error
    return BucketPlace(S3Place.of(settings, "backup_s3"))
