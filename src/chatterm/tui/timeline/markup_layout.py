"""The lines of a message's text in a width, what stands before them, and what of them is copied."""

from bisect import bisect_right
from collections.abc import Iterable
from typing import Final

from chatterm.tui.timeline.markup import Block, Form, Marked
from chatterm.tui.timeline.wrap import ONE_CELL, Span, graphemes, wrap

CODE_PAD: Final = 1
"""Cells of the code's own colour before and after it."""
TEXT_MIN: Final = 8
"""Cells that what stands before a line leaves to its text, if there are so many."""


def block_at(marked: Marked, place: int) -> Block:
    """The block that holds a place of the shown text."""
    return marked.blocks[max(0, bisect_right(marked.blocks, place, key=_start) - 1)]


def _start(block: Block) -> int:
    return block.start


def before_line(block: Block, start: int, width: int) -> str:
    """What stands before the line of a block that begins at `start`; all of it characters of one cell."""
    prefix = block.first if start == block.start else block.rest
    return prefix[: max(0, width - TEXT_MIN)]


def text_cells_before(marked: Marked, start: int, width: int) -> int:
    """Cells between the left end of the line that begins at `start` and its text."""
    block = block_at(marked, start)
    prefix = len(before_line(block, start, width))
    room = width - prefix
    return prefix + (CODE_PAD if block.form is Form.CODE and code_cells(room) < room else 0)


def copied(marked: Marked, low: int, high: int, *, with_bullet: bool) -> str:
    """The characters `low`..`high` with the bullets and bars of the blocks among them, each once.

    That of the first block is there `with_bullet` if the characters begin where it does.
    """
    first = max(0, bisect_right(marked.blocks, low, key=_start) - 1)
    lines: list[str] = []
    for block in marked.blocks[first:]:
        if block.start > high:
            break
        start, end = max(low, block.start), min(high, block.end)
        begun = block.start > low or (block.start == low and with_bullet)
        reached = high > block.start or block.start == block.end
        before = block.first if begun and reached and block.form is Form.TEXT else ""
        lines.append(before + marked.text[start:end])
    return "\n".join(lines)


def lay_out(marked: Marked, width: int) -> Iterable[Span]:
    """The lines of a text in `width` cells, with what stands before them within the width."""
    for block in marked.blocks:
        room = width - len(before_line(block, -1, width)) if block.rest or block.first else width
        if block.form is Form.TEXT:
            for start, end in wrap(marked.text[block.start : block.end], room):
                yield block.start + start, block.start + end
        elif block.form is Form.RULE:
            yield block.start, block.end
        else:
            yield from _lay_out_code(marked.text, block, code_cells(room))


def code_cells(room: int) -> int:
    """Cells of a line of code where there is room for so many with its padding."""
    return room - 2 * CODE_PAD if room >= TEXT_MIN else room


def _lay_out_code(text: str, block: Block, width: int) -> Iterable[Span]:
    """Lines of code are broken just where they are full, so that nothing of them is left out."""
    start = block.start
    while True:
        end = text.find("\n", start, block.end)
        end = block.end if end < 0 else end
        first = start
        if not ONE_CELL.fullmatch(text, start, end):
            used = 0
            for low, _, cells in graphemes(text[start:end]):
                if used + cells > width and used:
                    yield first, start + low
                    first, used = start + low, 0
                used += cells
        else:
            while end - first > width:
                yield first, first + width
                first += width
        yield first, end
        if end == block.end:
            return
        start = end + 1
