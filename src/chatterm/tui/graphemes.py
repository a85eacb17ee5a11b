"""Text as the terminal shows it: graphemes with what is drawn for them, and lines cut to a width."""

import re
from typing import Final, NamedTuple

from rich.cells import cell_len

from chatproto.text import terminal_safe
from chatterm.tui.timeline.wrap import clip
from chatterm.tui.timeline.wrap import graphemes as spans

_TAB: Final = "    "
_RUNS: Final = re.compile("[\x00-\x1f\x7f-\x9f]|[^\x00-\x1f\x7f-\x9f]+")
"""A control character has no width, but is none of the marks that belong to what stands before them."""


class Grapheme(NamedTuple):
    """One user-perceived character: `text[start:end]`, what is drawn for it, and the cells that takes."""

    start: int
    end: int
    shown: str
    width: int


def graphemes(text: str) -> tuple[Grapheme, ...]:
    """The graphemes of one line, safe to draw: control characters as pictures, a tab as four blanks."""
    if text.isascii() and text.isprintable():
        return tuple(Grapheme(index, index + 1, char, 1) for index, char in enumerate(text))
    found: list[Grapheme] = []
    for run in _RUNS.finditer(text):
        for start, end, _ in spans(run.group()):
            shown = terminal_safe(run.group()[start:end].replace("\t", _TAB))
            found.append(Grapheme(run.start() + start, run.start() + end, shown, cell_len(shown)))
    return tuple(found)


def fit(text: str, width: int) -> str:
    """`text` cut to `width` cells with an ellipsis, or padded with blanks to exactly that; it is safe already."""
    shown = clip(text, max(0, width))
    return shown + " " * (width - cell_len(shown))
