"""What every area of a store stands on: one reader and one writer."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Protocol

from chatserver.store import rows
from chatserver.store.writes import T, Write


class Reader(Protocol):
    """Runs one reading statement on a snapshot that holds every commit acknowledged before."""

    async def all(self, statement: str, *args: Any) -> Sequence[rows.Row]: ...


class Area(ABC):
    """Base of the areas; a backend supplies both halves."""

    @property
    @abstractmethod
    def _reader(self) -> Reader:
        """Runs statements outside of any transaction."""

    @abstractmethod
    async def _write(self, step: Write[T]) -> T:
        """Apply one step in the next commit; durable when it returns. What the step raises undoes it alone."""

    async def _one(self, statement: str, *args: Any) -> rows.Row | None:
        found = await self._reader.all(statement, *args)
        return found[0] if found else None
