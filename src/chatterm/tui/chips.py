"""The files that will go with what is being written: one chip each above the composer, removed by a click."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from chatterm.tui.graphemes import fit
from chatterm.tui.guard import Guarded

NAME_CELLS: Final = 32
_ROWS_MAX: Final = 4
_LOW: Final = 16
"""In lower windows there is one row of chips, so that messages stay in sight."""
_GAP: Final = "  "


class Chip(NamedTuple):
    """A file as it is shown: `name` and `detail` must be safe for the terminal. One that `fails` cannot be sent now."""

    name: str
    detail: str
    fails: bool = False


class Chips(Guarded, Widget):
    """As many rows as the chips need; there only while there are any. A layout only when they change."""

    DEFAULT_CSS = """
    Chips {
        display: none; height: 1; padding: 0 2;
        & .chips--name { color: $foreground; background: $panel; }
        & .chips--detail { color: $quiet; background: $panel; }
        & .chips--fails { color: $error; background: $panel; text-style: bold; }
    }
    Chips.-shown { display: block; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"chips--name", "chips--detail", "chips--fails"}

    @dataclass
    class Removed(Message):
        """The user clicked a chip away."""

        index: int

    def __init__(self) -> None:
        super().__init__()
        self._chips: tuple[Chip, ...] = ()
        self._rows: list[list[tuple[int, Chip]]] = []
        self._hidden = 0

    def show(self, chips: Sequence[Chip]) -> None:
        """Show these."""
        self._chips = tuple(chips)
        self.set_class(bool(chips), "-shown")
        self._arrange()

    def on_resize(self) -> None:
        self._arrange()

    def _arrange(self) -> None:
        width = max(8, self.content_size.width or self.app.size.width - 4)
        self._rows = [[]]
        used = 0
        for index, chip in enumerate(self._chips):
            cells = cell_len(_text(chip))
            if self._rows[-1] and used + cells > width:
                self._rows.append([])
                used = 0
            self._rows[-1].append((index, chip))
            used += cells + len(_GAP)
        height = min(len(self._rows), _ROWS_MAX if self.app.size.height >= _LOW else 1)
        self._hidden = sum(len(row) for row in self._rows[height:])
        self._rows = self._rows[:height]
        if self.styles.height is None or self.styles.height.value != height:
            self.styles.height = height
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.content_size.width
        if y >= len(self._rows) or not self._rows[y]:
            return Strip.blank(width, self.rich_style)
        segments: list[Segment] = []
        for _, chip in self._rows[y]:
            name = self.get_component_rich_style("chips--fails" if chip.fails else "chips--name")
            detail = self.get_component_rich_style("chips--detail")
            segments += [
                Segment(f" ▤ {_name(chip)} ", name),
                Segment(f"{chip.detail} ✕ ", detail),
                Segment(_GAP, self.rich_style),
            ]
        strip = Strip(segments)
        if self._hidden and y == len(self._rows) - 1:
            more = f" +{self._hidden} more "
            shown = strip.crop(0, max(0, width - len(more)))
            strip = Strip([*shown, Segment(more, self.get_component_rich_style("chips--name"))])
        return strip.adjust_cell_length(width, self.rich_style)

    def on_click(self, event: events.Click) -> None:
        content = event.get_content_offset(self)
        if content is None or content.y >= len(self._rows):
            return
        event.stop()
        x = content.x
        for index, chip in self._rows[content.y]:
            cells = cell_len(_text(chip))
            if 0 <= x < cells:
                self.post_message(self.Removed(index))
                return
            x -= cells + len(_GAP)


def _name(chip: Chip) -> str:
    return chip.name if cell_len(chip.name) <= NAME_CELLS else fit(chip.name, NAME_CELLS)


def _text(chip: Chip) -> str:
    return f" ▤ {_name(chip)} {chip.detail} ✕ "
