"""One-line widgets: parts in named styles from the left, others from the right, drawn without layout."""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from chatterm.tui.graphemes import fit
from chatterm.tui.guard import Guarded


class Part(NamedTuple):
    """A piece of text, already safe for the terminal, and the component class that styles it."""

    text: str
    style: str


class Line(Guarded, Widget):
    """A widget one row high. The left parts are cut when room is scarce, after the right ones have gone."""

    DEFAULT_CSS = """
    Line {
        height: 1;
        width: 1fr;
        & .line--strong { color: $foreground; text-style: bold; }
        & .line--normal { color: $foreground 85%; }
        & .line--quiet { color: $quiet; }
        & .line--accent { color: $accent; text-style: bold; }
        & .line--good { color: $success; }
        & .line--warn { color: $warning; text-style: bold; }
        & .line--bad { color: $error; text-style: bold; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"line--{name}" for name in ("strong", "normal", "quiet", "accent", "good", "warn", "bad")
    }

    def left(self) -> Sequence[Part]:
        """The parts from the left edge."""
        return ()

    def right(self) -> Sequence[Part]:
        """The parts at the right edge; each is left out, from its first on, where there is no room."""
        return ()

    def render_line(self, y: int) -> Strip:
        width = self.content_size.width
        if y:
            return Strip.blank(width, self.rich_style)
        left = [part for part in self.left() if part.text]
        right = [part for part in self.right() if part.text]
        used = sum(cell_len(part.text) for part in left)
        while right and used + 2 + sum(cell_len(part.text) for part in right) > width:
            right.pop(0)
        segments: list[Segment] = []
        room = width
        for part in left:
            text = part.text if cell_len(part.text) <= room else fit(part.text, room)
            segments.append(self._segment(Part(text, part.style)))
            room -= cell_len(text)
        room -= sum(cell_len(part.text) for part in right)
        segments.append(Segment(" " * max(0, room), self.rich_style))
        segments.extend(self._segment(part) for part in right)
        return Strip(segments, width)

    def _segment(self, part: Part) -> Segment:
        return Segment(part.text, self.get_component_rich_style(f"line--{part.style}"))
