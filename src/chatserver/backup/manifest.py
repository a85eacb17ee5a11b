"""What a backup says of itself, and the names of its members."""

from typing import Final

import msgspec

from chatserver.store.offline import Counts

FORMAT: Final = 1
HEADER: Final = "backup.json"
DATABASE: Final = "data/chat.db"
CONTENT: Final = "data/files/content/"
STATE: Final = "data/"
CONFIG: Final = "config/"
PROBLEMS: Final = "problems.txt"
SUMS: Final = "SHA256SUMS"
STATE_FOLDERS: Final = ("acme", "tls")
"""Folders of the data folder that hold what the server made for itself and cannot do without."""
STATE_FILES: Final = ("erased.jsonl",)
"""Files of the data folder, likewise: who was erased, so that restoring does not bring them back."""
SMALL_FILES_MAX: Final = 10_000
"""Files of state and configuration, together."""
SMALL_FILE_MAX_BYTES: Final = 4 * 1_048_576
HEADER_MAX_BYTES: Final = 65_536


class Header(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The first member. Sizes are in bytes, the time in seconds since 1970 UTC."""

    format: int
    version: str
    """Of the chatserver that made it."""
    created_at: int
    schema: int
    epoch: str
    counts: Counts
    database_bytes: int
    content_bytes: int
    """Of all files' content and thumbnails that the database names."""
    storage: str
    """Where content was kept: `disk` or `s3`. In the backup it is the same."""


def content_name(key: str) -> str:
    """The member, and the path below the data folder, of stored content."""
    return f"{CONTENT}{key[:2]}/{key}"


def is_small_file(name: str) -> bool:
    """Whether a member may be a file of state or of configuration; such a name leads nowhere else."""
    if not name.isprintable() or "\\" in name or any(part in {"", ".", ".."} for part in name.split("/")):
        return False
    return name in {STATE + file for file in STATE_FILES} or name.startswith(
        (CONFIG, *(f"{STATE}{folder}/" for folder in STATE_FOLDERS))
    )
