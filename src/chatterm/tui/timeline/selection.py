"""Text selected by mouse: where it lies, how it is highlighted, and what is copied."""

from typing import Final, NamedTuple

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Offset
from textual.selection import Selection
from textual.strip import Strip

from chatterm.tui.timeline.document import Document
from chatterm.tui.timeline.items import INDENT, PADDING, Columns, Item, Kind
from chatterm.tui.timeline.markup import Form, Marked
from chatterm.tui.timeline.markup_layout import block_at, copied, text_cells_before
from chatterm.tui.timeline.paint import LEFT_TO_RIGHT_MARK, Painter
from chatterm.tui.timeline.viewport import Viewport

COPIED_LINES: Final = 20_000
"""Lines that one copy may hold; a longer selection is cut there."""
_LINE_BITS: Final = 16
_FILL: Final = " " + LEFT_TO_RIGHT_MARK


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
    if kind is Kind.IMAGE:
        return 0, 0  # a picture has no characters
    if kind is Kind.BODY:
        text_x = _text_x(item, line, Columns.of(strip.cell_length, compact=item.indent > INDENT), strip)
        begins = item.body is not None and _begins_text(item.body.marked, start)
        low, high = _indent(item, line, strip) if begins else text_x, text_x + end - start
    else:
        text = strip.text
        low, high = len(text) - len(text.lstrip()), len(text.rstrip(_FILL))
    first = max(low, span[0])
    last = high if span[1] < 0 else min(high, span[1])
    return (first, last) if first < last else (0, 0)


def _text_x(item: Item, line: int, columns: Columns, strip: Strip) -> int:
    """With which character of its line the text of a message begins."""
    if item.body is None:
        return _indent(item, line, strip)
    return _indent(item, line, strip) + text_cells_before(item.body.marked, item.lines[line][1], columns.body)


def _indent(item: Item, line: int, strip: Strip) -> int:
    """Characters before the text; a name there may have fewer of them than cells."""
    cells = PADDING + item.indent
    return len(strip.crop(0, cells).text) if item.named and line == item.opening else cells


def _begins_text(marked: Marked, start: int) -> bool:
    """Whether a line has the bullet or bar of a block of text, which can be selected with it."""
    block = block_at(marked, start)
    return block.start == start and block.form is Form.TEXT


def highlight(strip: Strip, selection: Selection, item: Item, line: int, style: Style) -> Strip:
    """The line with its selected part on the ground of `style`; its own colours stay, so that it can be read."""
    first, last = _characters(selection, item, line, strip)
    if first == last:
        return strip
    cuts = [strip.index_to_cell_position(first), strip.index_to_cell_position(last), strip.cell_length]
    before, within, following = strip.divide(cuts)
    ground = Style(bgcolor=style.bgcolor)
    marked = [Segment(text, (own + ground) if own else ground) for text, own, _ in within]
    return Strip([*before, *marked, *following], strip.cell_length)


def extract(selection: Selection, document: Document, painter: Painter) -> str:
    """The selected text: messages as they are shown but for breaks of lines, other lines as they are shown."""
    start, end = selection
    if start is None or end is None:
        return ""
    place, last = Place.of(start.y), Place.of(end.y)
    copied_lines: list[str] = []
    for item in document.items_from(place.key):
        if item.key > last.key or len(copied_lines) >= COPIED_LINES:
            break
        first_line = place.line if item.key == place.key else 0
        copied_lines += _lines_of(
            item, first_line, last, selection=selection, painter=painter, columns=document.columns
        )
    return "\n".join(copied_lines)


def _lines_of(
    item: Item, first_line: int, last: Place, *, selection: Selection, painter: Painter, columns: Columns
) -> list[str]:
    """What is selected of one item, its text last and as one."""
    lines: list[str] = []
    body: tuple[int, int] | None = None
    with_bullet = False
    for line in range(first_line, len(item.lines)):
        if Place(item.key, line) > last:
            break
        strip = painter.strip(item, line, columns)
        first, stop = _characters(selection, item, line, strip)
        kind, offset, line_end = item.lines[line]
        if kind is Kind.BODY:
            text_x = _text_x(item, line, columns, strip)
            low, high = offset + max(0, first - text_x), offset + max(0, stop - text_x)
            if body is None:
                with_bullet = first < text_x
            if first == stop:
                low = high = line_end if Place(item.key, line) < last else offset
            body = (body[0] if body else low, high)
        elif first < stop:
            lines.append(strip.text[first:stop].replace(LEFT_TO_RIGHT_MARK, ""))
    if body is not None:
        lines.append(_copied(item, *body, with_bullet=with_bullet))
    return lines


def _copied(item: Item, low: int, high: int, *, with_bullet: bool) -> str:
    if item.body is None:
        return item.text[low:high]
    return copied(item.body.marked, low, high, with_bullet=with_bullet)
