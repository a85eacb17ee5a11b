"""Which store and which storage of files the settings ask for: the one place that names the engines."""

from pathlib import Path

from chatserver.config import ConfigError
from chatserver.files.base import BlobStorage
from chatserver.files.disk import DiskBlobs
from chatserver.files.threads import DiskThreads
from chatserver.settings import Settings
from chatserver.store.base import Store
from chatserver.store.sqlite import SqliteStore


async def open_store(data_dir: Path, *, serving: bool, create: bool = True) -> Store:
    """Open the store in `data_dir`; its owner closes it.

    With `serving` this process becomes its one server. Raises `StoreUnusableError`, also when there is no
    database yet and `create` is false.
    """
    return await SqliteStore.open(data_dir, serving=serving, create=create)


def open_blobs(settings: Settings, folder: Path, threads: DiskThreads) -> BlobStorage:
    """The storage of files' content; `folder` is for a storage on the own disk. Raises `ConfigError`."""
    if settings.file_storage == "disk":
        return DiskBlobs(folder, threads)
    if not settings.s3_bucket:
        raise ConfigError("With file_storage 's3' the setting s3_bucket is needed. Name the bucket.")
    try:
        from chatserver.files.s3 import S3Blobs, S3Place  # noqa: PLC0415 - an extra that other servers do not have
    except ModuleNotFoundError as error:
        raise ConfigError("file_storage 's3' needs the extra 's3'. Install chatterm[s3].") from error
    return S3Blobs(
        S3Place(
            bucket=settings.s3_bucket,
            endpoint=settings.s3_endpoint,
            region=settings.s3_region,
            prefix=settings.s3_prefix,
            access_key_id=settings.s3_access_key_id,
            secret_access_key=settings.s3_secret_access_key,
        )
    )
