"""The rules of files: what may be uploaded, who may read it, and when it goes."""

from dataclasses import dataclass

from chatserver.files.base import BlobStorage
from chatserver.files.keeping import ContentLock
from chatserver.files.pictures import Pictures
from chatserver.files.spool import Spool
from chatserver.services.files.contents import Contents
from chatserver.services.files.downloads import Download, Downloads
from chatserver.services.files.janitor import Janitor
from chatserver.services.files.uploads import FileLimits, UploadOffsetError, Uploads
from chatserver.store.base import Store

__all__ = ["Download", "Downloads", "FileLimits", "Files", "Janitor", "UploadOffsetError", "Uploads"]


@dataclass(frozen=True, slots=True)
class Files:
    """Everything about files, on one spool and one storage."""

    uploads: Uploads
    downloads: Downloads
    janitor: Janitor

    @classmethod
    def on(
        cls,
        store: Store,
        spool: Spool,
        blobs: BlobStorage,
        limits: FileLimits,
        *,
        lock: ContentLock,
        tidy_interval: float,
    ) -> "Files":
        """The services on their parts; `tidy_interval` is in seconds."""
        contents = Contents(spool, blobs, Pictures())
        uploads = Uploads(store, contents, limits)
        janitor = Janitor(store, uploads, contents, lock=lock, interval_s=tidy_interval)
        return cls(uploads=uploads, downloads=Downloads(store, blobs), janitor=janitor)
