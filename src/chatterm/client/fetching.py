"""Read a file from the server to its end, going on after each break where it stopped."""

import asyncio
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import unquote

from chatproto.errors import CODES
from chatproto.models import FileInfo
from chatterm.client.backoff import Backoff
from chatterm.client.closing import ConnectionEndedError
from chatterm.client.errors import ClientError

if TYPE_CHECKING:
    import httpx

    from chatterm.client.api import Api
    from chatterm.client.tokens import TokenSource

FAILURES_MAX: Final = 12
"""With the waits in between about a minute."""
_WAIT_MAX_S: Final = 10.0
"""Somebody may be waiting: attempts are never further apart, unless the server asks for it."""
_RANGE: Final = re.compile(r"bytes (\d{1,15})-\d{1,15}/(\d{1,15})")
_NAME: Final = re.compile(r"filename\*=UTF-8''([^;]{1,2000})")
_AGAIN: Final = frozenset({"tokenExpired", "tokenInvalid", "tokenMissing", "rangeInvalid"})


class Sink(Protocol):
    """Where the bytes go; both raise `ClientError`."""

    @property
    def size(self) -> int:
        """Bytes that are there already."""
        ...

    async def append(self, data: bytes) -> None: ...

    async def clear(self) -> None:
        """Drop everything: what comes is another version."""
        ...


async def fetch(
    rest: "Callable[[], tuple[Api, TokenSource]]",
    path: str,
    sink: Sink,
    *,
    max_bytes: int,
    size: int | None = None,
    failures_max: int | None = FAILURES_MAX,
    waits: Callable[[ClientError], None] = lambda _: None,
) -> str:
    """Fill `sink` with the whole of the file at `path`; its ETag without quotes, empty if there is none.

    `waits` is told of each failure that is tried again; after `failures_max` of them in a row without a byte it is
    given up. Raises `ClientError`: what the server refused, `fileChanged` if it is not of `size` bytes or has more than
    `max_bytes`, or the failure at which it was given up.
    """
    backoff, failures, etag = Backoff(cap=_WAIT_MAX_S), 0, ""
    while True:
        before = sink.size
        try:
            api, tokens = rest()
            attempt = _Attempt(api, path, sink, etag, (size, max_bytes))
            try:
                return await tokens.call(attempt.run)
            finally:
                etag = attempt.etag
        except ConnectionEndedError as error:
            if not error.temporary:
                raise
            failure: ClientError = error
        except ClientError as error:
            failure = error
        if not failure.temporary and failure.code not in _AGAIN and _is_answer(failure):
            raise failure
        if sink.size > before:
            backoff, failures = Backoff(cap=_WAIT_MAX_S), 0
        failures += 1
        if failures_max is not None and failures >= failures_max:
            raise failure
        waits(failure)
        await asyncio.sleep(backoff.next_delay(failure.retry_after))


def _is_answer(error: ClientError) -> bool:
    """Whether it is the chat server's own word or this machine's, and not that of a gateway in between."""
    return error.code in CODES or error.code not in ("notChatServer", "answerUnreadable")


class _Attempt:
    def __init__(self, api: "Api", path: str, sink: Sink, etag: str, bounds: tuple[int | None, int]) -> None:
        self._api = api
        self._path = path
        self._sink = sink
        self.etag = etag
        self._size, self._max_bytes = bounds

    async def run(self, token: str) -> str:
        sink = self._sink
        if self._size is not None and sink.size >= self._size > 0 and self.etag:
            return self.etag  # the last byte came, and then the connection broke
        if sink.size and sink.size == self._size:
            await sink.clear()
        headers = {"accept-encoding": "identity"}
        if sink.size:
            headers["range"] = f"bytes={sink.size}-"
            if self.etag:
                headers["if-range"] = f'"{self.etag}"'
        try:
            async with self._api.stream("GET", self._path, token=token, headers=headers) as response:
                await self._read(response)
        except ClientError as error:
            if error.code == "rangeInvalid":
                await sink.clear()
            raise
        return self.etag

    async def _read(self, response: "httpx.Response") -> None:
        sink = self._sink
        self.etag = response.headers.get("etag", "").strip('"')
        if response.status_code == 206:
            found = _RANGE.fullmatch(response.headers.get("content-range", ""))
            if found is None or int(found[1]) != sink.size:
                await sink.clear()
                raise _broken("it answers with another range than was asked for")
            total = int(found[2])
        else:
            if sink.size:
                await sink.clear()
            length = response.headers.get("content-length", "")
            if not length.isdecimal():
                raise _broken("it does not say how long the file is")
            total = int(length)
        if total > self._max_bytes or (self._size is not None and total != self._size):
            raise ClientError(
                "fileChanged", f"The file has {total:,} bytes, which is not what was said.", "Ask its sender again."
            )
        async for data in response.aiter_raw():
            if sink.size + len(data) > total:
                await sink.clear()
                raise _broken("it sends more than it said")
            await sink.append(data)
        if sink.size < total:
            raise _broken("it ended early")


def _broken(why: str) -> ClientError:
    return ClientError(
        "answerUnreadable", f"The download was broken: {why}.", "It is tried again by itself.", temporary=True
    )


async def describe(rest: "Callable[[], tuple[Api, TokenSource]]", file_id: int) -> FileInfo:
    """What the server says of a file that one knows by its id only. Raises `ClientError`, also `fileNotFound`."""

    async def ask(token: str) -> FileInfo:
        async with api.stream("GET", f"/files/{file_id}", token=token) as response:
            length = response.headers.get("content-length", "")
            found = _NAME.search(response.headers.get("content-disposition", ""))
            if not length.isdecimal():
                raise _broken("it does not say how long the file is")
            media_type = response.headers.get("content-type", "application/octet-stream")
            return FileInfo(
                id=file_id, name=unquote(found[1]) if found else "file", size=int(length), media_type=media_type
            )

    api, tokens = rest()
    return await tokens.call(ask)
