"""Lines of a terminal made of styled pieces, cut and filled to exact widths."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from rich.cells import cell_len, set_cell_size

from chatproto.text import terminal_safe


class Piece(NamedTuple):
    """Text in one style; a style is what Rich understands, with the terminal's own colours only."""

    text: str
    style: str = ""


Line = list[Piece]
PLAIN: Final = ""
DIM: Final = "dim"
STRONG: Final = "bold"
GOOD: Final = "green"
GRAPH: Final = "cyan"
WARN: Final = "bold yellow"
BAD: Final = "bold red"
TITLE: Final = "bold cyan"


@dataclass(frozen=True, slots=True)
class Glyphs:
    """What lines and graphs are drawn with."""

    bars: str
    rule: str
    dot: str
    gap: str
    ellipsis: str


UNICODE: Final = Glyphs("▁▂▃▄▅▆▇█", "─", "●", "·", "…")
ASCII: Final = Glyphs("_.-=+*%#", "-", "*", ".", "~")


def glyphs(encoding: str | None = None) -> Glyphs:
    """Those that the terminal's encoding (of stdout unless given) can show."""
    name = (encoding or sys.stdout.encoding or "ascii").lower().replace("-", "")
    return UNICODE if name.startswith("utf") else ASCII


def width_of(line: Sequence[Piece]) -> int:
    """Cells that a line takes."""
    return sum(cell_len(piece.text) for piece in line)


def fitted(line: Sequence[Piece], width: int) -> Line:
    """The line, cut or filled with blanks to exactly this many cells."""
    result: Line = []
    left = max(0, width)
    for piece in line:
        if not left:
            break
        cells = cell_len(piece.text)
        if cells > left:
            piece = Piece(set_cell_size(piece.text, left), piece.style)  # noqa: PLW2901 - the piece that is cut
            cells = left
        result.append(piece)
        left -= cells
    if left:
        result.append(Piece(" " * left))
    return result


def cut(text: str, width: int, mark: str) -> str:
    """Text that somebody else chose, made safe, in exactly `width` cells; `mark` ends what was cut."""
    safe = terminal_safe(text)
    if cell_len(safe) > width > 0:
        return set_cell_size(safe, width - 1) + mark
    return set_cell_size(safe, max(0, width))


def both_ends(left: Sequence[Piece], right: Sequence[Piece], width: int) -> Line:
    """One at the left edge and one at the right; the left gives way."""
    room = width - width_of(right)
    if room < 1:
        return fitted(right, width)
    return [*fitted(left, room), *right]


def graph(values: Sequence[float | None], marks: Glyphs) -> str:
    """A sparkline from 0 to the highest value; where nothing was seen there is a gap."""
    highest = max((value for value in values if value is not None), default=0.0)
    top = len(marks.bars) - 1

    def bar(value: float | None) -> str:
        if value is None:
            return " "
        return marks.bars[round(top * value / highest) if highest > 0 else 0]

    return "".join(map(bar, values))


def text_of(line: Sequence[Piece]) -> str:
    """Without its styles, and without blanks at its end."""
    return "".join(piece.text for piece in line).rstrip()
