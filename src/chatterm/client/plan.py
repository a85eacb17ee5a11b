"""What to ask the server for next: decisions about users, chats and pages of events, without any I/O."""

from collections import deque
from collections.abc import Iterable
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from chatproto import limits
from chatterm.client.ports import CacheReader

EAGER_EVENTS: Final = 1_000
"""Up to this far below its head, what is missing of a chat is fetched unasked if the gap ends in there."""
EAGER_CHATS: Final = 500
"""Chats whose newest page is fetched unasked after a connection was made; others wait until they are looked at."""
EAGER_TOTAL: Final = 20_000
"""Events fetched unasked in one connection besides the newest page of each chat."""
FILLS_MAX: Final = 64
"""Ranges that a reader asked for and that still wait; the oldest give way, the reader has moved on."""
LISTED_MAX: Final = 8
"""Up to this many unknown chats are asked for one by one, more by the pages of all chats."""


class UsersJob(Struct, frozen=True):
    """Fetch a page of users changed after `since`."""

    since: int


class ChatJob(Struct, frozen=True):
    """Fetch one chat."""

    chat_id: int


class ChatsJob(Struct, frozen=True):
    """Fetch a page of all chats, those after `after`."""

    after: int


class PageJob(Struct, frozen=True):
    """Fetch the page of a chat's events that ends just before `before_seq`."""

    chat_id: int
    before_seq: int
    limit: int
    eager: bool = False
    """Nobody asked for it."""


Range = tuple[int, int, int]
"""A chat, its first and its last event that are meant."""
Job = UsersJob | ChatJob | ChatsJob | PageJob


class FetchPlan:
    """Picks one job at a time: what the reader looks at first, then names, then the newest of every chat.

    Everything it holds is bounded, and derived again from the server's next `welcome`, so losing it is harmless.
    """

    def __init__(self) -> None:
        self.focus: int | None = None
        self._fills: deque[Range] = deque(maxlen=FILLS_MAX)
        self._asked: set[Range] = set()
        self.filled: deque[Range] = deque(maxlen=FILLS_MAX)
        """Ranges that a reader asked for and that came without being fetched here: another process did it."""
        self._users_rev = 0
        self._unknown: dict[int, None] = {}
        self._all_chats_after: int | None = None
        self._behind: dict[int, int] = {}
        self._gaps: dict[int, None] = {}
        self._eager_left = EAGER_TOTAL

    def connected(self) -> None:
        """A new connection begins: forget what the server says anew, but neither gaps nor what the reader wants."""
        self._users_rev = 0
        self._unknown.clear()
        self._all_chats_after = None
        self._behind.clear()
        self._eager_left = EAGER_TOTAL

    def want_users(self, rev: int) -> None:
        """Users have changed up to this rev."""
        self._users_rev = max(rev, self._users_rev)

    def want_chats(self, chat_ids: Iterable[int]) -> None:
        """Chats that the cache does not know."""
        self._unknown.update(dict.fromkeys(chat_ids))
        if len(self._unknown) > LISTED_MAX:
            self._unknown.clear()
            self._all_chats_after = 0

    def want_newest(self, heads: Iterable[tuple[int, int]]) -> None:
        """Chats, by id and head, whose newest events may not be cached; the first come first."""
        for chat_id, head in heads:
            if chat_id in self._behind or chat_id == self.focus or len(self._behind) < EAGER_CHATS:
                self._behind[chat_id] = max(head, self._behind.get(chat_id, 0))

    def want_gaps(self, chat_ids: Iterable[int]) -> None:
        """Chats that may have a gap near their heads."""
        for chat_id in chat_ids:
            if len(self._gaps) < EAGER_CHATS:
                self._gaps[chat_id] = None

    def want_range(self, chat_id: int, first_seq: int, last_seq: int) -> None:
        """A reader looks at these events."""
        wanted = (chat_id, max(first_seq, 1), last_seq)
        if wanted in self._fills:
            self._fills.remove(wanted)
        self._fills.append(wanted)

    def next_job(self, cache: CacheReader, users_rev: int) -> Job | None:
        """The most urgent job, None if there is nothing to do. `users_rev`: the cache's."""
        return (
            (None if self.focus is None else self._newest(cache, self.focus))
            or self._next_fill(cache)
            or self._next_names(users_rev)
            or self._next_newest(cache)
            or self._next_gap(cache)
        )

    def done(self, job: Job, *, progress: bool, more_after: int | None = None) -> None:
        """A job was carried out. Without `progress` it is not tried again in this connection.

        `more_after`: for a page of chats, the id after which the next one begins.
        """
        match job:
            case UsersJob():
                self._users_rev = self._users_rev if progress else 0
            case ChatJob():
                self._unknown.pop(job.chat_id, None)
            case ChatsJob():
                self._all_chats_after = more_after
            case PageJob():
                self._eager_left -= job.limit if job.eager else 0
                if not progress:
                    self.forget(job.chat_id)

    def forget(self, chat_id: int) -> None:
        """There is nothing to be had of this chat now."""
        for waiting in (self._behind, self._gaps, self._unknown):
            waiting.pop(chat_id, None)
        self._fills = deque((fill for fill in self._fills if fill[0] != chat_id), maxlen=FILLS_MAX)

    def _next_fill(self, cache: CacheReader) -> PageJob | None:
        while self._fills:
            chat_id, first, last = self._fills[-1]
            holes = cache.holes(chat_id, first, min(last, cache.head(chat_id)))
            if holes:
                self._asked = {*self._asked.intersection(self._fills), self._fills[-1]}
                return _page(chat_id, *holes[-1])
            wanted = self._fills.pop()
            if wanted not in self._asked:
                self.filled.append(wanted)
        return None

    def _next_names(self, users_rev: int) -> Job | None:
        if users_rev < self._users_rev:
            return UsersJob(users_rev)
        if self._all_chats_after is not None:
            return ChatsJob(self._all_chats_after)
        return next((ChatJob(chat_id) for chat_id in self._unknown), None)

    def _next_newest(self, cache: CacheReader) -> PageJob | None:
        while self._behind:
            job = self._newest(cache, next(iter(self._behind)))
            if job is not None:
                return job
        return None

    def _newest(self, cache: CacheReader, chat_id: int) -> PageJob | None:
        """The newest page of a chat that may be behind; once it is not, its gaps come next."""
        if chat_id not in self._behind:
            return None
        head = max(cache.head(chat_id), self._behind[chat_id])
        holes = cache.holes(chat_id, max(1, head - limits.PAGE_MAX + 1), head)
        if holes and holes[-1][1] == head:
            return _page(chat_id, *holes[-1])
        del self._behind[chat_id]
        self.want_gaps([chat_id])
        return None

    def _next_gap(self, cache: CacheReader) -> PageJob | None:
        while self._gaps and self._eager_left > 0:
            chat_id = next(iter(self._gaps))
            head = cache.head(chat_id)
            lowest = max(1, head - EAGER_EVENTS + 1)
            # A gap that reaches below what is looked at may be endless: it stays one until a reader gets there.
            gaps = [hole for hole in cache.holes(chat_id, lowest, head) if hole[0] > lowest or lowest == 1]
            if gaps:
                return replace(_page(chat_id, *gaps[-1]), eager=True)
            del self._gaps[chat_id]
        return None


def _page(chat_id: int, first: int, last: int) -> PageJob:
    return PageJob(chat_id, last + 1, min(limits.PAGE_MAX, last - first + 1))
