"""The searching half of the SQLite store: which part of each chat to look at, and the messages as they are now."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import msgspec

from chatproto import limits
from chatproto.search_query import SearchQuery, Sort
from chatserver.store import rows
from chatserver.store.areas.area import Area
from chatserver.store.interfaces.search import Found, FoundPage, Place, SearchChat
from chatserver.store.sqlite.search_finder import Candidates, ChatRange
from chatserver.store.sqlite.search_index import SearchIndex

_CHATS: Final = """
    SELECT json_group_array(json_array(c.id, c.title, CASE WHEN c.kind = 'group' THEN NULL
        WHEN c.direct_low = $1 THEN c.direct_high ELSE c.direct_low END, c.head, c.head_at))
    FROM members m JOIN chats c ON c.id = m.chat_id WHERE m.user_id = $1"""
_BOUNDS: Final = """
    SELECT json_group_array(json_array(
        COALESCE((SELECT e.seq FROM events e WHERE e.chat_id = json_extract(p.value, '$[0]')
            AND e.at >= json_extract(p.value, '$[1]') ORDER BY e.at LIMIT 1), 1),
        COALESCE((SELECT e.seq FROM events e WHERE e.chat_id = json_extract(p.value, '$[0]')
            AND e.at < json_extract(p.value, '$[2]') ORDER BY e.at DESC LIMIT 1), 0)))
    FROM json_each($1) p"""
_MESSAGES: Final = """
    SELECT e.chat_id, e.seq, e.at, e.sender_id, e.client_id, e.kind, e.body, e.extra
    FROM json_each($1) p CROSS JOIN members m CROSS JOIN events e
    WHERE m.chat_id = json_extract(p.value, '$[0]') AND m.user_id = $2
    AND e.chat_id = m.chat_id AND e.seq = json_extract(p.value, '$[1]') AND e.kind = 'message'"""


class SearchArea(Area):
    """See `chatserver.store.interfaces.search.SearchStore`."""

    @property
    @abstractmethod
    def _search_index(self) -> SearchIndex: ...

    async def search_chats(self, user_id: int) -> list[SearchChat]:
        [[found]] = await self._reader.all(_CHATS, user_id)
        return [SearchChat(*row) for row in msgspec.json.decode(found)]

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
        complete = await self._search_index.catch_up([(chat.id, chat.head) for chat in chats])
        if sort == "newest":
            ranges = await self._ranges(query, [(chat, _end_before(after, chat.id)) for chat in chats])
            candidates = await self._search_index.find(lambda finder: finder.newest(query, ranges, limit))
        else:
            until = after.until if after else max((chat.head_at for chat in chats), default=0)
            ranges = await self._ranges(query, [(chat, until + 1) for chat in chats])
            candidates = await self._search_index.find(lambda finder: finder.best(query, ranges, limit, after))
            candidates = Candidates([replace(place, until=until) for place in candidates.places], candidates.more)
        found = await self._found(user_id, candidates.places)
        return FoundPage(found, candidates.places[-1] if candidates.more else None, incomplete=not complete)

    async def _ranges(self, query: SearchQuery, ends: Sequence[tuple[SearchChat, int]]) -> list[ChatRange]:
        """What of each chat lies before its end and within the query's times. Most chats need no look-up."""
        whole, cut = [], []
        before = limits.TIME_MAX if query.before is None else query.before
        for chat, page_end in ends:
            end = min(page_end, before)
            if end > chat.head_at and not query.since:
                whole.append(ChatRange(chat.id, 1, chat.head, chat.head_at))
            elif (query.since or 0) <= chat.head_at:
                cut.append((chat.id, query.since or 0, end, chat.head_at))
        if not cut:
            return whole
        [[found]] = await self._reader.all(_BOUNDS, rows.to_json(cut))
        bounds = zip(cut, msgspec.json.decode(found), strict=True)
        return whole + [
            ChatRange(chat_id, first, last, min(end - 1, head_at))
            for (chat_id, _, end, head_at), (first, last) in bounds
        ]

    async def _found(self, user_id: int, places: Sequence[Place]) -> list[Found]:
        """The messages at these places that the user may still read, in the same order."""
        keys = rows.to_json([(place.chat_id, place.seq) for place in places])
        found = await self._reader.all(_MESSAGES, keys, user_id)
        messages = {(row[0], row[1]): rows.message(row[0], row[1:]) for row in found}
        return [
            Found(place, message)
            for place in places
            if (message := messages.get((place.chat_id, place.seq))) is not None
        ]


def _end_before(after: Place | None, chat_id: int) -> int:
    """The time before which the next page begins in a chat: hits of one time are in the order of their chats' ids."""
    if after is None:
        return limits.TIME_MAX
    return after.at + 1 if chat_id < after.chat_id else after.at
