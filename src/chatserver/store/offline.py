"""The interface to a database that nobody serves: a copy, made to be kept, checked or put in place."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Protocol

import msgspec

HALF_RESTORED: Final = ".restoring"
"""In a data folder from before the first file of a restore until after the last."""


class Counts(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """How much there is in a database."""

    users: int
    """Without those who were deleted."""
    chats: int
    messages: int
    """Without those that were deleted."""
    events: int
    files: int
    """Attachments and avatars; several may have the same content."""
    contents: int


class StoredContent(msgspec.Struct, frozen=True):
    """Content that a database names; sizes are in bytes."""

    key: str
    sha256: bytes
    size: int
    thumbnail_size: int
    """0: there is no thumbnail."""


class RolledBack(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What was undone."""

    schema: int
    """That the database has now."""
    made_at: str
    """When the copy was made that is in place now, as `20260228T120000Z`."""
    aside: Path
    """Where the database is that was in use until now."""


Progress = Callable[[int, int], None]
"""Told how much is done, and of how much."""


class OfflineStore(Protocol):
    """One database in a folder. Methods raise `StoreUnusableError` for a file that is no such database."""

    @property
    def size(self) -> int:
        """Bytes of the file."""
        ...

    @property
    def path(self) -> Path:
        """The file."""
        ...

    def schema(self) -> int:
        """The number of its newest migration."""
        ...

    def epoch(self) -> str:
        """See `Store.epoch`."""
        ...

    def counts(self) -> Counts:
        """How much there is; needs the newest schema."""
        ...

    def content_bytes(self) -> int:
        """Bytes of all content that it names, thumbnails included; needs the newest schema."""
        ...

    def contents(self) -> Iterator[StoredContent]:
        """All content that it names, ordered by key; needs the newest schema. Memory does not grow with it."""
        ...

    def damage(self) -> list[str]:
        """What is wrong with the file itself, a few sentences at most; empty: nothing. For any schema."""
        ...

    def contradictions(self) -> list[str]:
        """What is wrong with what it says: holes in logs, references to nothing; needs the newest schema."""
        ...

    def migrate(self) -> None:
        """Bring it to the newest schema."""
        ...

    def vacuum(self) -> None:
        """Write its files anew without what is unused in them, so that a server gives space back by itself from then
        on. In one transaction: whole or not at all. Needs up to twice the size of the file beside it.
        """
        ...

    def renew(self, *, sign_out: bool) -> str:
        """Give it a new epoch, which is returned, so that clients drop what they know and keep what they have not sent.

        With `sign_out` every session ends, and the secrets that tokens are made with are replaced.
        """
        ...
