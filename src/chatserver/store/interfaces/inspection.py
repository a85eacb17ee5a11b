"""What can be told of a stored database without opening it as a store: for looking, also at one that is broken."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol


class InspectionError(Exception):
    """The database cannot be looked at; the text says why, as part of a sentence."""


@dataclass(frozen=True, slots=True)
class StoredContent:
    """The content of files that the database says is in the storage."""

    key: str
    size: int
    sha256: bytes


class Inspector(Protocol):
    """A database that is only read. Every method may raise `InspectionError`."""

    schema: int
    """Number of the last migration that was applied."""
    newest_schema: int
    """That of the last migration that this program knows."""

    def damage(self, *, deep: bool) -> list[str]:
        """What is wrong with the file, in the engine's words, a few of them; nothing if it is whole.

        Without `deep`, pages and records are checked; with it also that indexes and references agree.
        """
        ...

    def epoch(self) -> str:
        """The database's epoch."""
        ...

    def newest_event_at(self) -> int | None:
        """When the newest event was stored, in microseconds since 1970; None without events."""
        ...

    def contents(self, sample: int | None) -> Iterator[StoredContent]:
        """Stored content: all of it in the order of the file, or about `sample` of it at random."""
        ...

    def unindexed(self) -> int | None:
        """Events that the search index does not know yet; None if there is no index."""
        ...

    def log_bytes(self) -> int:
        """Size of what was written and is not yet part of the database's main file."""
        ...


Inspected = AbstractContextManager[Inspector]
