"""What a store finds: the query, the places it may look at, and what comes back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from chatproto.models import Message
from chatproto.search_query import SearchQuery, Sort


@dataclass(frozen=True, slots=True)
class SearchChat:
    """A chat of the user who searches; `peer_id` is the other person of a direct chat."""

    id: int
    title: str
    peer_id: int | None
    head: int
    head_at: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended, so that the next begins behind it.

    `until` is the time of the newest message that pages by relevance look at, and `score` is theirs alone.
    """

    at: int
    chat_id: int
    seq: int
    score: int = 0
    until: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """A message that the index found, as it is now."""

    place: Place
    message: Message


@dataclass(frozen=True, slots=True)
class FoundPage:
    """Messages in the order asked for. `last` is where the page ended, None if nothing follows.

    `incomplete`: some messages of these chats are not in the index yet.
    """

    found: list[Found]
    last: Place | None
    incomplete: bool


class SearchStore(Protocol):
    """Full-text search over the current text of messages.

    The index follows the logs in the background and is no part of what is durable: it can be lost and is made
    again. A search sees every message, edit and deletion that was acknowledged before it began, or says that
    it is incomplete.
    """

    async def search_chats(self, user_id: int) -> list[SearchChat]:
        """The chats that the user is a member of now."""
        ...

    async def search(
        self,
        user_id: int,
        query: SearchQuery,
        chats: Sequence[SearchChat],
        *,
        sort: Sort,
        limit: int,
        after: Place | None = None,
    ) -> FoundPage:
        """At most `limit` messages of these chats (of `search_chats`); the user's membership is checked again.

        A page may hold fewer than `limit` although others follow: what changed since it was indexed is left
        out by the caller. `relevance` ranks the newest 200 matches. Raises `searchTooBroad`.
        """
        ...
