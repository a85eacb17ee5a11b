"""One conversation as one long list of lines: its history, then its outbox; and how to hold still in it."""

from bisect import bisect_right
from collections.abc import Collection, Iterator
from typing import Final

from msgspec import Struct

from chatproto.models import Message
from chatterm.client.ports import CacheReader, OutboxReader
from chatterm.client.told import removed_text
from chatterm.tui.timeline.blocks import Block, Blocks
from chatterm.tui.timeline.body import Bodies
from chatterm.tui.timeline.builder import Builder, Pending
from chatterm.tui.timeline.items import GAP_LINES, OUTBOX_KEY, Columns, Item, Kind, Unread
from chatterm.tui.timeline.localtime import LocalTime
from chatterm.tui.timeline.messages import ChatView

OUTBOX_ROWS: Final = 200
"""Unsent messages of one chat that are drawn; the rest is counted in a line."""
UNREAD_CAP: Final = 1_000
"""The cache counts unread messages up to here."""
BELOW: Final = 1 << 30
"""Positions from here on are lines below a message's text; no text is that long."""
UNREAD_SCAN: Final = 256
"""Events after the seen marker that are looked at to find the first of somebody else."""


class Anchor(Struct, frozen=True):
    """A place that holds still on screen: in the item `key`, the line that holds `position`, on screen row `row`.

    `position` counts characters of the item's text; a negative one counts lines up from its first line of text,
    one from `BELOW` on counts the lines below its text; within a gap it counts the lines that stand for one event.
    """

    key: int
    position: int
    row: int


def _body(item: Item) -> list[int]:
    """Where in the item's text each of its lines of text begins."""
    return [first for kind, first, _ in item.lines[item.lead :] if kind is Kind.BODY]


def find_unread(cache: CacheReader, chat_id: int | None, own_id: int) -> Unread | None:
    """Where the new-messages line of a chat belongs now: before the first unseen message of somebody else."""
    chat = cache.chat(chat_id) if chat_id is not None else None
    if chat_id is None or chat is None or not chat.unread:
        return None
    expected = max(chat.seen, chat.floor) + 1
    for event in cache.events(chat_id, expected, expected - 1 + UNREAD_SCAN):
        if event.seq != expected or (isinstance(event, Message) and event.sender_id != own_id):
            break
        expected += 1
    return Unread(expected, chat.unread) if expected <= chat.head else None


