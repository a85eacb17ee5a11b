"""Read what a request carries: its body, its query values and who asks; every misuse is a ChatError."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

import msgspec
from litestar import Request

from chatproto import codec, limits
from chatproto.errors import ChatError

HttpRequest = Request[Any, Any, Any]
T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)

_RFC3339: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+\- ]\d\d:\d\d)", flags=re.ASCII
)
_INTEGER: Final = re.compile(r"\d{1,16}", flags=re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def read_query(request: HttpRequest, kind: type[S]) -> S:
    """The query string as a struct. Raises `ChatError` with `invalidFrame` for unknown, repeated and wrong values."""
    values: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in values:
            raise ChatError("invalidFrame", f"Give the query value '{name}' once.")
        values[name] = value
    try:
        query = msgspec.convert(values, kind, strict=False)
    except msgspec.ValidationError as error:
        raise ChatError("invalidFrame", f"In the query: {error}.") from None
    for field in msgspec.structs.fields(query) if values else ():
        # The word "null" would otherwise stand for absence.
        if field.encode_name in values and getattr(query, field.name) is None:
            raise ChatError("invalidFrame", f"The query value '{field.encode_name}' must not be null.")
    return query


async def read_body(request: HttpRequest, kind: type[T], max_bytes: int = limits.BODY_MAX_BYTES) -> T:
    """The JSON body as `kind`. Raises `ChatError`: `tooLarge` before more than the cap is read, `invalidJson`, ..."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise ChatError("invalidJson", "Set the header 'Content-Type: application/json'.")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > max_bytes:
        raise ChatError("tooLarge", f"At most {max_bytes} bytes.")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > max_bytes:
            raise ChatError("tooLarge", f"At most {max_bytes} bytes.")
    return codec.decode_body(bytes(body), kind, max_bytes=max_bytes)


def bearer_token(request: HttpRequest) -> str:
    """The access token (RFC 6750 section 2.1). Raises `ChatError` with `tokenMissing`."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise ChatError("tokenMissing")
    return token.strip()


def parse_time(value: str | None, name: str) -> int | None:
    """A time of the query string in microseconds since 1970 UTC: an integer, or RFC 3339 with its offset.

    Raises `ChatError` with `invalidFrame`.
    """
    if value is None:
        return None
    time = int(value) if _INTEGER.fullmatch(value) else _rfc3339(value)
    if time is None or not 0 <= time <= limits.TIME_MAX:
        raise ChatError(
            "invalidFrame",
            f"The query value '{name}' must be a time like 2026-01-31T12:00:00Z, or microseconds since 1970 UTC.",
        )
    return time


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
