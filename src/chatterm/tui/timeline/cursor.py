"""Which message is selected, how the selection moves, and how it is shown; it stays on its message whatever changes."""

from collections.abc import Callable, Iterator
from typing import Final

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from chatterm.tui.timeline.document import Anchor, Document
from chatterm.tui.timeline.items import OUTBOX_KEY, PADDING, Item, Kind
from chatterm.tui.timeline.messages import Selected
from chatterm.tui.timeline.viewport import Viewport

BAR: Final = "▌"
"""At the left edge of the selected message, so that colour is not all that shows it."""
LOOKED_THROUGH: Final = 16
"""Blocks without any message that are looked through for the next one."""
_BEFORE_OWN: Final = (Kind.BLANK, Kind.DATE, Kind.NEW)
_NO_MESSAGE: Final = (Kind.GAP, Kind.HINT, Kind.ERROR)


def is_message(item: Item) -> bool:
    """Whether it can be selected: a message, sent or not, deleted or not."""
    return bool(item.sender_id) and not item.told and item.lines[-1][0] not in _NO_MESSAGE


def own_start(item: Item) -> int:
    """The first of an item's lines that belongs to it: date and new-messages lines do not."""
    for index, line in enumerate(item.lines):
        if line[0] not in _BEFORE_OWN:
            return index
    return len(item.lines) - 1


def find(document: Document, key: int) -> tuple[Item, int] | None:
    """The item with just this key, and the line at which it begins; lays its block out if it was not."""
    if key >= OUTBOX_KEY:
        block, above = document.tail, document.blocks.heights.total
    elif 0 < key <= document.head:
        number = document.blocks.covering(key)
        block = document.blocks[number]
        above = document.blocks.heights.prefix(number)
    else:
        return None
    index = block.index_of(key)
    return None if index is None else (block.items[index], above + block.starts[index])


def following(document: Document, key: int) -> Iterator[Item]:
    """The items after the one with this key, in order; through a bounded number of blocks."""
    blocks = document.blocks
    if key < OUTBOX_KEY and len(blocks):
        first = blocks.covering(max(1, key))
        for number in range(first, min(len(blocks), first + LOOKED_THROUGH)):
            yield from (item for item in blocks[number].items if item.key > key)
    yield from (item for item in document.tail.items if item.key > key)


def preceding(document: Document, key: int) -> Iterator[Item]:
    """The items before the one with this key, the nearest first; through a bounded number of blocks."""
    blocks = document.blocks
    if key >= OUTBOX_KEY:
        yield from (item for item in reversed(document.tail.items) if item.key < key)
    last = blocks.covering(max(1, min(key, document.head))) if len(blocks) else -1
    for number in range(last, max(-1, last - LOOKED_THROUGH), -1):
        yield from (item for item in reversed(blocks[number].items) if item.last_key < key)


class Cursor:
    """The selected message of one viewport, by the key of its item.

    A message that is sent while it is selected stays so, as the stored one; one that is taken back or discarded
    hands the selection to the next, or else to the one before.
    """

    def __init__(self) -> None:
        self.key: int | None = None
        self._client_id = b""

    def select(self, item: Item) -> None:
        self.key = item.key
        self._client_id = item.client_id

    def point(self, seq: int) -> None:
        """Select the message of an event that may not be loaded yet."""
        self.key = seq
        self._client_id = b""

    def clear(self) -> None:
        self.key = None
        self._client_id = b""

    def selected(self, document: Document) -> Selected | None:
        """What is selected; None also for a place whose event is not loaded, or is no message."""
        if self.key is None:
            return None
        found = find(document, self.key)
        if found is None or not is_message(found[0]):
            return None
        seq = self.key if self.key < OUTBOX_KEY else 0
        return Selected(document.chat.chat_id, seq, self._client_id)

    def settle(self, document: Document) -> None:
        """Find the selected message again after the conversation has changed."""
        if self.key is None or self.key < OUTBOX_KEY or find(document, self.key) is not None:
            return
        seq = document.blocks.stored_ids.get(self._client_id)
        if seq is not None:
            self.point(seq)
            return
        key = self.key
        near = next(filter(is_message, following(document, key)), None)
        near = near or next(filter(is_message, preceding(document, key)), None)
        if near is None:
            self.clear()
        else:
            self.select(near)

    def stay(self, viewport: Viewport, change: Callable[[], object]) -> None:
        """Let the conversation or the view change around the selected message: if it was in sight, it stays so."""
        was_shown = self._is_shown(viewport)
        change()
        self.settle(viewport.document)
        if was_shown and not self._is_shown(viewport) and self.key is not None:
            found = find(viewport.document, self.key)
            if found is not None:
                reveal(viewport, found[0])

    def _is_shown(self, viewport: Viewport) -> bool:
        return self.key is not None and any(item.key == self.key for _, item in in_sight(viewport))

    def is_newest(self, document: Document) -> bool:
        """Whether no message comes after the selected one."""
        return self.key is None or not any(map(is_message, following(document, self.key)))


def in_sight(viewport: Viewport) -> list[tuple[int, Item]]:
    """The messages of which a line of their own is on screen, with its row, from the top."""
    shown: list[tuple[int, Item]] = []
    for row, item, line in viewport.visible():
        first = row + max(0, own_start(item) - line)
        if is_message(item) and first < viewport.rows:
            shown.append((first, item))
    return shown


def nearest(viewport: Viewport, row: int) -> Item | None:
    """The message in sight that is nearest to a row."""
    shown = in_sight(viewport)
    above = [item for first, item in shown if first <= row]
    if above:
        return above[-1]
    return shown[0][1] if shown else None


def neighbour(document: Document, key: int, step: int) -> Item | None:
    """The next message up or down; None at the end, and where something that is not loaded comes first."""
    for item in following(document, key) if step > 0 else preceding(document, key):
        if item.is_gap:
            return None
        if is_message(item):
            return item
    return None


def anchor_of(viewport: Viewport, seq: int) -> Anchor:
    """Where a message stands when it was jumped to: a third down the view, with what comes before it."""
    return Anchor(seq, -1, max(1, viewport.rows // 3))


def reveal(viewport: Viewport, item: Item, *, margin: int = 1) -> None:
    """Scroll as little as shows the whole item, or its beginning if it is taller than the view."""
    viewport.settle()
    found = find(viewport.document, item.key)
    if found is None:
        return
    item, start = found
    first, last = start + own_start(item), start + len(item.lines) - 1
    margin = min(margin, max(0, viewport.rows - (last - first + 1)))
    if first < viewport.top + margin or last - first >= viewport.rows:
        viewport.go(max(0, first - margin))
    elif last >= viewport.top + viewport.rows:
        viewport.go(last - viewport.rows + 1)


def mark(strip: Strip, bar: Style, background: Style) -> Strip:
    """A line of the selected message: a bar in the padding at its left, and another background."""
    rest = strip.crop(PADDING, strip.cell_length)
    shown = [
        segment if segment.control else Segment(segment.text, (segment.style or Style()) + background)
        for segment in rest
    ]
    edge = Segment(BAR + " " * (PADDING - 1), background + bar)
    return Strip([edge, *shown], strip.cell_length)
