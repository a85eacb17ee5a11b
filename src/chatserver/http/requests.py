"""Read what a request carries: its body, its query values and who asks; every misuse is a ChatError."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from litestar import Request

from chatproto import codec, limits
from chatproto.errors import ChatError

HttpRequest = Request[Any, Any, Any]
T = TypeVar("T")

_RFC3339: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+\- ]\d\d:\d\d)", flags=re.ASCII
)
_INTEGER: Final = re.compile(r"\d{1,16}", flags=re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


async def read_body(request: HttpRequest, kind: type[T]) -> T:
    """The JSON body as `kind`. Raises `ChatError`: `tooLarge` before more than the cap is read, `invalidJson`, ..."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise ChatError("invalidJson", "Set the header 'Content-Type: application/json'.")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limits.BODY_MAX_BYTES:
        raise ChatError("tooLarge", f"At most {limits.BODY_MAX_BYTES} bytes.")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > limits.BODY_MAX_BYTES:
            raise ChatError("tooLarge", f"At most {limits.BODY_MAX_BYTES} bytes.")
    return codec.decode_body(bytes(body), kind)


def bearer_token(request: HttpRequest) -> str:
    """The access token (RFC 6750 section 2.1). Raises `ChatError` with `tokenMissing`."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise ChatError("tokenMissing")
    return token.strip()


def query_int(request: HttpRequest, name: str, *, low: int, high: int) -> int | None:
    """An integer of the query string within bounds, None if absent. Raises `ChatError` with `invalidFrame`."""
    value = _single(request, name)
    if value is None:
        return None
    if not _INTEGER.fullmatch(value) or not low <= int(value) <= high:
        raise ChatError("invalidFrame", f"The query value '{name}' must be an integer from {low} to {high}.")
    return int(value)


def query_time(request: HttpRequest, name: str) -> int | None:
    """A time of the query string in microseconds since 1970 UTC: an integer, or RFC 3339 with its offset."""
    value = _single(request, name)
    if value is None:
        return None
    time = int(value) if _INTEGER.fullmatch(value) else _rfc3339(value)
    if time is None or not 0 <= time <= limits.TIME_MAX:
        raise ChatError(
            "invalidFrame",
            f"The query value '{name}' must be a time like 2026-01-31T12:00:00Z, or microseconds since 1970 UTC.",
        )
    return time


def _single(request: HttpRequest, name: str) -> str | None:
    values = request.query_params.getall(name, [])
    if len(values) > 1:
        raise ChatError("invalidFrame", f"Give the query value '{name}' once.")
    return str(values[0]) if values else None


def _rfc3339(value: str) -> int | None:
    found = _RFC3339.fullmatch(value)
    if found is None:
        return None
    date, time, fraction, offset = found.groups()
    # A plus sign that was not escaped arrives as a blank.
    offset = "+00:00" if offset in "Zz" else offset.replace(" ", "+")
    try:
        whole = datetime.fromisoformat(f"{date}T{time}{offset}") - _EPOCH
    except ValueError:
        return None
    return whole // _MICROSECOND + int(((fraction or "") + "000000")[:6])
