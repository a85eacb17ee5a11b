"""Names of backups: they tell when the backup was made and whether it is encrypted."""

import re
import secrets
from datetime import UTC, datetime
from typing import Final

import msgspec

NOTE_SUFFIX: Final = ".json"
"""What is known of a backup stands beside it under its name and this."""
_NAME: Final = re.compile(r"chat-(\d{8}T\d{6}Z)-[0-9a-f]{8}\.tar\.zst(\.age)?")
_TIME: Final = "%Y%m%dT%H%M%SZ"


class Note(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """What the maker of a backup wrote beside it. Only told, never trusted: a backup speaks for itself."""

    bytes: int
    sha256: str
    """Of the whole file, in hex."""
    verified_at: int | None = None
    """When it was read again and found whole, in seconds since 1970 UTC."""
    problems: int = 0
    """Files that the server itself lacked when the backup was made."""


def new_name(at: int, *, encrypted: bool) -> str:
    """A fresh name for a backup made `at` seconds since 1970 UTC."""
    time = datetime.fromtimestamp(at, UTC).strftime(_TIME)
    return f"chat-{time}-{secrets.token_hex(4)}.tar.zst{'.age' if encrypted else ''}"


def parse_name(name: str) -> tuple[int, bool] | None:
    """When a backup of this name was made, in seconds since 1970 UTC, and whether it is encrypted; None: not ours."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    try:
        time = datetime.strptime(found.group(1), _TIME).replace(tzinfo=UTC)
    except ValueError:
        return None
    return int(time.timestamp()), found.group(2) is not None
