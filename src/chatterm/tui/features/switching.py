"""Going from chat to chat: the quick switcher, next and previous, unread, mentions, and back."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Final, overload

from chatproto.models import User
from chatproto.text import terminal_safe
from chatterm.client.model import Entry, EntryRef, Link, Section
from chatterm.tui import fuzzy
from chatterm.tui.actions import label_of
from chatterm.tui.client_row import LEFT, badge_of, sign_of
from chatterm.tui.features.feature import Feature
from chatterm.tui.picker import Picker, Row, Rows, in_slices
from chatterm.tui.roster import Key, Roster, ref_of_key

if TYPE_CHECKING:
    from chatterm.tui.screen import ChatScreen

BLANK_MAX: Final = 2_000
"""Rows of the switcher before anything is typed."""
LOAD_CHUNK: Final = 1_000
"""Rows read at a time before a search over all of them: some milliseconds."""
PAUSE_S: Final = 0.25
"""The server is asked for people when nobody typed for this long."""
ASK_MIN: Final = 2
"""Letters it takes to ask the server."""
_LIFTS: Final = {Section.PINNED: 10, Section.RECENT: 8, Section.LEFT: -10, Section.ARCHIVED: -6, Section.PEOPLE: 0}
"""How much a section is preferred to people never written to, on the scale of `fuzzy`."""
LATEST: Final = 20
"""So many of the chats last active are preferred to others, the latest most."""
_EMPTY: Final = "Nobody here has such a name or address. Backspace shortens what you typed."
_NOBODY: Final = "Nobody has such a name or address, neither here nor on the server."


class LazyRows(Sequence[Row[EntryRef]]):
    """Rows made when they are looked at, of any number of entries."""

    def __init__(self, refs: Sequence[EntryRef], make: Callable[[EntryRef], Row[EntryRef]]) -> None:
        self._refs = refs
        self._make = make

    def __len__(self) -> int:
        return len(self._refs)

    @overload
    def __getitem__(self, index: int) -> Row[EntryRef]: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Row[EntryRef]]: ...

    def __getitem__(self, index: int | slice) -> "Row[EntryRef] | Sequence[Row[EntryRef]]":
        if isinstance(index, slice):
            return LazyRows(self._refs[index], self._make)
        return self._make(self._refs[index])


class Directory:
    """Fuzzy search over all entries of a roster, which is loaded first if it was not."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._keys: list[Key] = []
        self._index: fuzzy.Index | None = None
        self._version = -1

    async def search(self, needle: str, lately: Sequence[EntryRef]) -> list[EntryRef]:
        """Who matches, the best first; of equals, chats last visited (`lately`) and last active."""
        while not self._roster.is_complete:
            self._roster.load(LOAD_CHUNK)
            await asyncio.sleep(0)
        if self._index is None or self._version != self._roster.version:
            self._keys, self._version = self._roster.keys(), self._roster.version
            texts = self._keys
            self._index = fuzzy.Index(len(texts), lambda i: fuzzy.fold(texts[i][2]))
        keys, visited = self._keys, set(lately)

        def weight(i: int) -> int:
            lift = _LIFTS[Section(keys[i][0])] + max(0, LATEST - i) // 4
            return lift + (4 if ref_of_key(keys[i]) in visited else 0)

        found = await in_slices(self._index.search(fuzzy.words_of(needle.casefold()), weight))
        return [ref_of_key(keys[i]) for i in found]


