"""Search: understands a query for the user who asks, has the store find messages, and shows where they match."""

import asyncio
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from chatproto import limits
from chatproto.errors import ChatError
from chatproto.models import Message
from chatproto.rest import SearchHit, SearchPage
from chatproto.search_query import AnyTerm, NameTerm, SearchQuery, Sort, best_named, mistake, parse, query_of
from chatproto.search_snippets import matches, snippet_of
from chatproto.search_text import words_of
from chatproto.text import normalize_email
from chatserver.store.base import Store
from chatserver.store.interfaces.search import Found, Place, SearchChat

_NAMESAKES_MAX: Final = 50
"""Users that one `from:` may stand for."""
_TURN_CHARS: Final = 16_384
"""Characters of hits that are looked through before the event loop gets a turn."""
_CURSOR: Final = re.compile(r"([nr])-(\d{1,16})-(\d{1,15})-(\d{1,16})-(\d{1,10})-(\d{1,16})", flags=re.ASCII)


class Names:
    """Display names by their words. Reads only the users that changed since it was asked last."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rev = 0
        self._words: dict[int, tuple[str, ...]] = {}
        self._users: dict[str, set[int]] = {}

    async def users_called(self, name: str) -> list[int]:
        """Ids of the users with exactly this name, or else of those who have all of its words in theirs."""
        while users := await self._store.users_since(self._rev, limits.USERS_PAGE_MAX):
            for user in users:
                self._set(user.id, words_of(user.display_name))
            self._rev = max(self._rev, users[-1].rev)
        known = [self._users.get(word, set()) for word in words_of(name)]
        found = set.intersection(*sorted(known, key=len)) if known else set()
        return best_named([(user_id, self._words[user_id]) for user_id in found], name)

    def _set(self, user_id: int, words: tuple[str, ...]) -> None:
        for word in self._words.get(user_id, ()):
            self._users[word].discard(user_id)
        self._words[user_id] = words
        for word in words:
            self._users.setdefault(word, set()).add(user_id)


class Search:
    """Full-text search over the messages of the chats that a user is a member of now."""

    def __init__(self, store: Store, clock: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock
        self._names = Names(store)

    async def page(self, user_id: int, text: str, *, sort: Sort, limit: int, cursor: str | None) -> SearchPage:
        """One page of hits. Raises `searchInvalid`, `searchTooBroad`, and `invalidFrame` for a wrong cursor."""
        after = _parsed_cursor(cursor, sort) if cursor is not None else None
        terms = parse(text, self._clock())
        chats = await self._chats(user_id, terms)
        query = await self._query(user_id, terms)
        page = await self._store.search(user_id, query, chats, sort=sort, limit=limit, after=after)
        # What was found may be newer than the end of a membership.
        member_of = set(await self._store.chat_ids(user_id)) if page.found else set()
        hits = await _hits([each for each in page.found if each.place.chat_id in member_of], query)
        next_cursor = _cursor(page.last, sort) if page.last else None
        return SearchPage(hits=hits, has_more=page.last is not None, cursor=next_cursor, incomplete=page.incomplete)

    async def _query(self, user_id: int, terms: Sequence[AnyTerm]) -> SearchQuery:
        senders: set[int] = set()
        not_senders: set[int] = set()
        for term in terms:
            if isinstance(term, NameTerm) and term.name == "from":
                (not_senders if term.negated else senders).update(await self._users(user_id, term, term.value))
        return query_of(terms, senders or None, not_senders)

    async def _users(self, user_id: int, term: NameTerm, value: str) -> list[int]:
        """The users that a value stands for: `me`, an id, an address or a name."""
        if value.lower() == "me":
            return [user_id]
        found: list[int] = []
        if value.isascii() and value.isdecimal() and len(value) < 16:
            found = [int(value)] if await self._store.account(int(value)) else []
        elif "@" in value:
            found = await self._user_with_address(value)
        found = found or await self._names.users_called(value)
        if not found:
            raise mistake(term.position, f"there is no user {value!r}. Give an address, a name, an id, or 'me'.")
        if len(found) > _NAMESAKES_MAX:
            raise mistake(term.position, f"more than {_NAMESAKES_MAX} users are called {value!r}. Give an address.")
        return found

    async def _user_with_address(self, value: str) -> list[int]:
        try:
            account = await self._store.account_by_email(normalize_email(value))
        except ChatError:
            return []
        return [account.user.id] if account else []

    async def _chats(self, user_id: int, terms: Sequence[AnyTerm]) -> list[SearchChat]:
        """The user's chats, as far as `in:` allows them."""
        chats = {chat.id: chat for chat in await self._store.search_chats(user_id)}
        allowed: set[int] = set()
        refused: set[int] = set()
        named = [term for term in terms if isinstance(term, NameTerm) and term.name == "in"]
        for term in named:
            (refused if term.negated else allowed).update(await self._chats_named(user_id, term, chats.values()))
        if all(term.negated for term in named):
            allowed = set(chats)
        return [chats[chat_id] for chat_id in sorted(allowed - refused)]

    async def _chats_named(self, user_id: int, term: NameTerm, chats: Iterable[SearchChat]) -> list[int]:
        """The user's chats that a value stands for: an id, a title, or the direct chat with a user after `@`."""
        chats = list(chats)
        value = term.value
        found: list[int] = []
        if value.startswith("@") and len(value) > 1:
            people = set(await self._users(user_id, term, value[1:]))
            found = [chat.id for chat in chats if chat.peer_id in people]
        elif value.isascii() and value.isdecimal() and len(value) < 16:
            found = [chat.id for chat in chats if chat.id == int(value)]
        found = found or best_named([(chat.id, words_of(chat.title)) for chat in chats if chat.title], value)
        if not found:
            raise mistake(term.position, f"you have no chat {value!r}. Give a group's title, a chat's id, or @address.")
        return found


async def _hits(found: Sequence[Found], query: SearchQuery) -> list[SearchHit]:
    hits, chars = [], 0
    for each in found:
        chars += len(each.message.text)
        if chars > _TURN_CHARS:
            await asyncio.sleep(0)
            chars = 0
        if matches(query, each.message):
            hits.append(_hit(each.place.chat_id, each.message, query))
    return hits


def _hit(chat_id: int, message: Message, query: SearchQuery) -> SearchHit:
    snippet, spans = snippet_of(message.text, query.wanted)
    return SearchHit(chat_id=chat_id, message=message, snippet=snippet, matches=spans)


def _cursor(place: Place, sort: Sort) -> str:
    return f"{sort[0]}-{place.at}-{place.chat_id}-{place.seq}-{place.score}-{place.until}"


def _parsed_cursor(cursor: str, sort: Sort) -> Place:
    found = _CURSOR.fullmatch(cursor)
    if found is None or found.group(1) != sort[0]:
        raise ChatError("invalidFrame", "The query value 'cursor' must be one that a page of the same search gave.")
    return Place(*map(int, found.groups()[1:]))
