"""Lines whose picture the terminal draws in pixels, and which turn into half cells wherever that cannot be."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter
from textual.strip import Strip

_SAVE, _RESTORE = "\x1b7", "\x1b8"


class PixelRow(NamedTuple):
    """A row of a picture."""

    cells: list[Segment]
    """What stands for it where pixels cannot be drawn."""
    pixels: str
    """What draws it, from the cursor on."""
    columns: int

    def over(self, strip: Strip, x: int) -> "PixelStrip":
        """A strip that has the cells of this row from column `x` on, to be drawn in pixels there."""
        return PixelStrip(strip, strip.cell_length, row=self, x=x)


class PixelStrip(Strip):
    """A strip whose segments are half cells from `x` on, and which is written with pixels in their place.

    Whatever takes its segments (a screen that shines through another, a selection, a picture of the screen) gets the
    half cells. So does what gets a part of it with a part of the picture.
    """

    __slots__ = ("_row", "_written", "_x")

    def __init__(self, segments: Iterable[Segment], cell_length: int | None, *, row: PixelRow, x: int) -> None:
        super().__init__(segments, cell_length)
        self._row = row
        self._x = x
        self._written: str | None = None  # not where Textual keeps its own, which is joined with that of others

    def over(self, strip: Strip) -> "PixelStrip":
        """The same picture on a strip with other segments of the same cells."""
        return self._row.over(strip, self._x)

    def render(self, console: Console) -> str:
        """Blank cells, which take away what was there, and over them the pixels; the cursor ends behind them.

        The cursor is saved and restored rather than moved back: at the right edge, it may be on the last cell or
        behind it.
        """
        if self._written is None:
            end = self._x + self._row.columns
            before, after = Strip(super().crop(0, self._x)), Strip(super().crop(end))
            style = next((style for _, style, _ in reversed(before)), None)
            blank = Strip([Segment(" " * self._row.columns, style)])
            self._written = (
                f"{before.render(console)}{_SAVE}{blank.render(console)}{_RESTORE}{self._row.pixels}"
                f"{_RESTORE}\x1b[{self._row.columns}C{after.render(console)}"
            )
        return self._written

    def crop(self, start: int, end: int | None = None) -> Strip:
        """A part of the strip; with the pixels if the whole picture is in it."""
        part = super().crop(start, end)
        start = max(0, start)
        whole = start <= self._x and self._x + self._row.columns <= start + part.cell_length
        if part is self or not whole:
            return part
        return self._row.over(part, self._x - start)

    def divide(self, cuts: Iterable[int]) -> Sequence[Strip]:
        """The strip cut at these cells."""
        ends = [cut for cut in cuts if cut <= self.cell_length]
        return [self.crop(start, end) for start, end in zip([0, *ends[:-1]], ends, strict=True)]

    def apply_filter(self, filter: LineFilter, background: Color) -> Strip:  # noqa: A002 - the name Textual gives it
        """The strip with other colours; the pixels keep theirs."""
        return self.over(super().apply_filter(filter, background))

    def adjust_cell_length(self, cell_length: int, style: Style | None = None) -> Strip:
        """A strip of another length; without the pixels, which might not fit."""
        if cell_length == self.cell_length:
            return self
        return super().adjust_cell_length(cell_length, style)
