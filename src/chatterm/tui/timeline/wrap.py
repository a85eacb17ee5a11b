"""Break text into lines of terminal cells: at words where possible, never inside a grapheme."""

import re
from typing import Final

from rich.cells import cell_len, get_character_cell_size

Span = tuple[int, int]
"""Start and end of one line within the text; what lies between two spans is blanks or a line feed."""

Cell = tuple[int, int, int]
"""Start, end and terminal cells of one grapheme."""

_JOINER: Final = "\u200d"
_ATTACHED: Final = "\u200d\ufe0f"
ONE_CELL: Final = re.compile(
    "[\n\x20-\x7e\xa0-\xac\xae-\u02ff\u0370-\u0377\u0384-\u0482\u048a-\u0527\u1e00-\u1eff"
    "\u2010-\u2015\u2018-\u2027\u2030-\u205e\u20a0-\u20b9\u2190-\u21ff\u2500-\u25fc]*"
)
"""Characters of one cell that stand alone: Latin, Greek, Cyrillic, punctuation, arrows, boxes."""


def wrap(text: str, width: int) -> list[Span]:
    """The lines of `text`, each at most `width` cells (`width` of 2 or more); at least one line.

    Only blanks at a break are left out, so the spans with what lies between them are the whole text.
    """
    if text.isascii() and len(text) <= width and "\n" not in text:
        return [(0, len(text))]
    spans: list[Span] = []
    start = 0
    plain = ONE_CELL.fullmatch(text) is not None
    while True:
        end = text.find("\n", start)
        if end < 0:
            end = len(text)
        if end - start <= width and plain:
            spans.append((start, end))
        elif plain:
            _wrap_plain(text, start, end, width, spans)
        else:
            _wrap_wide(text, start, end, width, spans)
        if end == len(text):
            return spans
        start = end + 1


def _wrap_plain(text: str, start: int, end: int, width: int, spans: list[Span]) -> None:
    """One paragraph in which every character takes one cell."""
    while end - start > width:
        cut = text.rfind(" ", start, start + width + 1)
        last = cut
        while last > start and text[last - 1] == " ":
            last -= 1
        if last <= start:  # one long word, or an indent as wide as the line
            spans.append((start, start + width))
            start += width
            continue
        spans.append((start, last))
        start = cut + 1
        while start < end and text[start] == " ":
            start += 1
        if start == end:
            return
    spans.append((start, end))


def _wrap_wide(text: str, start: int, end: int, width: int, spans: list[Span]) -> None:
    """One paragraph of any script: between two wide graphemes a line may break as at a blank."""
    cells = [(start + first, start + last, size) for first, last, size in graphemes(text[start:end])]
    blank = [last - first == 1 and text[first] == " " for first, last, _ in cells]
    at, count = 0, len(cells)
    while True:
        stop = _fitting(cells, at, width)
        if stop == count:
            spans.append((cells[at][0] if at < count else end, end))
            return
        line_end, following = _break_before(cells, blank, at, stop)
        spans.append((cells[at][0], cells[line_end - 1][1]))
        at = following
        if at == count:
            return


def _fitting(cells: list[Cell], at: int, width: int) -> int:
    """Index of the first grapheme from `at` on that no longer fits on the line; at least one does."""
    used, stop = 0, at
    while stop < len(cells):
        used += cells[stop][2]
        if used > width and stop > at:
            return stop
        stop += 1
    return stop


def _break_before(cells: list[Cell], blank: list[bool], at: int, stop: int) -> tuple[int, int]:
    """Where a line from `at` that must end before `stop` ends, and where the next one begins."""
    for cut in range(stop, at, -1):
        if cut == stop and blank[cut]:
            line_end, following = cut, cut + 1
        elif blank[cut - 1] or (cells[cut - 1][2] == 2 and cells[cut][2] == 2):
            line_end, following = cut, cut
        else:
            continue
        while line_end > at and blank[line_end - 1]:
            line_end -= 1
        if line_end == at:
            break  # an indent is no place to break
        if blank[following - 1]:
            while following < len(cells) and blank[following]:
                following += 1
        return line_end, following
    return stop, stop


def graphemes(text: str) -> list[Cell]:
    """Each character as a reader sees it: marks and joined emoji with their base, flags of two letters as one.

    The sizes add up to what `cell_len` says of any run of whole graphemes, which `split_graphemes` of Rich does not
    promise for joiners without a base.
    """
    size = get_character_cell_size
    cells: list[Cell] = []
    at, count = 0, len(text)
    while at < count:
        start, first = at, text[at]
        at += 2 if first == _JOINER else 1
        if at < count and _is_regional(first) and _is_regional(text[at]):
            at += 1
        while at < count and (text[at] in _ATTACHED or not size(text[at])):
            at += 2 if text[at] == _JOINER else 1
        at = min(at, count)
        cells.append((start, at, size(first) if at - start == 1 else cell_len(text[start:at])))
    return cells


def _is_regional(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def clip(text: str, width: int) -> str:
    """The beginning of one line of text, with an ellipsis if it is longer than `width` cells."""
    if cell_len(text) <= width:
        return text
    room, end = width - 1, 0
    for _, last, cells in graphemes(text):
        if cells > room:
            break
        room -= cells
        end = last
    return text[:end] + "…" if width > 0 else ""
