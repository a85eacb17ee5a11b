"""Puts the services of files on the spool and the storage that the settings ask for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chatserver.backends import open_blobs
from chatserver.files.keeping import ContentLock
from chatserver.files.spool import Spool
from chatserver.files.threads import DiskThreads
from chatserver.services.files import FileLimits, Files
from chatserver.settings import Settings
from chatserver.store.base import Store


@asynccontextmanager
async def open_files(store: Store, settings: Settings, *, tidy_interval: float | None) -> AsyncIterator[Files]:
    """The services, and their janitor at work every `tidy_interval` seconds (not at all, if None), within the block.

    Raises `ConfigError` if the storage cannot be used as it is set.
    """
    folder = settings.data / "files"
    limits = FileLimits(
        file_bytes=settings.file_max_bytes,
        user_bytes=settings.file_user_bytes,
        total_bytes=settings.file_total_bytes,
        grace_s=settings.file_grace_s,
        expiry_s=settings.upload_expiry_s,
    )
    threads = DiskThreads()
    try:
        spool = Spool(folder / "uploads", threads, reserve_bytes=settings.file_reserve_bytes)
        blobs = open_blobs(settings, folder / "content", threads)
        lock = ContentLock(settings.data)
        files = Files.on(store, spool, blobs, limits, lock=lock, tidy_interval=tidy_interval or 0.0)
        if tidy_interval is not None:
            files.janitor.start()
        try:
            yield files
        finally:
            await files.janitor.close()
    finally:
        threads.close()
