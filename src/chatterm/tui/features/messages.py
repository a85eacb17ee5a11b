"""What can be done with the selected message, stored or still unsent."""

from typing import Final

from chatproto.models import Message, MessageRef
from chatproto.text import terminal_safe
from chatterm.client.changed_view import as_changed
from chatterm.client.errors import ClientError
from chatterm.client.model import ChangeState, Enclosed, EntryRef, OutboxRow, OutboxState, PendingChange, Target
from chatterm.tui import clipboard
from chatterm.tui.actions import Action, key_label, named
from chatterm.tui.actions import current as keymap
from chatterm.tui.dialog import confirm
from chatterm.tui.features.feature import Feature
from chatterm.tui.features.outbox import Outbox
from chatterm.tui.picker import Picker, Row, ranked
from chatterm.tui.timeline.localtime import LocalTime

FORWARDED_TO_MAX: Final = 5_000
"""Chats and people that can be chosen to forward to, the most recently active ones."""
SHOWN_CHARS: Final = 300
"""Of a message that is about to be deleted, so much is shown."""
_OF_STORED: Final = (
    *("reply_to_message", "react", "edit_message", "delete_message", "copy_message", "quote_message"),
    *("pin_message", "forward_message", "who_has_seen", "open_message", "download_file", "show_author"),
)
_OF_UNSENT: Final = ("edit_message", "delete_message", "copy_message")


