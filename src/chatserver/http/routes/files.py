"""Operations on files: uploads that survive a bad network, and downloads."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from litestar import Response
from msgspec import Meta

from chatproto import codec, limits
from chatproto.errors import ChatError
from chatproto.models import FileInfo
from chatproto.rest import ErrorBody, Upload, UploadRequest
from chatserver import measures
from chatserver.http import downloads
from chatserver.http.operations import Call, Header, Nothing, Operation, Query, Raw
from chatserver.http.requests import HttpRequest
from chatserver.services.files import Downloads, UploadOffsetError, Uploads

PATCH_TYPE: Final = "application/offset+octet-stream"
"""The media type of a piece of an upload, as in tus 1.0."""
_ROOM: Final = ("fileTooLarge", "quotaExceeded", "diskFull", "storageFailed", "overloaded")
_OFFSET: Final = Header(
    "Where the bytes belong.", {"type": "integer", "minimum": 0, "maximum": limits.FILE_SIZE_MAX}, True
)

_received = measures.counter("chatserver_upload_bytes", "Bytes of files taken from clients, whole or in pieces.")


class FileQuery(Query, frozen=True, kw_only=True):
    """What the file is to be called."""

    name: Annotated[str, Meta(max_length=limits.FILE_NAME_MAX_CHARS * 8)] = "file"


def operations(uploads: Uploads, files: Downloads) -> list[Operation]:
    """Sending and fetching files."""
    return [*_announcing(uploads), *_appending(uploads), *_file_operations(uploads, files)]


def _announcing(uploads: Uploads) -> list[Operation]:
    async def begin_upload(call: Call[Nothing, UploadRequest]) -> Response[bytes]:
        upload, is_new = await uploads.begin(call.user_id, call.body)
        return _upload(upload, 201 if is_new else 200)

    async def get_upload(call: Call[Nothing, None]) -> Response[bytes]:
        return _upload(await uploads.state(call.user_id, call.path["uploadId"]))

    async def drop_upload(call: Call[Nothing, None]) -> None:
        await uploads.drop(call.user_id, call.path["uploadId"])

    return [
        Operation(
            method="POST",
            path="/uploads",
            tag="files",
            summary="Announce a file (idempotent with a client id); its bytes follow by PATCH",
            handler=begin_upload,
            body=UploadRequest,
            answer=Upload,
            status=201,
            other_statuses={200: "The upload that this client id began before."},
            errors=("uploadConflict", *_ROOM),
            rate="upload",
        ),
        Operation(
            method="GET",
            path="/uploads/{uploadId}",
            tag="files",
            summary="How far an upload is, and its file once it is complete; HEAD gives 'Upload-Offset' alone",
            handler=get_upload,
            answer=Upload,
            errors=("uploadNotFound",),
            rate="read",
        ),
        Operation(
            method="DELETE",
            path="/uploads/{uploadId}",
            tag="files",
            summary="Give an upload up; the file of a complete one stays",
            handler=drop_upload,
            status=204,
            errors=("uploadNotFound",),
            rate="write",
        ),
    ]


def _appending(uploads: Uploads) -> list[Operation]:
    async def append_to_upload(call: Call[Nothing, None]) -> Response[bytes]:
        request = call.request
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != PATCH_TYPE:
            raise ChatError("invalidFrame", f"Set the header 'Content-Type: {PATCH_TYPE}'.")
        offset = _number(request, "upload-offset")
        if offset is None:
            raise ChatError("invalidFrame", "Set the header 'Upload-Offset' to the offset of the first byte.")
        length = _number(request, "content-length")
        try:
            upload = await uploads.append(call.user_id, call.path["uploadId"], offset, length, _body(request))
        except UploadOffsetError as error:
            return _wrong_offset(error)
        return _upload(upload)

    return [
        Operation(
            method="PATCH",
            path="/uploads/{uploadId}",
            tag="files",
            summary="Send bytes from an offset on; what has arrived is kept if the connection breaks",
            handler=append_to_upload,
            body=Raw(PATCH_TYPE, "The bytes from the offset on, as many as you like."),
            answer=Upload,
            headers={"Upload-Offset": _OFFSET},
            errors=("uploadNotFound", "uploadOffset", "tooLarge", "diskFull", "storageFailed", "overloaded"),
            rate="upload",
        ),
    ]


def _file_operations(uploads: Uploads, files: Downloads) -> list[Operation]:
    async def put_file(call: Call[FileQuery, None]) -> FileInfo:
        length = _number(call.request, "content-length")
        if length is None:
            raise ChatError("lengthRequired")
        return await uploads.put(call.user_id, call.query.name, length, _body(call.request))

    async def get_file(call: Call[Nothing, None]) -> Response[Any]:
        return await downloads.answer(call.request, await files.file(call.user_id, call.path["fileId"]))

    async def get_thumbnail(call: Call[Nothing, None]) -> Response[Any]:
        return await downloads.answer(call.request, await files.thumbnail(call.user_id, call.path["fileId"]))

    return [
        Operation(
            method="POST",
            path="/files",
            tag="files",
            summary="A whole file in one request, for scripts",
            handler=put_file,
            query=FileQuery,
            body=Raw("application/octet-stream", "The file."),
            answer=FileInfo,
            status=201,
            errors=("lengthRequired", *_ROOM),
            rate="upload",
        ),
        _download("/files/{fileId}", "A file, whole or a range of it", get_file, "*/*"),
        _download(
            "/files/{fileId}/thumbnail", "An image, at most 320 pixels wide and high", get_thumbnail, "image/webp"
        ),
    ]


def _download(path: str, summary: str, handler: Any, media_type: str) -> Operation:
    return Operation(
        method="GET",
        path=path,
        tag="files",
        summary=summary,
        handler=handler,
        answer=Raw(media_type, "The bytes."),
        headers=downloads.REQUEST_HEADERS,
        other_statuses={206: "The range that was asked for.", 304: "The version in 'If-None-Match' is still right."},
        errors=("fileNotFound", "rangeInvalid", "storageFailed"),
        rate="read",
    )


def _upload(upload: Upload, status: int = 200) -> Response[bytes]:
    headers = {"Upload-Offset": str(upload.offset), "Upload-Length": str(upload.size)}
    if status == 201:
        headers["Location"] = f"/uploads/{upload.id}"
    return Response(codec.encode(upload), status_code=status, headers=headers, media_type="application/json")


def _wrong_offset(error: UploadOffsetError) -> Response[bytes]:
    body = codec.encode(ErrorBody(error=error.info()))
    headers = {"Upload-Offset": str(error.offset)}
    return Response(body, status_code=error.http_status, headers=headers, media_type="application/json")


def _number(request: HttpRequest, header: str) -> int | None:
    value = request.headers.get(header, "")
    if not value:
        return None
    if not (value.isascii() and value.isdecimal() and len(value) <= 15):
        raise ChatError("invalidFrame", f"The header '{header}' must be a number of bytes.")
    return int(value)


async def _body(request: HttpRequest) -> AsyncIterator[bytes]:
    """The parts of a body as they arrive; ends early if the connection does."""
    while True:
        event = await request.receive()
        if event["type"] != "http.request":
            return
        if event["body"]:
            _received.value += len(event["body"])
            yield event["body"]
        if not event.get("more_body", False):
            return
