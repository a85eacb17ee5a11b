"""What a store can tell of itself to whoever watches the server."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from chatserver.measures import Gauge


@dataclass(frozen=True, slots=True)
class StoreState:
    """How large everything is, in bytes, and which schema the database has."""

    parts: dict[str, int]
    """Files by what is in them: `database`, `log` (committed, not yet brought into the database), `search`."""
    unused_bytes: int
    """Of the database, what new rows will take before it grows."""
    file_bytes: int
    """All users' files, uploads under way included, counted before equal content is stored once only."""
    schema: int


class StateStore(Protocol):
    """The engine's own measures."""

    @property
    def engine(self) -> tuple[str, str]:
        """The engine's name and version, such as `("sqlite", "3.40.1")`."""
        ...

    def gauges(self) -> Sequence[Gauge]:
        """What waits and how much of the engine is in use; read without waiting for anything."""
        ...

    async def state(self) -> StoreState:
        """Sizes and schema; costs the same however much is stored."""
        ...