class Messages(Feature):
    """Acts on the message that is selected in the timeline."""

    def reply_to_message(self, _: str = "") -> None:
        """Write an answer to it."""
        message = self._stored()
        self._to_composer()
        self.conversation.begin_reply(message)

    async def edit_message(self, _: str = "") -> None:
        """Edit one's own message; one that has not left comes back into the composer."""
        message = self._selected()
        if isinstance(message, OutboxRow):
            if await Outbox(self.screen).take_back(message):
                self._to_composer()
            return
        if message.sender_id != self.engine.account.user_id:
            raise ClientError("notAuthor", "Only its author can edit a message.")
        self._to_composer()
        self.conversation.begin_edit(message)

    async def delete_message(self, _: str = "") -> None:
        """Take a message back, after one question; an unsent one is discarded."""
        message = self._selected()
        if isinstance(message, OutboxRow):
            if message.state is OutboxState.FAILED or await self._sure("Discard this unsent message?", message.text):
                await Outbox(self.screen).discard(message)
            return
        chat_id, own_id = self._chat_id(), self.engine.account.user_id
        chat = self.engine.cache.chat(chat_id)
        if message.sender_id != own_id and (chat is None or chat.owner_id != own_id):
            raise ClientError("notAuthor", "You can delete your own messages, and any in a group that is yours.")
        if await self._sure("Delete this message for everybody?", message.text or _files_text(message)):
            await self.engine.changes.delete(chat_id, message.seq)

    async def _sure(self, title: str, text: str) -> bool:
        shown = text if len(text) <= SHOWN_CHARS else text[:SHOWN_CHARS] + "…"
        return await confirm(self.app, title, shown)

    async def react(self, argument: str = "") -> None:
        """Put an emoji under it, given or picked; one's own is taken away."""
        from chatterm.tui.reactions import pick_reaction, remember_reaction  # noqa: PLC0415 - loads all emoji

        message, chat_id = self._stored(), self._chat_id()
        mine = [each.emoji for each in message.reactions if self.engine.account.user_id in each.user_ids]
        shown = {terminal_safe(each.emoji): each.emoji for each in message.reactions}
        given = argument.strip()
        emoji = shown.get(given, given) or await pick_reaction(self.app, message, mine)
        if emoji:
            await self.engine.changes.react(chat_id, message.seq, emoji, on=emoji not in mine)
            if emoji not in mine:
                remember_reaction(self.app, emoji)

    async def copy_message(self, _: str = "") -> None:
        """Copy the text as it was written."""
        message = self._selected()
        text = message.text or ("" if isinstance(message, OutboxRow) else _files_text(message))
        self.tell(await clipboard.copy(self.app, text))

    async def quote_message(self, _: str = "") -> None:
        """Copy it with who wrote it and when, as a quotation."""
        message = self._stored()
        lines = "\n".join(f"> {line}" for line in (message.text or _files_text(message)).split("\n"))
        when = LocalTime().moment(message.at)
        self.tell(await clipboard.copy(self.app, f"{self._name(message.sender_id)}, {when}:\n{lines}\n"))

    async def pin_message(self, _: str = "") -> None:
        """Pin it for everybody in the chat, or unpin it."""
        message = self._stored()
        await self.engine.changes.pin(self._chat_id(), message.seq, on=not message.pinned)

    async def forward_message(self, _: str = "") -> None:
        """Send it on to a chat or person that is picked."""
        message, chat_id = self._stored(), self._chat_id()
        entries = [entry for entry in self.engine.cache.entries(limit=FORWARDED_TO_MAX) if not entry.has_left]
        rows = [
            Row(entry.name, entry.ref, entry.email, "#" if entry.ref.kind == "chat" and not entry.peer_id else "")
            for entry in entries
        ]
        ref: EntryRef | None = await Picker("Forward to", rows).pick(self.app)
        if ref is None:
            return
        target = Target(chat_id=ref.id) if ref.kind == "chat" else Target(user_id=ref.id)
        await self.engine.send(target, "", Enclosed(forward=MessageRef(chat_id=chat_id, seq=message.seq)))
        name = next(entry.name for entry in entries if entry.ref == ref)
        self.tell(f"Forwarded to {terminal_safe(name)}.")

    async def who_has_seen(self, _: str = "") -> None:
        """Show who has seen it, as the server knows it now."""
        message, chat_id = self._stored(), self._chat_id()
        user_ids = await self.engine.server.seen_by(chat_id, message.seq)
        rows = [Row(self._name(user_id), user_id, sign="✓") for user_id in user_ids]
        title = f"Seen by {len(user_ids):,}" if user_ids else "Seen by nobody yet"
        chosen: int | None = await Picker(title, rows, empty="Nobody has seen it yet.").pick(self.app)
        if chosen is not None:
            self.screen.perform("show_person", str(chosen))

    async def open_message(self, argument: str = "") -> None:
        """Open its link or file; of several, the one that is picked. `argument` is a link, or a file's number."""
        if argument and not argument.isdecimal():
            self._told(await self._open_link(argument))
            return
        message = self._stored()
        if argument:
            self.screen.perform("open_file", argument)
            return
        links = self.conversation.timeline.hands.links()
        rows = [Row(link, link, sign="↗") for link in links]
        rows += [Row(file.name, str(number), sign="▤") for number, file in enumerate(message.files, 1)]
        if not rows:
            raise ClientError("nothingToOpen", "There is no link and no file in this message.")
        chosen = rows[0].value if len(rows) == 1 else await Picker("Open", rows).pick(self.app)
        if chosen is not None and chosen.isdecimal():
            self.screen.perform("open_file", chosen)
        elif chosen is not None:
            self._told(await self._open_link(chosen))

    async def _open_link(self, link: str) -> str:
        from chatterm.tui.link_opening import open_link  # noqa: PLC0415 - rarely needed

        return await open_link(self.app, link)

    def _told(self, text: str) -> None:
        if text:
            self.tell(text)

    def show_author(self, argument: str = "") -> None:
        """Show who wrote it: the card of the person, or of the one given by id."""
        user_id = int(argument) if argument else self._stored().sender_id
        self.screen.perform("show_person", str(user_id))

    async def retry_message(self, _: str = "") -> None:
        """Send an unsent message, or the refused changes of a stored one, again."""
        message = self._selected()
        if isinstance(message, OutboxRow):
            await self.engine.retry(message.client_id)
            return
        failed = [row for row in self._pending(message.seq) if row.state is ChangeState.FAILED]
        if not failed:
            self.tell("Nothing of this message was refused.")
        for row in failed:
            await self.engine.changes.retry(row.row_id)

    async def discard_changes(self) -> None:
        """Drop the refused changes of the message."""
        for row in self._pending(self._stored().seq):
            if row.state is ChangeState.FAILED:
                await self.engine.changes.discard(row.row_id)

    async def message_menu(self, _: str = "") -> None:
        """Pick what to do with it."""
        message = self._selected()
        names = [name for name in (_OF_UNSENT if isinstance(message, OutboxRow) else _OF_STORED) if self._fits(name)]
        rows: list[Row[str]] = [_row(named(name)) for name in names]
        if isinstance(message, OutboxRow) and message.state in (OutboxState.FAILED, OutboxState.HELD):
            rows.insert(0, _row(named("retry_message")))
        elif isinstance(message, Message):
            if message.reply_to:
                rows.append(_row(named("show_quoted")))
            if any(row.state is ChangeState.FAILED for row in self._pending(message.seq)):
                rows[:0] = [_row(named("retry_message")), Row("Discard the refused change", "discard_changes")]
        said = " ".join(message.text.split())[:60]
        chosen: str | None = await Picker(said or "This message", ranked(rows), placeholder="what to do").pick(self.app)
        if chosen == "discard_changes":
            await self.discard_changes()
        elif chosen is not None:
            self.screen.perform(chosen)

    def _fits(self, name: str) -> bool:
        """Whether an action makes sense for the selected message."""
        message = self._selected()
        if isinstance(message, OutboxRow):
            return True
        own_id = self.engine.account.user_id
        if name == "edit_message":
            return message.sender_id == own_id and not message.deleted
        if name == "delete_message":
            chat = self.engine.cache.chat(self._chat_id())
            return not message.deleted and own_id in (message.sender_id, chat.owner_id if chat is not None else None)
        if name == "open_message":
            return bool(message.files or self.conversation.timeline.hands.links())
        if name == "download_file":
            return bool(message.files)
        return not message.deleted or name in ("show_author", "reply_to_message", "who_has_seen")

    # --- within

    def _selected(self) -> Message | OutboxRow:
        """The selected message, with the changes that wait to be sent. Raises `ClientError`."""
        selected = self.conversation.timeline.selected
        if selected is None:
            raise ClientError(
                "noneSelected",
                "No message is selected.",
                f"{key_label('escape')} goes to the messages; a click selects.",
            )
        if not selected.seq:
            rows = self.conversation.unsent()
            row = next((row for row in rows if row.client_id == selected.client_id), None)
            if row is None:
                raise ClientError("gone", "This message has just left.", "Try again.")
            return row
        message = self.engine.cache.messages(self._chat_id(), (selected.seq,)).get(selected.seq)
        if message is None:
            raise ClientError("notLoaded", "This message is not loaded yet.", "It will be once you are online.")
        return as_changed(message, self._pending(selected.seq), self.engine.account.user_id)

    def _stored(self) -> Message:
        message = self._selected()
        if isinstance(message, OutboxRow):
            raise ClientError("notSentYet", "This message is not sent yet.", "It can be edited or discarded.")
        return message

    def _pending(self, seq: int) -> tuple[PendingChange, ...]:
        return self.engine.changes.pending(self._chat_id()).get(seq, ())

    def _chat_id(self) -> int:
        ref = self.conversation.ref
        if ref is None or ref.kind != "chat":
            raise ClientError("noChat", "No message of this conversation is sent yet.")
        return ref.id

    def _name(self, user_id: int) -> str:
        if user_id == self.engine.account.user_id:
            return "You"
        user = self.engine.cache.user(user_id)
        return terminal_safe(user.display_name) if user is not None else "Unknown person"

    def _to_composer(self) -> None:
        self.conversation.timeline.hands.unselect()
        self.conversation.composer.focus()


def _row(action: Action) -> Row[str]:
    keys = keymap().keys(action)
    return Row(action.title, action.name, key_label(keys[0]) if keys else "")


def _files_text(message: Message) -> str:
    return ", ".join(file.name for file in message.files)