class Switching(Feature):
    """Opens other chats than the one on screen."""

    def __init__(self, screen: "ChatScreen") -> None:
        super().__init__(screen)
        self._directory = Directory(self._roster)
        self._strangers: dict[int, User] = {}

    @property
    def _roster(self) -> Roster:
        return self.screen.sidebar.list.roster

    # --- the quick switcher ---

    def jump(self, argument: str = "") -> None:
        """Find a person or group by some letters of the name or address."""
        picker: Picker[EntryRef] = Picker(
            "Find a person or group", self._find, needle=argument, placeholder="name or address", empty=_EMPTY
        )
        self.screen.app.push_screen(picker, self._picked)

    def _picked(self, ref: EntryRef | None) -> None:
        if ref is None:
            return
        stranger = self._strangers.get(ref.id) if ref.kind == "user" else None
        if stranger is not None:
            self.screen.run_worker(self._meet(stranger), group="switching")
        else:
            self.open(ref)

    async def _meet(self, user: User) -> None:
        """Open the chat with somebody whom only the server knew."""
        await self.engine.know_users([user])
        chat_id = self.engine.cache.direct_chat(user.id)
        self.open(EntryRef("user", user.id) if chat_id is None else EntryRef("chat", chat_id))

    def _find(self, needle: str) -> "Rows[EntryRef] | AsyncIterator[Rows[EntryRef]]":
        self._strangers.clear()
        return self._search(needle) if needle.strip() else LazyRows(self._first(), self._row)

    def _first(self) -> list[EntryRef]:
        """Where one was lately, then the list in its order; the chat on screen last of those visited."""
        visited = [ref for ref in self.screen.visited if self._roster.entry(ref) is not None]
        listed = [ref_of_key(key) for key in self._roster.keys(BLANK_MAX)]
        return list(dict.fromkeys((*visited[1:], *visited[:1], *listed)))

    async def _search(self, needle: str) -> AsyncIterator[Rows[EntryRef]]:
        found = await self._directory.search(needle, self.screen.visited)
        yield LazyRows(found, self._row)
        if not found and len(needle.strip()) >= ASK_MIN and self.engine.status.link is Link.ONLINE:
            await asyncio.sleep(PAUSE_S)
            users = await self.engine.server.search_users(needle.strip())
            users = [user for user in users if user.id != self.engine.account.user_id]
            self._strangers = {user.id: user for user in users}
            yield [Row(user.display_name, EntryRef("user", user.id), user.email, "·") for user in users]

    def _row(self, ref: EntryRef) -> Row[EntryRef]:
        entry = self._roster.entry(ref)
        if entry is None:
            return Row("gone", ref, sign=LEFT)
        presence = self.screen.sidebar.presence(entry.peer_id) if entry.peer_id is not None else None
        return Row(entry.name, ref, self._detail(entry), sign_of(entry, presence).text)

    def _detail(self, entry: Entry) -> str:
        badge = badge_of(entry)
        parts = (
            f"{badge} unread" if badge else "",
            "archived" if entry.section is Section.ARCHIVED else "",
            entry.email,
        )
        return " · ".join(part for part in parts if part)

    # --- along the list ---

    def next_chat(self, _: str = "") -> None:
        """The one below."""
        self._go(1)

    def previous_chat(self, _: str = "") -> None:
        """The one above."""
        self._go(-1)

    def _go(self, step: int) -> None:
        ref = self.screen.sidebar.list.neighbour(step)
        if ref is not None:
            self.open(ref)

    def open_nth(self, argument: str = "") -> None:
        """The chat in a place of the list, counted from 1."""
        if not argument:
            self.tell(f"{label_of('open_nth')} opens the first row, and so on.")
            return
        ref = self._roster.nth(int(argument)) if argument.isdecimal() and len(argument) < 4 else None
        if ref is None:
            self.tell("The list has no such row.")
        else:
            self.open(ref)

    def next_unread(self, _: str = "") -> None:
        """The next chat with unread messages that count."""
        self._open_next(self._roster.next_unread(self.conversation.ref), "Nothing unread.")

    def next_mention(self, _: str = "") -> None:
        """The next chat in which somebody named the user."""
        self._open_next(self._roster.next_mention(self.conversation.ref), "Nobody has named you in unread messages.")

    def _open_next(self, ref: EntryRef | None, none: str) -> None:
        if ref is None:
            self.tell(none)
        else:
            self.open(ref)

    def last_chat(self, _: str = "") -> None:
        """The chat that was on screen before this one; once more comes back."""
        for ref in self.screen.visited[1:]:
            if self.screen.open(ref):
                return
        self.tell("You have been in no other chat yet.")

    def open(self, ref: EntryRef) -> None:
        """Put a chat on screen and the cursor into the composer."""
        if not self.screen.open(ref):
            entry = self.engine.cache.entry(ref)
            self.tell(terminal_safe(f"{entry.name if entry else 'This chat'} is not in the list any more."))
        else:
            self.screen.to_writing()
