"""What can be read of one moment about one person."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from chatproto.models import LogEvent
from chatserver.store.interfaces.erasures import LogPlace


class Section(NamedTuple):
    """One kind of thing that is kept about a person; times are in microseconds since 1970 UTC."""

    name: str
    records: list[dict[str, object]]


@dataclass(frozen=True, slots=True)
class OwnFile:
    """A file that the person uploaded, and the key under which the storage of files has its content."""

    id: int
    name: str
    size: int
    media_type: str
    created_at: int
    sha256: bytes
    key: str


class PersonalEvent(NamedTuple):
    """An event that the person made, or a message that may hold a reaction of theirs."""

    chat_id: int
    event: LogEvent


class PersonalStore(Protocol):
    """Part of a snapshot."""

    async def sections(self, user_id: int) -> list[Section]:
        """What is kept about a person besides events and files."""
        ...

    async def own_files(self, user_id: int, after: int, limit: int) -> list[OwnFile]:
        """Files of the person with a higher id."""
        ...

    async def own_events(
        self, user_id: int, after: LogPlace, looked_at: int
    ) -> tuple[Sequence[PersonalEvent], LogPlace | None]:
        """What concerns the person among so many events of all logs; and where to look on, None at the end.

        A `changed` event comes without the message that it changed.
        """
        ...
