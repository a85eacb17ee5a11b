"""Text selected by mouse: where it lies, how it is highlighted, and what is copied."""

from typing import Final, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Offset
from textual.selection import Selection
from textual.strip import Strip

from chatterm.tui.timeline.document import Document
from chatterm.tui.timeline.items import INDENT, PADDING, Item, Kind
from chatterm.tui.timeline.paint import Painter
from chatterm.tui.timeline.viewport import Viewport

COPIED_LINES: Final = 20_000
"""Lines that one copy may hold; a longer selection is cut there."""
_LINE_BITS: Final = 16
_BODY_X: Final = PADDING + INDENT


class Place(NamedTuple):
    """A line of an item; ordered as on screen, and the same however the view moves or is laid out again."""

    key: int
    line: int

    @property
    def y(self) -> int:
        """The place as the y of Textual's selection offsets."""
        return self.key << _LINE_BITS | self.line

    @classmethod
    def of(cls, y: int) -> "Place":
        return cls(y >> _LINE_BITS, y & (1 << _LINE_BITS) - 1)


def bounded(selection: Selection, viewport: Viewport) -> Selection | None:
    """The selection with open ends cut to what is on screen, so that it never means a whole history."""
    start, end = selection
    if start is not None and end is not None:
        return selection
    shown = list(viewport.visible())
    if not shown:
        return None
    _, first, line = shown[0]
    last_row, last, last_line = shown[-1]
    last_line = min(len(last.lines) - 1, last_line + viewport.rows - 1 - last_row)
    return Selection(
        start or Offset(0, Place(first.key, line).y),
        end or Offset(viewport.document.columns.width, Place(last.key, last_line).y),
    )


def _characters(selection: Selection, item: Item, line: int, strip: Strip) -> tuple[int, int]:
    """The selected range of characters of a painted line; empty if there is none."""
    span = selection.get_span(Place(item.key, line).y)
    if span is None:
        return 0, 0
    kind, start, end = item.lines[line]
    if kind is Kind.BODY:
        low, high = _BODY_X, _BODY_X + end - start
    else:
        text = strip.text
        low, high = len(text) - len(text.lstrip()), len(text.rstrip())
    first = max(low, span[0])
    last = high if span[1] < 0 else min(high, span[1])
    return (first, last) if first < last else (0, 0)


def highlight(strip: Strip, selection: Selection, item: Item, line: int, style: Style) -> Strip:
    """The line with its selected part shown."""
    first, last = _characters(selection, item, line, strip)
    if first == last:
        return strip
    cuts = [strip.index_to_cell_position(first), strip.index_to_cell_position(last), strip.cell_length]
    before, within, following = strip.divide(cuts)
    marked = [Segment(text, (own + style) if own else style) for text, own, _ in within]
    return Strip([*before, *marked, *following], strip.cell_length)


def extract(selection: Selection, document: Document, painter: Painter) -> str:
    """The selected text: messages as they were written, other lines as they are shown."""
    start, end = selection
    if start is None or end is None:
        return ""
    place, last = Place.of(start.y), Place.of(end.y)
    copied: list[str] = []
    for item in document.items_from(place.key):
        if item.key > last.key or len(copied) >= COPIED_LINES:
            break
        lines = range(place.line if item.key == place.key else 0, len(item.lines))
        body: tuple[int, int] | None = None
        for line in lines:
            if Place(item.key, line) > last:
                break
            strip = painter.strip(item, line, document.columns)
            first, stop = _characters(selection, item, line, strip)
            kind, offset, line_end = item.lines[line]
            if kind is Kind.BODY:
                low, high = offset + max(0, first - _BODY_X), offset + max(0, stop - _BODY_X)
                if first == stop:
                    low = high = line_end if Place(item.key, line) < last else offset
                body = (body[0] if body else low, high)
            elif first < stop:
                copied.append(strip.text[first:stop])
        if body is not None:
            copied.append(item.text[body[0] : body[1]])
    return "\n".join(copied)
