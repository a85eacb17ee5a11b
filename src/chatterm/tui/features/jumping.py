"""Jumps within conversations: to what is new, to a day, to a quoted or pinned message, and back again."""

from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from chatterm.client.errors import ClientError
from chatterm.client.model import EntryRef
from chatterm.client.ports import CacheReader
from chatterm.tui.dates import read_moment
from chatterm.tui.dialog import CANCEL, Answers, Button, Dialog, TextField, ask
from chatterm.tui.features.feature import Feature
from chatterm.tui.picker import Picker, Row
from chatterm.tui.timeline.document import Anchor
from chatterm.tui.timeline.localtime import LocalTime

if TYPE_CHECKING:
    from chatterm.tui.screen import ChatScreen

TRAIL_MAX: Final = 50
"""Places that are remembered to go back to."""


class _Place(NamedTuple):
    ref: EntryRef
    anchor: Anchor | None
    seq: int


def first_at(cache: CacheReader, chat_id: int, at: int) -> int | None:
    """Seq of the first cached event that is not older than a time (microseconds since 1970 UTC); None if all are.

    Times rise with seqs, so that halving the log finds it in a few reads, whatever its length.
    """
    low, high = 1, cache.head(chat_id) + 1
    while low < high:
        middle = (low + high) // 2
        found = cache.event_at_or_after(chat_id, middle)
        if found is not None and found[1] < at:
            low = found[0] + 1
        else:
            high = middle
    found = cache.event_at_or_after(chat_id, low)
    return found[0] if found is not None else None


class Jumping(Feature):
    """Goes to places in conversations, and remembers the way back."""

    def __init__(self, screen: "ChatScreen") -> None:
        super().__init__(screen)
        self._trail: list[_Place] = []

    def show_quoted(self, _: str = "") -> None:
        """To the message that the selected one replies to."""
        chat_id, seq = self._chat_id(), self._selected_seq()
        message = self.engine.cache.messages(chat_id, (seq,)).get(seq)
        if message is None or not message.reply_to:
            raise ClientError("noReply", "This message is no reply.")
        self._jump(chat_id, message.reply_to)

    def first_unread(self, _: str = "") -> None:
        """To the new-messages line of this chat."""
        viewport = self.conversation.timeline.viewport
        unread = viewport.document.unread if viewport is not None else None
        if unread is None:
            self.tell("Nothing was new here when you opened this chat.")
        else:
            self._jump(self._chat_id(), unread.seq)

    async def go_to_date(self, argument: str = "") -> None:
        """To the first message of a day or after a time; asked for if it is not given."""
        chat_id = self._chat_id()
        if argument.strip():
            await self._to_moment(chat_id, argument)
            return

        async def go(answers: Answers) -> bool:
            await self._to_moment(chat_id, answers["when"])
            return True

        field = TextField(name="when", label="Day or time", placeholder="2026-11-20, yesterday, friday, 12:30")
        buttons = (Button("go", "Go"), Button(CANCEL, "Cancel"))
        await ask(self.app, Dialog("Go to a day or time", fields=(field,), buttons=buttons, submit=go))

    async def _to_moment(self, chat_id: int, text: str) -> None:
        at = read_moment(text, datetime.now().astimezone())
        cache = self.engine.cache
        seq = first_at(cache, chat_id, at)
        before = (seq if seq is not None else cache.head(chat_id) + 1) - 1
        missing = before > 0 and bool(cache.holes(chat_id, before, before))
        if missing:  # what lies before is not cached: only the server knows whether it is older
            try:
                older = await self.engine.server.messages_before(chat_id, at)
                seq = older[-1].seq + 1 if older else cache.floor(chat_id) + 1
            except ClientError as error:
                self.tell(f"Earlier messages of that time may be missing here. {error.info().message}", failed=True)
        if seq is None or seq > cache.head(chat_id):
            self.tell("Nothing was written after that.")
        else:
            self._jump(chat_id, seq)

    async def pins(self, _: str = "") -> None:
        """Pick a pinned message of this chat to go to."""
        chat_id = self._chat_id()
        messages = await self.engine.server.pins(chat_id)
        times, cache = LocalTime(), self.engine.cache
        rows: list[Row[int]] = []
        for message in messages:
            user = cache.user(message.sender_id)
            name = user.display_name if user is not None else "Unknown person"
            said = " ".join(message.text.split()) or ", ".join(file.name for file in message.files)
            rows.append(Row(said, message.seq, f"{name}, {times.moment(message.at)}", "⚑"))
        seq = await Picker("Pinned messages", rows, empty="Nothing is pinned here.").pick(self.app)
        if seq is not None:
            self._jump(chat_id, seq)

    def go_back(self, _: str = "") -> None:
        """To where the last jump began."""
        while self._trail:
            place = self._trail.pop()
            if self.screen.open(place.ref):
                timeline = self.conversation.timeline
                if place.seq:
                    timeline.select(place.seq)
                timeline.go_to(place.anchor)
                return
        self.tell("There is nothing to go back to.")

    def _jump(self, chat_id: int, seq: int) -> None:
        ref, timeline = self.conversation.ref, self.conversation.timeline
        if ref is not None:
            selected = timeline.selected
            self._trail.append(_Place(ref, timeline.place, selected.seq if selected is not None else 0))
            del self._trail[:-TRAIL_MAX]
        self.screen.show_message(chat_id, seq)

    def _selected_seq(self) -> int:
        selected = self.conversation.timeline.selected
        if selected is None or not selected.seq:
            raise ClientError("noneSelected", "No sent message is selected.", "A click selects one.")
        return selected.seq

    def _chat_id(self) -> int:
        ref = self.conversation.ref
        if ref is None or ref.kind != "chat":
            raise ClientError("noChat", "There are no messages here yet.")
        return ref.id
