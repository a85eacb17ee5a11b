"""Bodies about files and their uploads."""

from typing import Annotated

from msgspec import Meta

from chatproto import limits
from chatproto.models import ClientId, FileInfo, Time, Wire

UploadId = Annotated[int, Meta(ge=1, le=limits.ID_MAX, description="An upload's id.")]
FileSize = Annotated[int, Meta(ge=0, le=limits.FILE_SIZE_MAX, description="Bytes.")]


class UploadRequest(Wire, frozen=True, kw_only=True):
    """Announces a file. `client_id` makes it idempotent: the same id, name and size give the same upload."""

    name: Annotated[str, Meta(max_length=limits.FILE_NAME_MAX_CHARS * 8)]
    size: FileSize
    client_id: ClientId | None = None


class Upload(Wire, frozen=True, kw_only=True):
    """How far an upload has come: `offset` bytes of `size` are stored. `file` is there once all of them are.

    Without progress it is forgotten at `expires_at`; a complete one then leaves its file.
    """

    id: UploadId
    name: str
    size: FileSize
    offset: FileSize
    expires_at: Time
    file: FileInfo | None = None
