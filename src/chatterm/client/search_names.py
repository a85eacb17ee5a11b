"""The people and chats that a search names, by their words; reads only what changed since it was asked last."""

from collections.abc import Iterable, Sequence
from typing import Final

from chatproto.errors import ChatError
from chatproto.models import User
from chatproto.search_query import AnyTerm, NameTerm, SearchQuery, best_named, mistake, query_of
from chatproto.search_text import words_of
from chatproto.text import normalize_email
from chatterm.client.search_cache import SearchCache

NAMESAKES_MAX: Final = 50
"""Users that one `from:` may stand for."""


class SearchNames:
    """Understands `from:` and `in:` as the server does, over what is cached. Not for concurrent use."""

    def __init__(self, cache: SearchCache) -> None:
        self._cache = cache
        self._rev = 0
        self._words: dict[int, tuple[str, ...]] = {}
        self._users: dict[str, set[int]] = {}

    def query(self, terms: Sequence[AnyTerm]) -> tuple[SearchQuery, frozenset[int] | None, frozenset[int]]:
        """What the terms ask for, the chats to look in (None: all), and those not to look in.

        Raises `ChatError` with `searchInvalid` for somebody or some chat that is not known here.
        """
        senders: set[int] = set()
        not_senders: set[int] = set()
        allowed: set[int] = set()
        refused: set[int] = set()
        for term in terms:
            if isinstance(term, NameTerm) and term.name == "from":
                (not_senders if term.negated else senders).update(self._people(term, term.value))
            elif isinstance(term, NameTerm):
                (refused if term.negated else allowed).update(self._chats(term))
        query = query_of(terms, senders or None, not_senders)
        return query, frozenset(allowed) or None, frozenset(refused)

    def _people(self, term: NameTerm, value: str) -> list[int]:
        if value.lower() == "me":
            owner = self._cache.owner()
            return [] if owner is None else [owner.id]
        found: list[int] = []
        if _is_id(value):
            found = [int(value)] if self._cache.user(int(value)) else []
        elif "@" in value:
            found = self._with_address(value)
        found = found or self._called(value)
        if not found:
            raise mistake(term.position, f"there is no user {value!r}. Give an address, a name, an id, or 'me'.")
        if len(found) > NAMESAKES_MAX:
            raise mistake(term.position, f"more than {NAMESAKES_MAX} users are called {value!r}. Give an address.")
        return found

    def _with_address(self, value: str) -> list[int]:
        try:
            user = self._cache.user_by_email(normalize_email(value))
        except ChatError:
            return []
        return [] if user is None else [user.id]

    def _called(self, name: str) -> list[int]:
        """Ids of the users with exactly this name, or else of those who have all of its words in theirs."""
        self._follow()
        known = [self._users.get(word, set()) for word in words_of(name)]
        found = set.intersection(*sorted(known, key=len)) if known else set()
        return best_named([(user_id, self._words[user_id]) for user_id in found], name)

    def _follow(self) -> None:
        known = self._cache.users_rev()
        if known < self._rev:  # another database's users
            self._words.clear()
            self._users.clear()
            self._rev = 0
        for user_id, name in self._cache.names_since(self._rev):
            self._set(user_id, words_of(name))
        self._rev = known  # those after it may have come out of order

    def _set(self, user_id: int, words: tuple[str, ...]) -> None:
        for word in self._words.get(user_id, ()):
            self._users[word].discard(user_id)
        self._words[user_id] = words
        for word in words:
            self._users.setdefault(word, set()).add(user_id)

    def _chats(self, term: NameTerm) -> list[int]:
        """The chats that a value stands for: an id, a title, or the direct chat with a user after `@`."""
        value = term.value
        found: list[int] = []
        if value.startswith("@") and len(value) > 1:
            found = self._cache.direct_chats(self._people(term, value[1:]))
        elif _is_id(value):
            found = [int(value)] if self._cache.chat(int(value)) else []
        found = found or best_named(self._titled(), value)
        if not found:
            raise mistake(term.position, f"you have no chat {value!r}. Give a group's title, a chat's id, or @address.")
        return found

    def suggest(self, name: str, beginning: str, limit: int) -> list[tuple[str, str]]:
        """What may follow `from:` or `in:` if it begins so: what is shown, and what is to be written."""
        words = words_of(beginning.lstrip("@"))
        people = [
            (each.display_name, each.email)
            for each in self._people_beginning(words, limit)
            if name == "from" or self._cache.direct_chats([each.id])
        ]
        if name == "from":
            return people[:limit]
        groups = [
            (title, _written(title, chat_id))
            for chat_id, title in self._cache.titles()
            if _begins(words_of(title), words)
        ]
        return [*groups, *((shown, f"@{email}") for shown, email in people)][:limit]

    def _people_beginning(self, words: Sequence[str], limit: int) -> list[User]:
        """People of whose names each of these begins a word, or whose addresses begin with the first."""
        self._follow()
        found = [
            user_id
            for user_id, known in self._words.items()
            if _begins(known, words)
        ]  # fmt: skip
        users = (self._cache.user(user_id) for user_id in found[: limit * 4])
        return [user for user in users if user is not None and not user.deleted]

    def _titled(self) -> Iterable[tuple[int, tuple[str, ...]]]:
        return ((chat_id, words_of(title)) for chat_id, title in self._cache.titles())


def _begins(known: Sequence[str], words: Sequence[str]) -> bool:
    return all(any(each.startswith(word) for each in known) for word in words)


def _written(title: str, chat_id: int) -> str:
    """A title as it is written behind `in:`; one that cannot be quoted is named by its chat's id."""
    if '"' in title or not words_of(title) or any(char < " " for char in title):
        return str(chat_id)
    return f'"{title}"' if any(map(str.isspace, title)) else title


def _is_id(value: str) -> bool:
    return value.isascii() and value.isdecimal() and len(value) < 16
