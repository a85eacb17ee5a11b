"""Draw a line of a message's text with its styles: Markdown, links, mentions, code."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from rich.segment import Segment
from rich.style import Style

from chatterm.tui.timeline.markup import (
    BOLD,
    CODE,
    ITALIC,
    LINK,
    MENTION,
    OWN,
    QUIET,
    STRIKE,
    Block,
    Form,
    Marked,
    Run,
    Target,
)
from chatterm.tui.timeline.markup_layout import CODE_PAD, before_line, block_at, code_cells
from chatterm.tui.timeline.wrap import graphemes

STYLES_MAX: Final = 512
"""Styles of links that are kept, so that all lines of one have the same id for the terminal."""

Token = tuple[int, int, str]
"""Characters of a piece of code, and the component class of their style."""
Highlight = Callable[[str, str], Sequence[Token]]
"""Gives the tokens of a piece of code in a language, as far as they are known by now; must not wait."""


class _Piece(NamedTuple):
    """Characters of the shown text and their style."""

    start: int
    end: int
    style: Style


class BodyPainter:
    """Draws lines of texts that are more than their words."""

    def __init__(self, styles: Mapping[str, Style], base: Style, highlight: Highlight | None = None) -> None:
        self._styles = styles
        self._base = base
        self._highlight = highlight
        self._mixed: dict[tuple[int, Target], Style] = {}

    def line(self, marked: Marked, start: int, end: int, width: int) -> list[Segment]:
        """The segments of one line, in at most `width` cells."""
        block = block_at(marked, start)
        prefix = before_line(block, start, width)
        segments = [Segment(prefix, self._styles["bar"])] if prefix else []
        room = width - len(prefix)
        if block.form is Form.RULE:
            return [*segments, Segment("─" * room, self._styles["bar"])]
        text = marked.text
        if block.form is Form.CODE:
            return segments + self._code_line(text, block, start, end, room)
        pieces = [
            _Piece(max(start, run.start), min(end, run.end), self._style(run.flags, run.target))
            for run in marked.runs[
                bisect_right(marked.runs, start, key=_end_of) : bisect_left(marked.runs, end, key=_start_of)
            ]
        ]
        return segments + _segments(text, start, end, pieces, self._base)

    def _code_line(self, text: str, block: Block, start: int, end: int, room: int) -> list[Segment]:
        code = self._styles["code"]
        tokens: Sequence[Token] = ()
        if block.language and self._highlight is not None:
            tokens = self._highlight(text[block.start : block.end], block.language)
        first = bisect_right(tokens, start - block.start, key=_end_of)
        last = bisect_left(tokens, end - block.start, key=_start_of)
        pieces = [
            _Piece(max(start, low + block.start), min(end, high + block.start), self._styles[name])
            for low, high, name in tokens[first:last]
        ]
        segments = _segments(text, start, end, pieces, code)
        cells = sum(segment.cell_length for segment in segments)
        if code_cells(room) < room:
            segments.insert(0, Segment(" " * CODE_PAD, code))
            cells += CODE_PAD
        return [*segments, Segment(" " * (room - cells), code)]

    def _style(self, flags: int, target: Target) -> Style:
        """The style of a run; the same object for all runs that lead to the same place."""
        style = self._mixed.get((flags, target))
        if style is None:
            if len(self._mixed) >= STYLES_MAX:
                self._mixed.clear()
            style = self._mixed[flags, target] = self._mix(flags, target)
        return style

    def _mix(self, flags: int, target: Target) -> Style:
        named = {QUIET: "quote", LINK: "link", MENTION: "mention", OWN: "named"}
        style = self._base
        for flag, name in named.items():
            if flags & flag:
                style += self._styles[name]
        if flags & CODE:
            style += Style(bgcolor=self._styles["code"].bgcolor)
        style += Style(
            bold=bool(flags & BOLD) or None, italic=bool(flags & ITALIC) or None, strike=bool(flags & STRIKE) or None
        )
        return style + Style(link=target) if isinstance(target, str) else style


def _segments(text: str, start: int, end: int, pieces: list[_Piece], base: Style) -> list[Segment]:
    """The characters `start`..`end` as segments: pieces in their styles, what lies between in the base style."""
    if not pieces:
        return [Segment(text[start:end], base)] if end > start else []
    borders = None if text[start:end].isascii() else {start + low for low, _, _ in graphemes(text[start:end])} | {end}
    segments: list[Segment] = []
    done = start
    for piece in [*pieces, _Piece(end, end, base)]:
        low, high = piece.start, piece.end
        if borders is not None:  # a style may begin within what is one character to the reader
            low, high = _up_to(borders, low), _up_to(borders, high)
        if low > done:
            segments.append(Segment(text[done:low], base))
        low = max(low, done)
        if high > low:
            segments.append(Segment(text[low:high], piece.style))
        done = max(done, low, high)
    return segments


def _up_to(borders: set[int], place: int) -> int:
    while place not in borders:
        place += 1
    return place


def _start_of(part: Run | Token) -> int:
    return part[0]


def _end_of(part: Run | Token) -> int:
    return part[1]