class Document:
    """Lines 0..height-1 of one conversation. Places far from what was asked for are estimates.

    The `settle` methods make everything within a page around the viewport exact before it can be seen, so moving
    by up to a page never meets a surprise.
    """

    def __init__(
        self,
        cache: CacheReader,
        outbox: OutboxReader,
        chat: ChatView,
        *,
        own_id: int,
        days: LocalTime,
        width: int,
        unread: Unread | None = None,
        bodies: Bodies | None = None,
        pending: Pending | None = None,
    ) -> None:
        self.chat = chat
        self._cache = cache
        self._outbox = outbox
        self._own_id = own_id
        self._days = days
        self.unread = unread
        self._pending = pending
        self._builder = self._made_builder(width, bodies)
        head = cache.head(chat.chat_id) if chat.chat_id is not None else 0
        self.blocks = Blocks(cache, chat.chat_id or 0, own_id, head, self._builder)
        self.tail = Block([])
        self.load_tail()

    def _made_builder(self, width: int, bodies: Bodies | None) -> Builder:
        columns = Columns.of(width, compact=bodies is not None and bodies.compact)
        return Builder(
            columns, self._days, self._own_id, self.unread, bodies, pending=self._pending, removed=self._removed_text
        )

    def _removed_text(self) -> str:
        chat = self._cache.chat(self.chat.chat_id) if self.chat.chat_id is not None else None
        return removed_text(chat.floor_days if chat is not None else 0)

    @property
    def columns(self) -> Columns:
        return self._builder.columns

    @property
    def height(self) -> int:
        return self.blocks.heights.total + self.tail.height

    @property
    def head(self) -> int:
        return self.blocks.head

    # --- changes ---

    def resize(self, width: int, bodies: Bodies | None = None) -> None:
        """Take another width, or another way to read texts; only what is then settled is laid out."""
        bodies = bodies or self._builder.bodies
        self._builder = self._made_builder(width, bodies)
        self.blocks.rebuild(self._builder)
        self.load_tail()

    def stored(self, first: int, last: int, changed: Collection[int] = ()) -> None:
        """Take in events that reached the cache, messages that changed there, and the outbox.

        An empty range only looks at the chat's head.
        """
        if self.chat.chat_id is not None:
            self.blocks.stored(first, last, max(self.head, self._cache.head(self.chat.chat_id)))
            floor = self._cache.floor(self.chat.chat_id)
            if floor > self.blocks.floor:
                self.blocks.sink(floor)
            if changed:
                self.blocks.changed(changed)
        self.load_tail()

    def renamed(self) -> bool:
        """People may have other names now: lay out anew the messages that name them; whether there are any."""
        changed = self.blocks.renamed()
        bodies = [item.body for item in self.tail.items if item.body is not None]
        if any(map(self._builder.bodies.is_outdated, bodies)):
            self.load_tail()
            changed = True
        return changed

    def load_tail(self) -> None:
        """Read the outbox again. Rows whose event is already stored are left out."""
        count = len(self.blocks)
        before = self.blocks[count - 1].after if count else None
        if count > 1:
            _ = self.blocks[count - 2]  # knows the client ids of rows that were sent just now
        targets = self.chat.targets
        rows = self._outbox.rows(targets, OUTBOX_ROWS + 1) if targets else []
        more = len(rows) > OUTBOX_ROWS
        rows = [row for row in rows[:OUTBOX_ROWS] if row.client_id not in self.blocks.stored_ids]
        items = self._builder.outbox(before, rows, first_in_chat=not count)
        if more:
            key = items[-1].key + 1 if items else OUTBOX_KEY
            items.append(Item(key, key, [(Kind.HINT, 0, 0)], text="More messages are waiting to be sent."))
        elif not items and not count:
            items.append(Item(OUTBOX_KEY, OUTBOX_KEY, [(Kind.HINT, 0, 0)]))
        self.tail = Block(items)

    # --- places ---

    def line(self, number: int) -> tuple[Item, int]:
        """The item that covers a line, and which of its lines that is."""
        index, rest = self.blocks.heights.find(number)
        block = self.tail if index >= len(self.blocks) else self.blocks[index]
        return block.at(min(rest, block.height - 1))

    def visible(self, top: int, rows: int) -> Iterator[tuple[int, Item, int]]:
        """(row, item, its line) for each item on screen, at the first of its lines there."""
        row, end = max(0, -top), min(rows, self.height - top)
        while row < end:
            item, line = self.line(top + row)
            yield row, item, line
            row += max(1, len(item.lines) - line)

    def anchor(self, top: int, rows: int) -> Anchor | None:
        """What should hold still: the topmost real line on screen, or within a gap its place in the count."""
        fallback: Anchor | None = None
        for row, item, line in self.visible(top, rows):
            kind, start, _ = item.lines[line]
            if item.is_gap:
                events, rest = divmod(max(0, line - item.lead), GAP_LINES)
                fallback = fallback or Anchor(item.key + events, rest, row)
            elif kind is Kind.BODY:
                return Anchor(item.key, start, row)
            elif line < item.lead:
                return Anchor(item.key, line - item.lead, row)
            else:
                return Anchor(item.key, BELOW + line - item.lead - len(_body(item)), row)
        return fallback

    def settle(self, top: int, rows: int) -> int:
        """Measure what surrounds a viewport at `top`; returns where its first line is afterwards."""
        for _ in range(2):  # a second time if the end was nearer than estimated
            index, rest = self._settled_at(top)
            top = self._around(index, rest, rows)
            limit = max(0, self.height - rows)
            if top <= limit:
                break
            top = limit
        return top

    def settle_end(self, rows: int) -> int:
        """Measure the end; returns the top line of a viewport that shows it."""
        self._around(len(self.blocks), self.tail.height, 2 * rows)
        return max(0, self.height - rows)

    def settle_anchor(self, anchor: Anchor, rows: int) -> int:
        """Measure what surrounds an anchor; returns the top line with which it is on its row again."""
        if anchor.key >= OUTBOX_KEY or not len(self.blocks):
            index, offset = len(self.blocks), self._offset(self.tail, anchor)
        else:
            index = self.blocks.covering(anchor.key)
            offset = self._offset(self.blocks[index], anchor)
        return self.settle(self._around(index, offset, rows + anchor.row) - anchor.row, rows)

    @property
    def unread_text(self) -> str:
        """What the new-messages line says; empty if there is none."""
        if self.unread is None:
            return ""
        return f"{self.unread.count:,}{'+' if self.unread.count >= UNREAD_CAP else ''} new"

    def unread_anchor(self) -> Anchor | None:
        """Where reading goes on: the new-messages line, a little below the top."""
        return Anchor(self.unread.seq, -1, 2) if self.unread is not None else None

    def _settled_at(self, top: int) -> tuple[int, int]:
        """Block and offset of a line; in a block not yet measured its share of the height is kept."""
        top = max(0, min(top, self.height - 1))
        index, rest = self.blocks.heights.find(top)
        if index >= len(self.blocks):
            return len(self.blocks), rest
        estimate = self.blocks.heights[index]
        if self.blocks.measure(index):
            rest = rest * self.blocks.heights[index] // estimate
        return index, rest

    def _around(self, index: int, offset: int, rows: int) -> int:
        """Measure a page above and two below a place; returns its line number."""
        below = (self.blocks.heights[index] if index < len(self.blocks) else self.tail.height) - offset
        following = index + 1
        while below < 2 * rows and following < len(self.blocks):
            self.blocks.measure(following)
            below += self.blocks.heights[following]
            following += 1
        above, previous = offset, index - 1
        while above < rows and previous >= self.blocks.first:
            self.blocks.measure(previous)
            above += self.blocks.heights[previous]
            previous -= 1
        return self.blocks.heights.prefix(index) + offset

    def _offset(self, block: Block, anchor: Anchor) -> int:
        """The line of an anchor within its block."""
        if not block.items:
            return 0
        item, start = block.find(anchor.key)
        if item.is_gap:
            rest = anchor.position if 0 < anchor.position < GAP_LINES else 0
            return start + item.lead + (min(anchor.key, item.last_key) - item.key) * GAP_LINES + rest
        if item.key != anchor.key or anchor.position < 0:
            return max(0, start + item.lead + min(0, anchor.position))
        body = _body(item)
        if anchor.position >= BELOW:
            line = min(item.lead + len(body) + anchor.position - BELOW, len(item.lines) - 1)
        else:
            line = item.lead + max(0, bisect_right(body, anchor.position) - 1)
        return start + line

    def items_from(self, key: int) -> Iterator[Item]:
        """The items from the one that holds `key` on, to the end of the conversation."""
        if key < OUTBOX_KEY:
            for index in range(self.blocks.covering(key), len(self.blocks)):
                yield from (item for item in self.blocks[index].items if item.last_key >= key)
        yield from (item for item in self.tail.items if item.key >= key)
