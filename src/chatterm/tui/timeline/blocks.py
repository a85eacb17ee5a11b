"""The history of one chat in blocks of 128 seqs: laid out when near the screen, otherwise only a height."""

import logging
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import accumulate
from typing import Final

from chatproto.models import LogEvent, Message
from chatterm.client.ports import CacheReader
from chatterm.client.told import has_lines
from chatterm.tui.timeline.builder import NO_QUOTES, Builder
from chatterm.tui.timeline.fenwick import Fenwick
from chatterm.tui.timeline.items import GAP_LINES, Before, Item, Kind, after

log = logging.getLogger(__name__)

BLOCK: Final = 128
"""Events in a block."""
KEPT_BLOCKS: Final = 24
"""Blocks that stay laid out in memory; more than the tallest terminal shows with its margins."""
_WINDOWS: Final = (128, 256, 512, 1_024, 2_048, 4_096, *(8_192,) * 128)
"""Steps in which the ends of a hole are looked for, so that the last look costs no more than the hole itself."""
KEPT_IDS: Final = 4_096
"""Client ids of own stored messages that are remembered, to tell outbox rows that are already stored."""


class Block:
    """Some consecutive items with the line at which each begins."""

    __slots__ = ("after", "before", "height", "items", "keys", "quoted", "starts")

    def __init__(self, items: list[Item], before: Before | None = None) -> None:
        """`before` is what its first message looks back at."""
        self.items = items
        self.before = before
        self._count()

    def _count(self) -> None:
        items = self.items
        self.keys = [item.key for item in items]
        self.starts = [0, *accumulate(len(item.lines) for item in items)]
        self.height = self.starts.pop()
        self.quoted = {item.reply_to for item in items if item.reply_to}
        self.after = self.before_of(len(items))

    def before_of(self, index: int) -> Before | None:
        """What the item at `index`, or one added at the end, looks back at; nothing behind a gap."""
        if index == 0:
            return self.before
        item = self.items[index - 1]
        return None if item.is_gap else item.after

    def at(self, line: int) -> tuple[Item, int]:
        """The item that covers a line of the block, and which of its lines that is."""
        index = bisect_right(self.starts, line) - 1
        return self.items[index], line - self.starts[index]

    def find(self, key: int) -> tuple[Item, int]:
        """The item with this key, or the one before it, and the line at which it begins."""
        index = max(0, bisect_right(self.keys, key) - 1)
        return self.items[index], self.starts[index]

    def index_of(self, key: int) -> int | None:
        """Where the item of just this event is."""
        index = bisect_right(self.keys, key) - 1
        item = self.items[index] if index >= 0 else None
        return index if item is not None and item.key == item.last_key == key and not item.is_gap else None

    def replace(self, index: int, item: Item) -> None:
        """Put another item in the place of one."""
        self.items[index] = item
        self._count()

    def extend(self, items: list[Item]) -> None:
        """Add items at the end."""
        for item in items:
            self.items.append(item)
            self.keys.append(item.key)
            self.starts.append(self.height)
            self.height += len(item.lines)
        self.quoted.update(item.reply_to for item in items if item.reply_to)
        self.after = self.before_of(len(self.items))


