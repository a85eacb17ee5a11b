"""How events and outbox rows become items with their lines; no colours here."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from chatproto.models import FileInfo, LogEvent, Message
from chatproto.text import terminal_safe
from chatterm.client.model import Attachment, OutboxRow, OutboxState, PendingChange
from chatterm.client.told import lines_of, size_text
from chatterm.tui.timeline.body import Bodies, is_simple
from chatterm.tui.timeline.items import GAP_LINES, OUTBOX_KEY, Before, Columns, Item, Kind, Line, Mark, Unread
from chatterm.tui.timeline.localtime import LocalTime
from chatterm.tui.timeline.wrap import clip, wrap

log = logging.getLogger(__name__)

GROUP_GAP_US: Final = 7 * 60 * 1_000_000
"""Messages of one author further apart than this begin a new group, with name and time."""
QUOTE_CHARS: Final = 200
"""Of a message that is replied to, so much of its first line is kept to be shown."""
NO_QUOTES: Final[Mapping[int, Message]] = {}
_MINUTE_US: Final = 60_000_000

Pending = Callable[[int], tuple[PendingChange, ...]]
"""The unconfirmed changes of the message with a seq."""

_BLANK: Final[Line] = (Kind.BLANK, 0, 0)
_DATE: Final[Line] = (Kind.DATE, 0, 0)
_NEW: Final[Line] = (Kind.NEW, 0, 0)
_HEADER: Final[Line] = (Kind.HEADER, 0, 0)
_GAP: Final[Line] = (Kind.GAP, 0, 0)
_FORWARDED: Final[Line] = (Kind.FORWARDED, 0, 0)
_QUOTE: Final[Line] = (Kind.QUOTE, 0, 0)
_MARKS: Final = {
    OutboxState.QUEUED: Mark.QUEUED,
    OutboxState.SENDING: Mark.SENDING,
    OutboxState.HELD: Mark.HELD,
    OutboxState.FAILED: Mark.FAILED,
}


class Builder:
    """Makes items for one width; the painter draws exactly their lines, so heights are always true."""

    def __init__(
        self,
        columns: Columns,
        days: LocalTime,
        own_id: int,
        unread: Unread | None = None,
        bodies: Bodies | None = None,
        *,
        pending: Pending | None = None,
        removed: Callable[[], str] = str,
    ) -> None:
        """`removed` says why there is nothing before the floor of the log."""
        self.columns = columns
        self._removed = removed
        self._pending = pending
        self.bodies = bodies or Bodies(own_id)
        self._days = days
        self._own_id = own_id
        self._unread = unread

    def history(
        self,
        before: Before | None,
        events: Sequence[LogEvent],
        first: int,
        last: int,
        quotes: Mapping[int, Message] = NO_QUOTES,
    ) -> list[Item]:
        """Items for the events of an inclusive range of seqs; what is missing in it becomes gaps.

        Changes of messages have no item. `quotes` are cached messages that these reply to, by seq.
        """
        items: list[Item] = []
        expected = first
        for event in events:
            if event.seq > expected:
                items.append(self.gap(expected, event.seq - 1))
                before = None
            expected = event.seq + 1
            item = self.event(before, event, quotes)
            if item is not None:
                items.append(item)
                before = item.after
        if expected <= last:
            items.append(self.gap(expected, last))
        return items

    def removed(self, first: int, floor: int) -> Item:
        """The line that stands for everything that was removed."""
        return Item(first, floor, [(Kind.HINT, 0, 0)], text=self._removed())

    def gap(self, first: int, last: int) -> Item:
        """Lines that stand for events which are not cached."""
        lines = [_NEW] if self._unread is not None and self._unread.seq == first else []
        return Item(first, last, lines + [_GAP] * ((last - first + 1) * GAP_LINES), len(lines))

    def outbox(self, before: Before | None, rows: Iterable[OutboxRow], *, first_in_chat: bool) -> list[Item]:
        """Items for unsent messages, which follow the newest event."""
        items: list[Item] = []
        for row in rows:
            key = OUTBOX_KEY + row.row_id
            at_top = first_in_chat and not items
            item = Item(key, key, [], at=row.created_at, sender_id=self._own_id, mark=_MARKS[row.state])
            item.client_id = row.client_id
            if row.text or not row.attached:
                self._message(item, before, row.text, at_top=at_top)
            else:
                self._open(item, before, at_top=at_top)
            if row.attached:
                item.parts = tuple(
                    part_line(file.name, file.size, self.columns.body, upload_state(row, file)) for file in row.attached
                )
                item.lines.extend((Kind.PART, number, 0) for number in range(len(item.parts)))
            self._note(item, row)
            items.append(item)
            before = Before(self._own_id, row.created_at)
        return items

    def event(self, before: Before | None, event: LogEvent, quotes: Mapping[int, Message]) -> Item | None:
        """The item of one event, None if it has no lines of its own. Never raises."""
        try:
            return self._event(before, event, quotes)
        except Exception:  # whatever is wrong with one event, the others must stay readable
            log.exception("event %d cannot be shown", event.seq)
            return Item(event.seq, event.seq, [(Kind.ERROR, 0, 0)], at=event.at, sender_id=event.sender_id)

    def _event(self, before: Before | None, event: LogEvent, quotes: Mapping[int, Message]) -> Item | None:
        item = Item(event.seq, event.seq, [], at=event.at, sender_id=event.sender_id)
        if isinstance(event, Message):
            return self._stored(item, before, event, quotes)
        item.told = tuple(lines_of(event))
        if not item.told:
            return None
        self._lead(item, before, at_top=event.seq == 1)
        item.lead = len(item.lines)
        item.lines.extend((Kind.SYSTEM, number, 0) for number in range(len(item.told)))
        return item

    def _stored(self, item: Item, before: Before | None, message: Message, quotes: Mapping[int, Message]) -> Item:
        pending = self._pending(message.seq) if self._pending is not None else ()
        if not pending:
            return self._as_it_is(item, before, message, quotes)
        from chatterm.client import changed_view  # noqa: PLC0415 - few messages have unconfirmed changes

        item = self._as_it_is(item, before, changed_view.as_changed(message, pending, self._own_id), quotes)
        item.note, refused = changed_view.waiting_text(pending)
        item.note = terminal_safe(item.note)
        item.mark = Mark.FAILED if refused else Mark.QUEUED
        item.lines.extend((Kind.NOTE, start, end) for start, end in wrap(item.note, self.columns.body))
        return item

    def _as_it_is(self, item: Item, before: Before | None, message: Message, quotes: Mapping[int, Message]) -> Item:
        if message.sender_id == self._own_id:
            item.mark = Mark.SENT
        if message.deleted:
            self._open(item, before, at_top=message.seq == 1)
            item.lines.append((Kind.DELETED, 0, 0))
            return item
        marked = message.rev or message.reactions or message.pinned
        if not (marked or message.reply_to or message.files or message.forwarded):
            self._message(item, before, message.text, message, at_top=message.seq == 1)
            return item
        item.reply_to = message.reply_to
        item.quote = self._quote(quotes.get(message.reply_to))
        item.forwarded_from = message.forwarded.sender_id if message.forwarded is not None else 0
        item.parts = tuple(file_line(file, self.columns.body) for file in message.files)
        if marked:
            from chatterm.tui.timeline.marks import mark_lines  # noqa: PLC0415 - many first screens do without

            item.parts += mark_lines(message, self._own_id, self.columns.body)
        if message.text or not message.files:
            self._message(item, before, message.text, message, at_top=message.seq == 1)
        else:
            self._open(item, before, at_top=message.seq == 1)
        item.files = tuple(message.files)
        self._parts(item)
        return item

    def _parts(self, item: Item) -> None:
        """The lines below a message's text: its files, each with its picture, then its marks."""
        for number in range(len(item.parts)):
            item.lines.append((Kind.PART, number, 0))
            picture = self.bodies.picture(item.files[number], self.columns.body) if number < len(item.files) else None
            if picture is not None:
                drawn = len(item.pictures)
                item.pictures += (picture,)
                item.lines.extend((Kind.IMAGE, drawn, row) for row in range(picture.rows))

    def _quote(self, message: Message | None) -> tuple[int, str] | None:
        """Author and first line of a message that is replied to."""
        if message is None:
            return None
        said = self.bodies.first_line(message.text)
        if not said and message.files:
            said = terminal_safe(", ".join(file.name for file in message.files))
        return message.sender_id, "message deleted" if message.deleted else said[:QUOTE_CHARS]

    def _message(
        self, item: Item, before: Before | None, text: str, message: Message | None = None, *, at_top: bool
    ) -> None:
        item.text = text = terminal_safe(text, multiline=True)
        self._open(item, before, at_top=at_top)
        kind, width = Kind.BODY, self.columns.body
        if is_simple(text) or (body := self.bodies.read(text, item.sender_id, message)) is None:
            item.lines.extend([(kind, start, end) for start, end in wrap(text, width)])
        else:
            item.body = body
            item.text = body.marked.text
            item.lines.extend([(kind, start, end) for start, end in body.lines(width)])

    def _open(self, item: Item, before: Before | None, *, at_top: bool) -> None:
        """The lines before a message's own."""
        lines = item.lines
        item.indent = self.columns.indent
        parted = self._lead(item, before, at_top=at_top)
        if (
            parted
            or before is None
            or before.sender_id != item.sender_id
            or not 0 <= item.at - before.at <= GROUP_GAP_US
        ):
            item.named = self.columns.beside
            if not item.named:
                lines.extend((_BLANK, _HEADER) if (lines or not at_top) and not self.bodies.compact else (_HEADER,))
        else:
            item.stamped = item.at // _MINUTE_US != before.at // _MINUTE_US
        if item.forwarded_from:
            lines.append(_FORWARDED)
        if item.reply_to:
            lines.append(_QUOTE)
        item.lead = len(lines)

    def _lead(self, item: Item, before: Before | None, *, at_top: bool) -> bool:
        """Put the date line and the new-messages line before an item where they belong."""
        parted = False
        if before is None or self._days.day(before.at) != self._days.day(item.at):
            item.lines.extend((_DATE,) if at_top or self.bodies.compact else (_BLANK, _DATE))
            parted = True
        if self._unread is not None and self._unread.seq == item.key:
            item.lines.extend((_NEW,) if parted or at_top or self.bodies.compact else (_BLANK, _NEW))
            parted = True
        return parted

    def _note(self, item: Item, row: OutboxRow) -> None:
        """Say under an unsent message why it will not go by itself."""
        if row.state is OutboxState.FAILED:
            reason = f"{row.error.message} {row.error.hint}" if row.error is not None else "The server refused it."
            item.note = terminal_safe(f"Not sent. {reason}".strip())
        elif row.state is OutboxState.HELD:
            item.note = "Held back: an earlier message here was refused."
        if item.note:
            item.lines.extend((Kind.NOTE, start, end) for start, end in wrap(item.note, self.columns.body))


def upload_state(row: OutboxRow, file: Attachment) -> str:
    """How far the upload of an unsent message's file is, to be said behind its size."""
    if file.file_id:
        return " · uploaded"
    if row.state is OutboxState.FAILED:
        return ""
    done = f"{file.sent * 100 // file.size} %" if file.sent and file.size else ""
    if row.paused:
        return f" · ‖ paused{f' at {done}' if done else ''}"
    if not done:
        return " · waits"
    return f" · ↑ {done}" + (f", {size_text(int(file.rate))}/s" if file.rate >= 1 else "")


def file_line(file: FileInfo, width: int) -> str:
    """Name, size and, for an image, its pixels; safe for a terminal. A long name leaves room for the others."""
    pixels = f", {file.width:,} × {file.height:,}" if file.width and file.height else ""
    return part_line(file.name, file.size, width, pixels)


def part_line(name: str, size: int, width: int, more: str = "") -> str:
    """Name and size of a file; safe for a terminal. A long name leaves room for the size."""
    told = f"  {size_text(size)}{more}"
    return f"▤ {clip(terminal_safe(name), max(1, width - len(told) - 2))}{told}"
