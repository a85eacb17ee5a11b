"""What is not sent yet: messages and changes of messages, each to be looked at, sent again, edited or discarded."""

from collections.abc import Sequence
from typing import Final

from chatproto.frames import Delete, Edit, Pin, React
from chatterm.client.errors import ClientError
from chatterm.client.model import (
    ChangesChanged,
    ChangeState,
    EntryRef,
    MessageChange,
    Notice,
    OutboxChanged,
    OutboxRow,
    OutboxState,
    PendingChange,
    Target,
)
from chatterm.tui.dialog import CANCEL, Answers, Button, Dialog, LinesField, ask
from chatterm.tui.features.feature import Feature
from chatterm.tui.picker import Picker, Row, Rows

SHOWN_MAX: Final = 2_000
"""Unsent messages in the list; the rest follows once these are sent."""
_STATES: Final = {
    OutboxState.QUEUED: ("◷", "waits to be sent"),
    OutboxState.SENDING: ("…", "is being sent"),
    OutboxState.HELD: ("‖", "held back by a refused one before it"),
    OutboxState.FAILED: ("✗", "refused"),
}
_SAVE: Final = (Button("save", "Save"), Button(CANCEL, "Cancel"))
Unsent = OutboxRow | PendingChange


class Outbox(Feature):
    """The outbox as a list, and what keys do with the newest unsent message of the chat on screen."""

    async def outbox(self, _: str = "") -> None:
        """Show the list until it is left."""
        while (chosen := await self._pick()) is not None:
            if not await self._ask_what(chosen):
                return

    async def retry_failed(self, _: str = "") -> None:
        """Send the newest failed message of this chat, and those it holds up, again."""
        rows = self.conversation.unsent()
        failed = next((row for row in reversed(rows) if row.state is OutboxState.FAILED), None)
        if failed is None:
            self.tell("No message of this chat has failed.")
            return
        for row in (failed, *(row for row in rows if row.state is OutboxState.HELD)):
            await self.engine.retry(row.client_id)

    async def discard_failed(self, _: str = "") -> None:
        """Drop the newest failed message of this chat."""
        rows = self.conversation.unsent()
        row = next((row for row in reversed(rows) if row.state is OutboxState.FAILED), None)
        if row is None:
            self.tell("No message of this chat has failed.")
        elif await self.discard(row):
            self.tell("Discarded.")

    async def edit_unsent(self, _: str = "") -> None:
        """Take the newest message that has not left back into the composer."""
        rows = [row for row in self.conversation.unsent() if row.state is not OutboxState.SENDING]
        if not rows:
            self.tell("No message of this chat waits to be sent.")
        else:
            await self.take_back(rows[-1])

    async def take_back(self, row: OutboxRow) -> bool:
        """Take an unsent message out of the outbox and write on in it; False if that cannot be, which is told.

        One with files stays where it is, so that its uploads go on, and only its text is changed.
        """
        if row.attached:
            return await self._rewrite(row)
        if not self.conversation.composer.editor.is_empty:
            self.tell("Send or clear what you are writing first.")
            return False
        if row.attached:
            self.tell("Its files go with it, so it cannot be edited. Discard it, and write it anew.")
            return False
        if not await self.discard(row):
            return False
        self.conversation.writer.take_back(row)
        return True

    async def _rewrite(self, row: OutboxRow) -> bool:
        async def submit(answers: Answers) -> bool:
            if not await self.engine.rewrite(row.client_id, answers["text"], row.enclosed):
                raise ClientError("alreadySent", "It has left meanwhile, as it was.", "Edit the message that was sent.")
            return True

        files = ", ".join(attachment.name for attachment in row.attached)
        told = f"With {files}." if files else f"To {self._place(row.target)}."
        field = LinesField(name="text", label="Text", value=row.text)
        dialog: Dialog[bool] = Dialog("Edit unsent message", told, (field,), submit=submit, buttons=_SAVE)
        return await ask(self.screen.app, dialog) is not None

    async def discard(self, row: OutboxRow) -> bool:
        """Drop an unsent message; False if it may have left already, which is told."""
        gone = await self.engine.discard(row.client_id)
        if not gone:
            self.tell("It may already be on its way, so it stays.")
        return gone

    # --- the list

    async def _pick(self) -> Unsent | None:
        picker: Picker[Unsent] = Picker("Not sent yet", self._rows, empty="Everything is sent.", verb="more")

        def hear(notice: Notice) -> None:
            if isinstance(notice, OutboxChanged | ChangesChanged) and picker.is_current:
                picker.call_later(picker.again)

        unsubscribe = self.engine.subscribe(hear)
        try:
            return await picker.pick(self.screen.app)
        finally:
            unsubscribe()

    def _rows(self, needle: str) -> Rows[Unsent]:
        messages = self.engine.outbox.rows(None, limit=SHOWN_MAX)
        rows: list[Row[Unsent]] = [self._message_row(row) for row in messages]
        rows += [self._change_row(row) for row in self.engine.changes.rows()]
        words = needle.casefold().split()
        return [row for row in rows if all(word in row.searched.casefold() for word in words)]

    def _message_row(self, row: OutboxRow) -> Row[Unsent]:
        sign, state = _STATES[row.state]
        if row.error is not None and row.state is OutboxState.FAILED:
            state = f"{state}: {row.error.message}"
        said = " ".join(row.text.split()) or "(files)"
        return Row(said, row, f"to {self._place(row.target)} · {state}", sign)

    def _change_row(self, row: PendingChange) -> Row[Unsent]:
        change = row.change
        failed = row.state is ChangeState.FAILED
        state = f"refused: {row.error.message}" if failed and row.error is not None else "waits to be sent"
        where = self._place(Target(chat_id=change.chat_id))
        return Row(f"{_verb(change)} {self._quoted(change)}", row, f"in {where} · {state}", "✗" if failed else "◷")

    def _quoted(self, change: MessageChange) -> str:
        message = self.engine.cache.messages(change.chat_id, [change.seq]).get(change.seq)
        text = " ".join(message.text.split()) if message is not None else ""
        return f"“{text}”" if text else "a message"

    def _place(self, target: Target) -> str:
        """The name of where something goes."""
        cache = self.engine.cache
        ref = _ref(target)
        entry = cache.entry(ref) if ref is not None else None
        if entry is not None:
            return entry.name
        user = cache.user(target.user_id) if target.user_id is not None else None
        return user.display_name if user is not None else target.email or "a chat that is not cached"

    # --- what can be done with one of them

    async def _ask_what(self, unsent: Unsent) -> bool:
        """Ask, and do it; True if the list should be shown again."""
        if isinstance(unsent, OutboxRow):
            options = _message_options(unsent, has_chat=self._has_chat(unsent.target))
        else:
            options = _change_options(unsent)
        title = unsent.text if isinstance(unsent, OutboxRow) else _verb(unsent.change)
        what = await Picker(" ".join(title.split())[:60] or "Files", options).pick(self.screen.app)
        if what is None:
            return True
        return await self._do_message(what, unsent) if isinstance(unsent, OutboxRow) else await self._do(what, unsent)

    async def _do_message(self, what: str, row: OutboxRow) -> bool:
        if what == "retry":
            await self.engine.retry(row.client_id)
        elif what == "discard":
            await self.discard(row)
        elif what == "copy":
            self.app.copy_to_clipboard(row.text)
            self.tell("Copied its text.")
        elif what == "edit" and not self._has_chat(row.target):
            await self._rewrite(row)
            return True
        elif self._open(_ref(row.target)) and what == "edit":
            return not await self.take_back(row)
        return what in ("retry", "discard", "copy")

    def _has_chat(self, target: Target) -> bool:
        """Whether the chat it goes to can be shown; to an address that nobody has, it cannot."""
        ref = _ref(target)
        return ref is not None and self.engine.cache.entry(ref) is not None

    async def _do(self, what: str, row: PendingChange) -> bool:
        if what == "retry":
            await self.engine.changes.retry(row.row_id)
        elif what == "discard":
            await self.engine.changes.discard(row.row_id)
        else:
            self._open(EntryRef("chat", row.change.chat_id))
            return False
        return True

    def _open(self, ref: EntryRef | None) -> bool:
        if ref is not None and self.screen.open(ref):
            return True
        self.tell("This conversation is not cached on this device yet.")
        return False


