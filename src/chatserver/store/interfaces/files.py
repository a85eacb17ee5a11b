"""The store's promises about uploads, files and the content that files share."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from chatproto.models import FileInfo


@dataclass(frozen=True, slots=True)
class NewUpload:
    """An upload to begin. `key` is where its content will be stored, unused so far; `name` is normalised."""

    owner_id: int
    client_id: bytes | None
    name: str
    size: int
    key: str


@dataclass(frozen=True, slots=True)
class UploadRecord:
    """An upload; `file` once it is complete. `expires_at` is in microseconds since 1970 UTC."""

    id: int
    owner_id: int
    name: str
    size: int
    key: str
    expires_at: int
    file: FileInfo | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """What was found out about bytes; `width` and `height` are in pixels, 0 unless it is an image.

    `thumbnail_size` is in bytes, 0 if there is no thumbnail.
    """

    sha256: bytes
    media_type: str
    width: int = 0
    height: int = 0
    thumbnail_size: int = 0


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file and where its content is stored."""

    info: FileInfo
    sha256: bytes
    key: str
    thumbnail_size: int


class FileStore(Protocol):
    """Uploads and files. Guarantees as for every `Store`; durations are in microseconds.

    Every key in the storage of files is known here from before its first byte until after its last: as an
    upload's, as a content's, or as doomed. So whenever a process dies, nothing points to content that is
    missing, and no content is forgotten.
    """

    async def begin_upload(
        self, new: NewUpload, *, user_bytes: int, total_bytes: int, lifetime: int
    ) -> tuple[UploadRecord, bool]:
        """Begin an upload and reserve its size; whether it is new. Idempotent by (owner, client id).

        Raises `uploadConflict` if the client id has another name or size, `quotaExceeded` if the owner's files
        and uploads would come to more than `user_bytes`, and `diskFull` if everybody's would to `total_bytes`.
        """
        ...

    async def upload(self, owner_id: int, upload_id: int) -> UploadRecord | None:
        """An upload of this owner."""
        ...

    async def prolong_upload(self, upload_id: int, lifetime: int) -> None:
        """Let an upload expire `lifetime` from now. Does nothing if it is gone."""
        ...

    async def finish_upload(self, upload_id: int, content: Content, grace: int) -> FileInfo:
        """Make a file of an upload whose content is stored under its key. Idempotent. Raises `uploadNotFound`.

        If the same content is there already the file shares it, and the upload's key is doomed. After `grace`
        the file is removed unless a message or a user shows it by then.
        """
        ...

    async def drop_upload(self, upload_id: int) -> None:
        """Forget an upload; the key of an open one is doomed, the file of a complete one stays. Idempotent."""
        ...

    async def expired_uploads(self, limit: int) -> list[int]:
        """Ids of uploads that have expired, the earliest first, at most `limit`."""
        ...

    async def file(self, viewer_id: int, file_id: int) -> FileRecord | None:
        """A file that this user may read: their own, one that a message of a chat of theirs shows, or an avatar."""
        ...

    async def review_files(self, limit: int) -> int:
        """Look at files due for it, at most `limit`, and remove those that nothing shows; how many were looked at.

        A file is due after its grace, and as soon as a message or a user stops showing it. Content that no
        other file shares is doomed.
        """
        ...

    async def doomed_blobs(self, limit: int) -> list[str]:
        """Keys whose content is to be removed from the storage, at most `limit`."""
        ...

    async def forget_blobs(self, keys: Collection[str]) -> None:
        """The content of these doomed keys has been removed. Idempotent."""
        ...
