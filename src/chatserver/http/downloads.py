"""Answers that carry a file: by ranges, in small parts, and never as something that a browser would run."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final
from urllib.parse import quote

from litestar import Response
from litestar.response.base import ASGIResponse

from chatproto import codec
from chatproto.errors import ChatError
from chatproto.rest import ErrorBody
from chatserver import measures
from chatserver.http import ranges
from chatserver.http.operations import Header
from chatserver.http.requests import HttpRequest
from chatserver.services.files import Download

_log = logging.getLogger(__name__)

_sent = measures.counter("chatserver_download_bytes", "Bytes of files given to clients.")

_SAFE: Final = {
    "Cache-Control": "private, max-age=3600",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Accept-Ranges": "bytes",
}
_ATTR_CHARS: Final = "!#$&+-.^_`|~"
"""RFC 8187 section 3.2.1, besides letters and digits."""
_ASCII_NAME: Final = str.maketrans({'"': "_", "\\": "_", "%": "_"})

REQUEST_HEADERS: Final = {
    "Range": Header(
        "One range of bytes, RFC 9110 section 14.2; several are answered with the whole.", {"type": "string"}
    ),
    "If-Range": Header("The ETag that the range is meant for.", {"type": "string"}),
    "If-None-Match": Header("ETags that need not be sent again.", {"type": "string"}),
}
"""What the operations that answer with a download look at."""


async def answer(request: HttpRequest, download: Download) -> Response[Any]:
    """The answer to a GET or HEAD: 200, 206 for a range, 304 for a known version, 416 for a range that is not there."""
    etag = f'"{download.version}"'
    headers = {**_SAFE, "ETag": etag}
    if ranges.is_known(request.headers.get("if-none-match"), etag):
        return Response(None, status_code=304, headers=headers)
    start, end, status = 0, download.size, 200
    asked = request.headers.get("range") if request.method == "GET" else None
    if ranges.is_current(request.headers.get("if-range"), etag):
        try:
            found = ranges.requested(asked, download.size)
        except ranges.UnsatisfiableRangeError:
            return _unsatisfiable(download.size)
        if found is not None:
            (start, end), status = found, 206
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{download.size}"
    headers["Content-Length"] = str(end - start)
    headers["Content-Type"] = download.media_type
    headers["Content-Disposition"] = disposition(download.name)
    parts = download.read(start, end if request.method == "GET" else start)
    # The first part comes before the status, which can still become a refusal until then.
    first = await anext(parts, b"")
    return DownloadResponse(first, parts, headers=headers, status_code=status)


def disposition(name: str) -> str:
    """`Content-Disposition` that saves under this name, RFC 6266; the exact name is in `filename*`, RFC 8187."""
    plain = name.encode("ascii", "replace").decode().replace("?", "_").translate(_ASCII_NAME)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe=_ATTR_CHARS)}"


class DownloadResponse(Response[bytes]):
    """A response whose body is read while it is sent: no faster than the client takes it, and only as long."""

    __slots__ = ("_parts",)

    def __init__(
        self, first: bytes, parts: AsyncGenerator[bytes, None], *, headers: dict[str, str], status_code: int
    ) -> None:
        super().__init__(first, headers=headers, status_code=status_code)
        self._parts = parts

    def to_asgi_response(self, *_: Any, headers: dict[str, str] | None = None, **options: Any) -> ASGIResponse:
        """See `Response`; the framework's other options have no meaning for a download."""
        is_head = bool(options.get("is_head_response"))
        return _AsgiDownload(
            self.content, self._parts, {**(headers or {}), **self.headers}, self.status_code or 200, is_head=is_head
        )


class _AsgiDownload(ASGIResponse):
    _should_set_content_length = False

    def __init__(
        self,
        first: bytes,
        parts: AsyncGenerator[bytes, None],
        headers: dict[str, str],
        status_code: int,
        *,
        is_head: bool,
    ) -> None:
        super().__init__(headers=headers, status_code=status_code, is_head_response=is_head)
        self._first = first
        self._parts = parts

    async def send_body(self, send: Any, receive: Any) -> None:
        """Send part after part until the end, or until nobody listens any more."""
        gone = asyncio.ensure_future(_disconnected(receive))
        try:
            async with aclosing(self._parts) as parts:
                await send({"type": "http.response.body", "body": self._first, "more_body": True})
                _sent.value += len(self._first)
                async for part in parts:
                    if gone.done():
                        return
                    await send({"type": "http.response.body", "body": part, "more_body": True})
                    _sent.value += len(part)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except ChatError as error:
            # Too late for a refusal: the connection is cut, and the client sees that bytes are missing.
            _log.error("a download was cut: %s", error.code)
        finally:
            gone.cancel()


async def _disconnected(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _unsatisfiable(size: int) -> Response[bytes]:
    body = codec.encode(ErrorBody(error=ChatError("rangeInvalid").info()))
    return Response(body, status_code=416, headers={"Content-Range": f"bytes */{size}"}, media_type="application/json")
