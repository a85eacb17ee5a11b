"""Whom a text mentions: `@` and the email or name of somebody who is in the chat, as far as the cache knows."""

import re
from typing import Final

from chatproto import limits
from chatproto.models import ChatCreated, MembersChanged, Message, User
from chatterm.client.cache_read import CacheQueries

_MENTIONS_MAX: Final = 100
_LOOKED_AT: Final = 1_000
"""So many of a group's newest events say who is in it; nobody else is mentioned by mere text."""
_WORDS_MAX: Final = 4
_MARKS: Final = ".,;:!?)'\""
_EMAIL: Final = re.compile(r"[^\s@,;]+@[^\s@,;]+")
_SIGN: Final = re.compile(r"(?<![\w@])@(?=\w)")


def mentioned(cache: CacheQueries, chat_id: int, text: str) -> tuple[int, ...]:
    """Ids of the people that a text names with `@`, each once, in the order of the text; the longest name counts.

    Only people who are probably members, because the server refuses a message that mentions others.
    """
    places = [found.end() for found in _SIGN.finditer(text)]
    if not places:
        return ()
    names = _names(cache, chat_id)
    found: dict[int, None] = {}
    folded = text.casefold() if text.isascii() else None
    for place in places:
        rest = (folded[place:] if folded is not None else text[place:].casefold())[: limits.EMAIL_MAX_CHARS + 1]
        fits = [name for name in names if rest.startswith(name) and not _goes_on(rest, len(name))]
        if fits:
            found[names[max(fits, key=len)]] = None
    return tuple(found)[:_MENTIONS_MAX]


def is_unsure(cache: CacheQueries, chat_id: int, text: str) -> bool:
    """Whether a text may mention somebody of whom the cache does not know that they are in the chat.

    True if it names a known person, or an unknown email, and the cache lacks events of the chat, or people in it.
    """
    places = [found.end() for found in _SIGN.finditer(text)]
    if not places:
        return False
    head = cache.head(chat_id)
    present = _present(cache, chat_id)
    whole = not cache.holes(chat_id, max(1, head - _LOOKED_AT + 1), head)
    if whole and all(cache.user(user_id) is not None for user_id in present):
        return False
    for place in places:
        for name in _candidates(text[place:]):
            people = [cache.user_by_email(name)] if "@" in name else cache.users_by_name(name)
            if not people and "@" not in name:
                continue
            if any(user is None or user.id not in present for user in people):
                return True
    return False


def _candidates(text: str) -> list[str]:
    """What may be meant: an email, or the first words."""
    email = _EMAIL.match(text)
    words = text.split(maxsplit=_WORDS_MAX)[:_WORDS_MAX]
    names = [" ".join(words[:count]).rstrip(_MARKS) for count in range(1, len(words) + 1)]
    return [*([email[0].rstrip(_MARKS).casefold()] if email else []), *names]


def _goes_on(text: str, place: int) -> bool:
    return place < len(text) and (text[place].isalnum() or text[place] == "_")


def _names(cache: CacheQueries, chat_id: int) -> dict[str, int]:
    """Case-folded emails, names and unshared first names of those who are in a chat."""
    people = [user for user_id in _present(cache, chat_id) if (user := cache.user(user_id)) is not None]
    names: dict[str, int] = {}
    shared: set[str] = set()
    for user in people:
        for name in {user.display_name.casefold(), *_first_name(user)}:
            if names.setdefault(name, user.id) != user.id:
                shared.add(name)
    for name in shared:
        del names[name]
    return names | {user.email: user.id for user in people if user.email}


def _first_name(user: User) -> list[str]:
    return user.display_name.casefold().split()[:1]


def _present(cache: CacheQueries, chat_id: int) -> set[int]:
    chat = cache.chat(chat_id)
    if chat is None:
        return set()
    if chat.kind == "direct":
        return {chat.peer_id} if chat.peer_id is not None else set()
    present: set[int] = set()
    for event in cache.events(chat_id, max(1, chat.head - _LOOKED_AT + 1), chat.head):
        match event:
            case ChatCreated():
                present |= {event.sender_id, *event.member_ids}
            case MembersChanged():
                present = (present | {event.sender_id, *event.added}) - set(event.removed)
            case Message():
                present.add(event.sender_id)
            case _:
                pass
    return present