def _ref(target: Target) -> EntryRef | None:
    if target.chat_id is not None:
        return EntryRef("chat", target.chat_id)
    return EntryRef("user", target.user_id) if target.user_id is not None else None


def _verb(change: MessageChange) -> str:
    match change:
        case Edit(text=text):
            return f"Edit to “{' '.join(text.split())}”:"
        case Delete():
            return "Delete"
        case React(emoji=emoji, on=on):
            return f"React with {emoji} to" if on else f"Take {emoji} away from"
        case Pin(on=on):
            return "Pin" if on else "Unpin"


def _message_options(row: OutboxRow, *, has_chat: bool) -> Sequence[Row[str]]:
    failed = row.state in (OutboxState.FAILED, OutboxState.HELD)
    can_change = row.state is not OutboxState.SENDING
    return (
        *([Row("Send again", "retry")] if failed else []),
        *([Row("Edit", "edit", "back in the composer" if has_chat else "")] if can_change else []),
        *([Row("Discard", "discard")] if can_change else []),
        *([Row("Copy its text", "copy")] if row.text else []),
        *([Row("Go to the chat", "open")] if has_chat else []),
    )


def _change_options(row: PendingChange) -> Sequence[Row[str]]:
    failed = row.state is ChangeState.FAILED
    return (*([Row("Send again", "retry")] if failed else []), Row("Discard", "discard"), Row("Go to the chat", "open"))
