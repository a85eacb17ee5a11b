"""One-line widgets: parts in named styles from the left, others from the right, that can be clicked on; no layout."""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.strip import Strip
from textual.widget import Widget

from chatterm.tui.actions import ActionWanted
from chatterm.tui.graphemes import fit
from chatterm.tui.guard import Guarded


class Part(NamedTuple):
    """A piece of text, already safe for the terminal, and the component class that styles it.

    `action` of the table is asked for when somebody clicks on it.
    """

    text: str
    style: str
    action: str = ""


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
        & .line--selected { color: $foreground; background: $primary 45%; text-style: bold; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"line--{name}" for name in ("strong", "normal", "quiet", "accent", "good", "warn", "bad", "selected")
    }

    def left(self) -> Sequence[Part]:
        """The parts from the left edge."""
        return ()

    def right(self) -> Sequence[Part]:
        """The parts at the right edge; each is left out, from its first on, where there is no room."""
        return ()

    def clicked(self, part: Part) -> None:
        """Somebody clicked on a part that names an action."""
        self.post_message(ActionWanted(part.action))

    def on_click(self, event: events.Click) -> None:
        content = event.get_content_offset(self)
        part = self.part_at(content.x) if content is not None else None
        if part is not None and part.action:
            event.stop()
            self.clicked(part)

    def part_at(self, x: int) -> Part | None:
        """The part that is drawn at a column of the content; None between the left and the right ones."""
        left, gap, right = self._arranged()
        for part in (*left, Part(" " * gap, ""), *right):
            x -= cell_len(part.text)
            if x < 0:
                return part if part.style else None
        return None

    def _arranged(self) -> tuple[list[Part], int, list[Part]]:
        """What there is room for: left parts, blanks, right parts."""
        width = self.content_size.width
        left = [part for part in self.left() if part.text]
        right = [part for part in self.right() if part.text]
        used = sum(cell_len(part.text) for part in left)
        while right and used + 2 + sum(cell_len(part.text) for part in right) > width:
            right.pop(0)
        shown: list[Part] = []
        room = width
        for part in left:
            text = part.text if cell_len(part.text) <= room else fit(part.text, room)
            shown.append(part._replace(text=text))
            room -= cell_len(text)
        return shown, max(0, room - sum(cell_len(part.text) for part in right)), right

    def render_line(self, y: int) -> Strip:
        width = self.content_size.width
        if y:
            return Strip.blank(width, self.rich_style)
        left, gap, right = self._arranged()
        return Strip(
            [*map(self._segment, left), Segment(" " * gap, self.rich_style), *map(self._segment, right)], width
        )

    def _segment(self, part: Part) -> Segment:
        return Segment(part.text, self.get_component_rich_style(f"line--{part.style}"))
