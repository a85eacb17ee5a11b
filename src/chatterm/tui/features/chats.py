"""The menu of a row of the client list, and marking chats as read."""

import time
from typing import Final

from chatproto.text import terminal_safe
from chatterm.client.errors import ClientError
from chatterm.client.model import Entry, EntryRef
from chatterm.tui.actions import label_of, named
from chatterm.tui.client_row import is_muted
from chatterm.tui.drafts import place_of, ref_of
from chatterm.tui.features.chat_settings import muted_until
from chatterm.tui.features.feature import Feature
from chatterm.tui.picker import Picker, Row

_SPANS: Final = (
    ("1h", "For an hour"),
    ("8h", "For 8 hours"),
    ("1d", "For a day"),
    ("1w", "For a week"),
    ("forever", "Until you unmute it"),
)
_OTHERS: Final = ("show_person", "members", "leave_group")
"""Actions of the menu that are about the chat on screen: it is opened first."""


class Chats(Feature):
    """Acts on the row under the cursor of the client list while that has the focus, else on the chat on screen.

    Every argument may name another chat, as `place_of` writes it.
    """

    async def chat_menu(self, argument: str = "") -> None:
        """Offer what can be done with a chat."""
        entry = self._entry(argument)
        title = terminal_safe(entry.name)
        picked = await Picker(title, self._menu(entry), empty="The menu has no such entry.").pick(self.screen.app)
        if picked is None:
            return
        if picked == "mark_read":
            await self.mark_read(place_of(entry.ref))
        elif picked != "open" and picked not in _OTHERS:
            await self._set(entry, picked)
        else:
            self._open(entry.ref)
            if picked in _OTHERS:
                self.screen.perform(picked)

    def _open(self, ref: EntryRef) -> None:
        self.screen.open(ref)
        self.screen.to_writing()

    def _menu(self, entry: Entry) -> list[Row[str]]:
        labels = {"open": "Open"}
        if entry.ref.kind == "chat" and not entry.has_left:
            if entry.unread:
                labels["mark_read"] = "Mark as read"
            pinned, archived = self._settings_of(entry)
            labels |= {"unpin": "Unpin"} if pinned else {"pin": "Pin to the top"}
            labels |= {"unmute": "Unmute"} if is_muted(entry, time.time()) else {"mute": "Mute…"}
            labels |= {"unarchive": "Back from the archive"} if archived else {"archive": "Archive"}
        wanted = _OTHERS[:1] if entry.peer_id is not None else _OTHERS[1:] if not entry.has_left else ()
        labels |= {name: named(name).title for name in wanted}
        keys = {name: label_of(name) for name in ("mark_read", *wanted)}
        return [Row(label, name, keys.get(name, "")) for name, label in labels.items()]

    async def _set(self, entry: Entry, what: str) -> None:
        """Pin, mute or archive a chat for all of the user's devices, or end that."""
        set_chat, chat_id = self.engine.server.set_chat, entry.ref.id
        told = {
            "pin": "is pinned to the top.",
            "unpin": "is not pinned any more.",
            "unmute": "is not muted any more.",
            "archive": "is archived.",
            "unarchive": "is back from the archive.",
        }
        if what in ("pin", "unpin"):
            await set_chat(chat_id, pinned=what == "pin")
        elif what in ("archive", "unarchive"):
            await set_chat(chat_id, archived=what == "archive")
        elif what == "unmute":
            await set_chat(chat_id, muted_until=0)
        else:
            rows = [Row(label, span) for span, label in _SPANS]
            span = await Picker(f"Mute {entry.name}", rows, placeholder="how long").pick(self.screen.app)
            if span is None:
                return
            await set_chat(chat_id, muted_until=muted_until(span, time.time()))
        self.tell(terminal_safe(f"{entry.name} {told.get(what, 'is muted.')}"))

    def toggle_archive(self, _: str = "") -> None:
        """Show the archived chats in the list, or fold them away."""
        sidebar = self.screen.sidebar
        sidebar.list.toggle_archive()
        if sidebar.list.roster.archive_open and not sidebar.display:
            self.screen.to_list()

    # --- read ---

    async def mark_read(self, argument: str = "") -> None:
        """Everything in a chat has been seen."""
        entry = self._chat(argument)
        await self.engine.mark_seen(entry.ref.id, self.engine.cache.head(entry.ref.id))

    async def mark_all_read(self, _: str = "") -> None:
        """Everything in all chats has been seen; asks first."""
        from chatterm.tui.dialog import confirm  # noqa: PLC0415 - only this action needs it

        unread = list(self.screen.sidebar.list.roster.unread)
        if not unread:
            self.tell("Nothing unread.")
            return
        what = f"Everything in {len(unread):,} chats will count as seen, on all your devices."
        if await confirm(self.screen.app, "Mark all as read?", what, "Mark as read", danger=False):
            for ref in unread:
                await self.engine.mark_seen(ref.id, self.engine.cache.head(ref.id))

    # --- which chat ---

    def _entry(self, argument: str) -> Entry:
        client_list = self.screen.sidebar.list
        ref = ref_of(argument.strip())
        if ref is None and argument.strip():
            raise ClientError("usage", "That names no chat.")
        if ref is None:
            ref = client_list.target if client_list.has_focus else self.conversation.ref
        entry = self.engine.cache.entry(ref) if ref is not None else None
        if entry is None:
            raise ClientError("noChat", "No conversation is open.", f"{label_of('jump')} finds one.")
        return entry

    def _chat(self, argument: str) -> Entry:
        entry = self._entry(argument)
        if entry.ref.kind != "chat":
            raise ClientError("noChat", "There is no conversation with this person yet.", "Write a message first.")
        if entry.has_left:
            raise ClientError("notMember", "You are not a member of it any more.", "It stays readable as it is.")
        return entry

    def _settings_of(self, entry: Entry) -> tuple[bool, bool]:
        chat = self.engine.cache.chat(entry.ref.id)
        return (chat.pinned, chat.archived) if chat is not None else (False, False)
