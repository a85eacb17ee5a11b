"""Which store and which storage of files the settings ask for: the one place that names the engines."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from chatserver.config import ConfigError
from chatserver.files.base import BlobStorage
from chatserver.files.disk import DiskBlobs
from chatserver.files.threads import DiskThreads
from chatserver.settings import Settings
from chatserver.store import migrations
from chatserver.store.base import Store
from chatserver.store.interfaces.inspection import Inspected
from chatserver.store.offline import OfflineStore, Progress, RolledBack
from chatserver.store.sqlite import SqliteStore, copying
from chatserver.store.sqlite.chat_names import ChatNames


async def open_store(
    data_dir: Path, *, serving: bool, create: bool = True, copy_before_migration: bool = True
) -> Store:
    """Open the store in `data_dir`; its owner closes it.

    With `serving` this process becomes its one server. With `copy_before_migration` a copy of the database is kept
    before an older schema is changed. Raises `StoreUnusableError`, also when there is no
    database yet and `create` is false.
    """
    return await SqliteStore.open(data_dir, serving=serving, create=create, copy_before_migration=copy_before_migration)


def store_engine() -> str:
    """The engine of the store with its version, for people."""
    import sqlite3  # noqa: PLC0415 - only for who asks

    return f"SQLite {sqlite3.sqlite_version}"


def inspect_store(data_dir: Path) -> Inspected:
    """The database in `data_dir`, to be looked at and not changed, for a `with` statement.

    Raises `InspectionError` on entering.
    """
    from chatserver.store.sqlite.inspector import inspect  # noqa: PLC0415 - only for who looks

    return inspect(data_dir)


async def open_chat_names(data_dir: Path) -> ChatNames:
    """What tells the titles of groups in `data_dir`, also while a server serves it; its owner closes it.

    Raises `StoreUnusableError`.
    """
    return await ChatNames.open(data_dir)


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
    return S3Blobs(S3Place.of(settings, "s3"))


def copy_store(data_dir: Path, folder: Path, progress: Progress | None = None) -> OfflineStore:
    """A copy in `folder` of the store in `data_dir` as it is now, also while it is served. Holds up no write.

    Raises `StoreUnusableError`, and `OSError` for the disk of the copy.
    """
    from chatserver.store.sqlite import offline  # noqa: PLC0415 - a server in service does not need it

    source = offline.offline(data_dir)
    copying.copy_database(source.path, folder / source.path.name, progress)
    return offline.offline(folder)


def offline_store(data_dir: Path) -> OfflineStore:
    """The store in a folder that nobody serves. Raises `StoreUnusableError` if there is none."""
    from chatserver.store.sqlite import offline  # noqa: PLC0415 - as above

    return offline.offline(data_dir)


@contextlib.contextmanager
def unserved(data_dir: Path) -> Iterator[OfflineStore]:
    """The store in a folder, brought to the newest schema; nobody can serve it within the block.

    Raises `StoreUnusableError`, also if somebody does.
    """
    from chatserver.store.sqlite import database, offline  # noqa: PLC0415 - as above

    _, lock = database.prepare(data_dir, migrations.load("sqlite"), create=False, serving=True)
    assert lock is not None
    try:
        yield offline.offline(data_dir)
    finally:
        os.close(lock)


def roll_back(data_dir: Path, schema: int | None = None) -> RolledBack:
    """Undo the last change of the schema, or go back to `schema`, however long ago.

    Raises `StoreUnusableError`, `OSError`.
    """
    from chatserver.store.sqlite import rollback  # noqa: PLC0415 - as above

    return rollback.roll_back(data_dir, schema)


def newest_schema() -> int:
    """The number of the newest migration that this version has."""
    return len(migrations.load("sqlite"))
