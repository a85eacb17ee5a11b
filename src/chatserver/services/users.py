"""The rules of the users' list: everybody on the server may look it up, and search it."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Final

from chatproto import limits
from chatproto.errors import ChatError
from chatproto.models import User
from chatproto.rest import UsersFound, UsersPage
from chatserver.store.areas.user_words import query_words
from chatserver.store.base import Store

_QUERY_WORDS_MAX: Final = 8
"""Words of a query that count."""
_COMMON: Final = 1_000
"""Words are equally common from here on; counting further would cost more than it saves."""


class Users:
    """The list of everybody with an account on this server; every user may read it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, user_id: int) -> User:
        """One user, a deleted one as well. Raises `userNotFound`."""
        account = await self._store.account(user_id)
        if account is None:
            raise ChatError("userNotFound")
        return account.user

    async def since(self, rev: int, limit: int) -> UsersPage:
        """Users changed after `rev`, in ascending rev; deleted ones as well, so that copies lose their names."""
        users = await self._store.users_since(rev, limit + 1)
        return UsersPage(users=users[:limit], has_more=len(users) > limit)

    async def search(self, query: str, after: str, limit: int) -> UsersFound:
        """Users of whose name or address every word of `query` begins a word; case and accents do not matter.

        `after` is the `next` of an earlier answer to the same query. Raises `invalidFrame` for anything else.
        """
        words = query_words(query, _QUERY_WORDS_MAX)
        if not words:
            return UsersFound(users=[])
        if after:
            first, place = _read_place(after, words)
        else:
            first, place = await self._rarest(words), ("", 0)
        found = await self._store.search_users(words, first, place, limit + 1)
        page = found[:limit]
        more = _place(first, page[-1].word, page[-1].user.id) if len(found) > limit else ""
        return UsersFound(users=[one.user for one in page], next=more)

    async def _rarest(self, words: Sequence[str]) -> int:
        """Which word to follow the index by; the others are looked up for each user on the way."""
        if len(words) == 1:
            return 0
        counts = [await self._store.count_words(word, _COMMON) for word in words]
        return counts.index(min(counts))


def _place(first: int, word: str, user_id: int) -> str:
    return urlsafe_b64encode(f"{first} {user_id} {word}".encode()).decode().rstrip("=")


def _read_place(after: str, words: Sequence[str]) -> tuple[int, tuple[str, int]]:
    try:
        first, user_id, word = urlsafe_b64decode(after + "=" * (-len(after) % 4)).decode().split(" ", 2)
        leading, place = words[_number(first)], (word, _number(user_id))
        if word.startswith(leading):
            return int(first), place
    except (ValueError, IndexError):  # not Base64, not UTF-8, not three parts, not numbers
        pass
    raise ChatError("invalidFrame", "In the query: 'after' is not the 'next' of an answer to this query.")


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 16 and int(text) <= limits.ID_MAX):
        raise ValueError(text)
    return int(text)