class Blocks:
    """Lines of seqs 1..head, or floor..head. Heights are exact for measured blocks and estimates for the others."""

    def __init__(self, cache: CacheReader, chat_id: int, own_id: int, head: int, builder: Builder) -> None:
        self._cache = cache
        self._chat_id = chat_id
        self._own_id = own_id
        self._builder = builder
        self.head = head
        self.floor = min(cache.floor(chat_id), head)
        """Up to here the log was removed: one line stands for it, in the block of this seq; those before have none."""
        self.heights = Fenwick(-(-head // BLOCK), BLOCK * GAP_LINES, self.first)
        if head % BLOCK:
            self.heights.set(len(self.heights) - 1, head % BLOCK * GAP_LINES)
        self._measured: set[int] = set()
        self._kept: OrderedDict[int, Block] = OrderedDict()
        self.stored_ids: OrderedDict[bytes, int] = OrderedDict()
        """Seqs of own stored messages by client id, as far as they were laid out."""

    def __len__(self) -> int:
        return len(self.heights)

    @property
    def first(self) -> int:
        """The first block that has lines."""
        return max(0, self.floor - 1) // BLOCK

    def sink(self, floor: int) -> None:
        """Take note that the log was removed up to here."""
        before, self.floor = self.first, min(floor, self.head)
        for index in range(before, self.first):
            self.heights.set(index, 0)
        self._forget(before, self.first + 1)
        self._refresh_quotes(lambda seq: seq <= floor)

    def rebuild(self, builder: Builder) -> None:
        """Lay everything out anew; the old heights serve as estimates."""
        self._builder = builder
        self._measured.clear()
        self._kept.clear()

    def is_measured(self, index: int) -> bool:
        return index in self._measured

    def measure(self, index: int) -> int:
        """Make the height of a block exact; returns by how many lines it grew."""
        if index in self._measured or index < self.first:
            return 0
        return self.heights.set(index, self[index].height)

    def __getitem__(self, index: int) -> Block:
        """The block laid out, which also measures it."""
        if index < self.first:
            return Block([])
        block = self._kept.get(index)
        if block is None:
            block = self._kept[index] = self._load(index)
            if len(self._kept) > KEPT_BLOCKS:
                self._kept.popitem(last=False)
            self._measured.add(index)
            self.heights.set(index, block.height)
        else:
            self._kept.move_to_end(index)
        return block

    def stored(self, first: int, last: int, head: int) -> None:
        """Take note that events of an inclusive range were stored, and of the chat's head."""
        if first <= last and self._append(first, last, head):
            return
        self._grow(head)
        if first <= last:
            # A message after the range looks back at its last event that has lines, at most a block away.
            self._forget((first - 1) // BLOCK, (last - 1) // BLOCK + 1)
            self._refresh_quotes(lambda seq: first <= seq <= last)

    def changed(self, seqs: Collection[int]) -> None:
        """Messages have changed: lay out anew just them, and those that quote them."""
        for seq in seqs:
            block = self._kept.get((seq - 1) // BLOCK)
            index = block.index_of(seq) if block is not None else None
            if block is not None and index is not None:
                self._lay_out(block, index)
            elif seq <= self.head:
                self._forget((seq - 1) // BLOCK, (seq - 1) // BLOCK + 1)
        self._refresh_quotes(seqs.__contains__)

    def renamed(self) -> bool:
        """Lay out anew the messages in which somebody is named who has another name now; whether there are any."""
        changed = False
        for block in list(self._kept.values()):
            for index, item in enumerate(block.items):
                if item.body is not None and item.body.named and self._builder.bodies.is_outdated(item.body):
                    self._lay_out(block, index)
                    changed = True
        return changed

    def _refresh_quotes(self, concerned: Callable[[int], bool]) -> None:
        for block in [block for block in self._kept.values() if any(map(concerned, block.quoted))]:
            for index, item in enumerate(block.items):
                if item.reply_to and concerned(item.reply_to):
                    self._lay_out(block, index)

    def _lay_out(self, block: Block, index: int) -> None:
        """One item of a block from what is cached now; what follows it looks back at the same as before."""
        key = block.items[index].key
        message = self._cache.messages(self._chat_id, [key]).get(key)
        if message is not None:
            item = self._builder.event(block.before_of(index), message, self._quotes([message]))
            if item is not None:
                block.replace(index, item)
                self.heights.set((key - 1) // BLOCK, block.height)

    def _quotes(self, events: Sequence[LogEvent]) -> Mapping[int, Message]:
        """The cached messages that these reply to."""
        wanted = {event.reply_to for event in events if isinstance(event, Message) and event.reply_to}
        return self._cache.messages(self._chat_id, wanted) if wanted else NO_QUOTES

    def _append(self, first: int, last: int, head: int) -> bool:
        """The common case, new events at the end of a block that is laid out: add just their lines."""
        index = (first - 1) // BLOCK
        block = self._kept.get(index)
        if block is None or first != self.head + 1 or last != head or (last - 1) // BLOCK != index:
            return False
        events = self._cache.events(self._chat_id, first, last)
        self._remember(events)
        items = self._builder.history(block.after, events, first, last, self._quotes(events))
        block.extend(items)
        self.heights.set(index, block.height)
        self.head = head
        return True

    def _grow(self, head: int) -> None:
        if head <= self.head:
            return
        if self.head % BLOCK:
            last = len(self.heights) - 1
            added = min(head, len(self.heights) * BLOCK) - self.head
            self.heights.set(last, self.heights[last] + added * GAP_LINES)
            self._forget(last, last)
        while len(self.heights) * BLOCK < head:
            missing = min(BLOCK, head - len(self.heights) * BLOCK)
            self.heights.append(missing * GAP_LINES)
        self.head = head

    def _forget(self, first: int, last: int) -> None:
        span = range(first, last + 1)
        for index in [index for index in self._measured if index in span]:
            self._measured.discard(index)
            self._kept.pop(index, None)

    def _load(self, index: int) -> Block:
        first = index * BLOCK + 1
        last = min(first + BLOCK - 1, self.head)
        removed = [self._builder.removed(first, self.floor)] if self.floor >= first else []
        first = max(first, self.floor + 1)
        try:
            events = self._cache.events(self._chat_id, max(1, first - 1), last)
            before = self._before(first, events.pop(0)) if events and events[0].seq < first else None
            quotes = self._quotes(events)
        except Exception:  # an unreadable stretch of the cache must not take the view down
            log.exception("events %d to %d cannot be read", first, last)
            return Block([*removed, Item(first, last, [(Kind.ERROR, 0, 0)])])
        self._remember(events)
        return Block(removed + self._builder.history(before, events, first, last, quotes), before)

    def _before(self, first: int, nearest: LogEvent) -> Before | None:
        """What the event at `first` looks back at: the nearest with lines, unless a gap or a block lies between."""
        if has_lines(nearest):
            return after(nearest)
        expected = nearest.seq - 1
        for event in reversed(self._cache.events(self._chat_id, max(1, first - BLOCK), expected)):
            if event.seq != expected:
                return None
            if has_lines(event):
                return after(event)
            expected -= 1
        return None

    def _remember(self, events: list[LogEvent]) -> None:
        for event in events:
            if isinstance(event, Message) and event.sender_id == self._own_id:
                self.stored_ids[event.client_id] = event.seq
        while len(self.stored_ids) > KEPT_IDS:
            self.stored_ids.popitem(last=False)

    def covering(self, seq: int) -> int:
        """Index of the block of a seq, within the blocks there are."""
        return min(max(self.first, (seq - 1) // BLOCK), len(self) - 1)

    def hole_around(self, first: int, last: int) -> tuple[int, int]:
        """The uncached range that goes on around one; looks at most about a million seqs to either side."""
        return self._reach_down(first), self._reach_up(last)

    def _reach_down(self, first: int) -> int:
        for window in _WINDOWS:
            low = max(1, first - window)
            holes = self._cache.holes(self._chat_id, low, first - 1) if low < first else []
            if not holes or holes[-1][1] != first - 1:
                break
            first = holes[-1][0]
            if first != low:
                break
        return first

    def _reach_up(self, last: int) -> int:
        for window in _WINDOWS:
            high = min(self.head, last + window)
            holes = self._cache.holes(self._chat_id, last + 1, high) if last < high else []
            if not holes or holes[0][0] != last + 1:
                break
            last = holes[0][1]
            if last != high:
                break
        return last
