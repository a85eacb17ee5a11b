"""Who may be meant: the members of a chat as far as they are known, and the people and groups of the client list."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from chatproto.models import ChatCreated, MembersChanged, User
from chatterm.client.errors import ClientError
from chatterm.client.model import Entry, EntryRef, Link
from chatterm.client.ports import Engine
from chatterm.tui import fuzzy

_log = logging.getLogger("chatterm.tui")
T = TypeVar("T")
Named = list[tuple[T, str]]
"""Things with their folded names."""

LOOK_BACK: Final = 300
"""Events of a chat in which its members are looked for."""
ENTRIES_MAX: Final = 2_000
"""Rows of the client list, the most recently active ones, among which others are looked for."""
CHATS_MAX: Final = 20
"""Chats whose members are kept in memory."""
FRESH_S: Final = 300.0
"""After this, the members are asked for again, whether their number is another or not."""
AGAIN_S: Final = 2.0
"""After this, they are asked for again if their number is another, or could not be asked for."""
READ_S: Final = 3.0
"""For so long, what was read serves the next keys, too."""
WORTH_MIN: Final = fuzzy.WITHIN
"""How well a name must be found: in one piece."""


@dataclass
class Members:
    """Members of one chat, those who wrote last first. `complete`: these are all, and nobody else is one."""

    user_ids: dict[int, None] = field(default_factory=dict)
    complete: bool = False
    asked_at: float = 0.0


class People:
    """Looks people and groups up in the cache, and members on the server; everything bounded."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._members: dict[int, Members] = {}
        self._read_members: tuple[EntryRef | None, float, Named[User]] = (None, 0.0, [])
        self._read_entries: tuple[float, Named[Entry]] = (0.0, [])

    # --- members

    def members(self, ref: EntryRef) -> Members:
        """Those who are known to be in a conversation, without oneself; from the cache and what was fetched."""
        own_id = self._engine.account.user_id
        if ref.kind == "user":
            return Members({ref.id: None}, complete=True)
        chat = self._engine.cache.chat(ref.id)
        if chat is not None and chat.peer_id is not None:
            return Members({chat.peer_id: None}, complete=True)
        fetched = self._members.get(ref.id, Members())
        known, gone = self._heard_of(ref.id)
        if fetched.complete:
            known = {user_id: None for user_id in known if user_id in fetched.user_ids}
        known.update((user_id, None) for user_id in fetched.user_ids if user_id not in gone)
        known.pop(own_id, None)
        return Members(known, complete=fetched.complete or (chat is not None and len(known) + 1 >= chat.member_count))

    def _heard_of(self, chat_id: int) -> tuple[dict[int, None], set[int]]:
        """Those who wrote or came lately and are not known to have gone, the latest first; and those who have."""
        cache = self._engine.cache
        head = cache.head(chat_id)
        found: dict[int, None] = {}
        gone: set[int] = set()
        for event in reversed(cache.events(chat_id, max(1, head - LOOK_BACK + 1), head)):
            here = [event.sender_id]
            if isinstance(event, MembersChanged):
                gone.update(set(event.removed) - found.keys())
                here += event.added
            elif isinstance(event, ChatCreated):
                here += event.member_ids
            found.update({user_id: None for user_id in here if user_id not in gone and user_id not in found})
        return found, gone

    async def refresh(self, chat_id: int) -> None:
        """Ask the server who is in a group, if that is long ago; says nothing where it cannot be asked."""
        chat = self._engine.cache.chat(chat_id)
        before = self._members.get(chat_id)
        if chat is None or chat.kind != "group" or self._engine.status.link is not Link.ONLINE:
            return
        if before is not None and time.monotonic() < before.asked_at + self._lasts(before, chat.member_count):
            return
        asked = before or Members()
        asked.asked_at = time.monotonic()  # also if it fails: not again at the next key
        self._members.pop(chat_id, None)
        self._members[chat_id] = asked
        while len(self._members) > CHATS_MAX:
            self._members.pop(next(iter(self._members)))
        try:
            members = await self._engine.server.members(chat_id)
        except ClientError as error:  # what is known serves instead
            _log.info("the members of %d cannot be asked for: %s", chat_id, error)
            return
        asked.user_ids = dict.fromkeys(member.user_id for member in members)
        asked.complete = True
        self._read_members = (None, 0.0, [])

    @staticmethod
    def _lasts(members: Members, count: int) -> float:
        """For how many seconds an answer holds: one that does not fit the number of members any more, not long."""
        return FRESH_S if members.complete and len(members.user_ids) == count else AGAIN_S

    def users(self, user_ids: Sequence[int]) -> list[User]:
        """These users, as far as they are cached and can still be written to."""
        found = self._engine.cache.users(user_ids)
        users = (found[user_id] for user_id in user_ids if user_id in found)
        return [user for user in users if not user.deleted and not user.disabled]

    def is_group(self, chat_id: int) -> bool:
        chat = self._engine.cache.chat(chat_id)
        return chat is not None and chat.kind == "group"

    def may_be_in(self, members: Members, user_id: int) -> bool:
        """Whether a user is one of these members, or oneself."""
        return user_id in members.user_ids or user_id == self._engine.account.user_id

    def member_called(self, ref: EntryRef, name: str) -> int | None:
        """The one member who may be meant by exactly this name, whatever its case; None if there is none or several."""
        members = self.members(ref)
        found = [
            user.id
            for user in self._engine.cache.users_by_name(name)
            if user.id in members.user_ids and not user.deleted and not user.disabled
        ]
        return found[0] if len(found) == 1 else None

    # --- searching

    def members_like(self, ref: EntryRef, needle: str) -> list[User]:
        """Members whose name or address has every word of the needle, the best first, of equals who wrote last."""

        def read() -> Named[User]:
            users = self.users(list(self.members(ref).user_ids))
            return [(user, fuzzy.fold(f"{user.display_name}\t{user.email}")) for user in users]

        if self._read_members[:1] != (ref,) or time.monotonic() > self._read_members[1]:
            self._read_members = (ref, time.monotonic() + READ_S, read())
        return _ranked(needle, self._read_members[2], WORTH_MIN)

    def entries_like(self, needle: str, *, groups: bool, least: int = WORTH_MIN) -> list[Entry]:
        """People of the client list, and groups if they are wanted, the best first, of equals the most active.

        `least`: how well a name must be found.
        """
        if time.monotonic() > self._read_entries[0]:
            entries = self._engine.cache.entries(limit=ENTRIES_MAX)
            named = [(each, fuzzy.fold(f"{each.name}\t{each.email}")) for each in entries if not each.has_left]
            self._read_entries = (time.monotonic() + READ_S, named)
        wanted = [pair for pair in self._read_entries[1] if groups or pair[0].peer_id is not None]
        return _ranked(needle, wanted, least)


def _ranked(needle: str, named: Named[T], least: int) -> list[T]:
    words = fuzzy.words_of(needle)
    if not words:
        return [each for each, _ in named]
    worths = [_worth(words, text, least) for _, text in named]
    found = [(worth, -index, each) for index, ((each, _), worth) in enumerate(zip(named, worths, strict=True)) if worth]
    return [each for *_, each in sorted(found, key=lambda item: item[:2], reverse=True)]


def _worth(words: tuple[str, ...], text: str, least: int) -> int:
    """How well all words are found, 0 if one is found less well than that."""
    matches = [fuzzy.match(word, text) for word in words]
    worths = [found[0] if found is not None else 0 for found in matches]
    return sum(worths) if min(worths) >= least else 0
