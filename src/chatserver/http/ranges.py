"""Byte ranges and versions of what is downloaded, RFC 9110 sections 8.8.3, 13.1 and 14."""

import re
from typing import Final

_RANGE: Final = re.compile(r"bytes=[ \t]*(\d{0,18})-(\d{0,18})[ \t]*", flags=re.ASCII | re.IGNORECASE)


class UnsatisfiableRangeError(Exception):
    """No byte of the range exists."""


def requested(header: str | None, size: int) -> tuple[int, int] | None:
    """The bytes that a `Range` header asks for, from a start up to but not including an end; None for all of them.

    What is not understood is ignored, and several ranges at once are too, as the RFC allows. Raises
    `UnsatisfiableRangeError`.
    """
    found = _RANGE.fullmatch(header or "")
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        if int(last) == 0:
            raise UnsatisfiableRangeError
        return (max(0, size - int(last)), size) if size else None
    if last and int(last) < int(first):
        return None
    if int(first) >= size:
        raise UnsatisfiableRangeError
    return int(first), min(int(last) + 1, size) if last else size


def is_current(if_range: str | None, etag: str) -> bool:
    """Whether a `Range` counts: `If-Range` is absent or names this version. Dates never do, weak tags neither."""
    return if_range is None or if_range.strip() == etag


def is_known(if_none_match: str | None, etag: str) -> bool:
    """Whether the asker has this version already; compared weakly, as the RFC asks."""
    if if_none_match is None:
        return False
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return etag in tags or tags == ["*"]
