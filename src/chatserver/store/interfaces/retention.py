"""The store's area of what is removed by age."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from chatproto.models import Floor


@dataclass(frozen=True, slots=True)
class ChatRetention:
    """How long a chat's events are kept. `days` is its own rule: None for the server's, 0 for ever.

    Its log holds the events after `floor` up to `head`; `oldest_at` is the time of the first of them, 0 if there is
    none. `title` is empty for a direct chat, whose people are `people`.
    """

    chat_id: int
    kind: str
    title: str
    people: tuple[int, ...]
    days: float | None
    floor: int
    head: int
    oldest_at: int


class Removed(NamedTuple):
    """What one step of removing has taken from a log."""

    events: int = 0
    messages: int = 0


class Due(NamedTuple):
    """What is older than a time in one chat. `files` and `file_bytes` are those shown nowhere else."""

    events: int = 0
    messages: int = 0
    files: int = 0
    file_bytes: int = 0
    oldest_at: int = 0
    newest_at: int = 0


class ToldFloor(NamedTuple):
    """A chat's floor, and the position of its last rise among those of all chats."""

    floor: Floor
    rev: int


class RetentionStore(Protocol):
    """A chat's floor only rises, and within the transaction that removes the events up to it.

    So a log is always the events after its floor, without holes, whatever is killed when. Times are microseconds.
    """

    async def chats_by_retention(self, after: int, limit: int, *, only_own: bool = False) -> list[ChatRetention]:
        """Chats in ascending id; with `only_own` those with a rule of their own."""
        ...

    async def chat_retention(self, chat_id: int) -> ChatRetention | None: ...

    async def groups_titled(self, title: str, limit: int) -> list[int]:
        """Ids of groups with exactly this title."""
        ...

    async def set_chat_retention(self, chat_id: int, days: float | None) -> bool:
        """Give a chat its own rule, or none; False if there is no such chat. Idempotent."""
        ...

    async def has_own_retention(self) -> bool:
        """Whether any chat has a rule of its own."""
        ...

    async def due(self, chat_id: int, before: int) -> Due:
        """What `remove_before` would remove of a chat in the end."""
        ...

    async def remove_before(self, chat_id: int, before: int, days: float, most: int) -> Removed:
        """Remove the chat's oldest events, as far as they are older than `before`, at most `most` of them.

        Gone with them are text, mentions, pins and the showing of files. That a message was sent is remembered, so
        that sent again it is still a duplicate. `days` is told to clients as the reason.
        """
        ...

    async def floor(self, chat_id: int) -> Floor: ...

    async def floors_since(self, rev: int, limit: int) -> list[ToldFloor]:
        """Floors that rose after this position, in ascending position."""
        ...

    async def floors_of(self, user_id: int, rev: int) -> list[Floor]:
        """Floors of the user's chats that rose after this position."""
        ...

    async def floors_rev(self) -> int:
        """The position of the last rise."""
        ...
