"""The list of choices above the composer: drawn over the messages, so that it moves nothing."""

from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.strip import Strip
from textual.widget import Widget

from chatterm.tui.graphemes import fit
from chatterm.tui.guard import Guarded
from chatterm.tui.writing.completion import Choice

ROWS_MAX: Final = 8
WIDTH_MAX: Final = 64
"""Cells of a list that has room at its side."""
_BESIDE_MIN: Final = 16
"""With less at its side, it is as wide as the composer: the ends of covered lines would be fragments."""


class Popup(Guarded, Widget):
    """Up to eight rows of any number of choices; never has the focus: the keys stay with the composer."""

    DEFAULT_CSS = """
    Popup {
        overlay: screen; constrain: inside inside; display: none;
        width: 64; max-width: 100%; height: 1; margin: 0 1;
        background: $panel;
        & .popup--label { color: $foreground; }
        & .popup--detail { color: $quiet; }
        & .popup--cursor { background: $primary 35%; color: $foreground; text-style: bold; }
        & .popup--bar { color: $accent; text-style: bold; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"popup--{name}" for name in ("label", "detail", "cursor", "bar")}

    def __init__(self, picked: Callable[[Choice], None]) -> None:
        """`picked` is called with a choice that is clicked on."""
        super().__init__()
        self._picked = picked
        self.choices: Sequence[Choice] = ()
        self._hint = ""
        self._cursor = 0
        self.was_moved = False
        """Whether the user went from one choice to another."""
        self._top = 0
        self._label_width = 0

    @property
    def is_open(self) -> bool:
        """Whether there is something to choose."""
        return bool(self.choices)

    @property
    def current(self) -> Choice:
        """The choice at the cursor; only while open."""
        return self.choices[self._cursor]

    def show(self, choices: Sequence[Choice], hint: str = "") -> None:
        """Offer these, the cursor on the first; without any, the hint, which is safe for a terminal, or nothing."""
        self.choices = choices
        self._hint = hint
        self._cursor = self._top = 0
        self.was_moved = False
        self._label_width = max((cell_len(choice.label) + 2 for choice in choices), default=0)
        rows = min(len(choices), ROWS_MAX) or bool(hint)
        self._fit()
        if rows and self.styles.height is not None and self.styles.height.value != rows:
            self.styles.height = rows
            self.styles.offset = (0, -rows)
        elif rows:
            self.styles.offset = (0, -rows)
        self.display = bool(rows)
        self.refresh()

    def _fit(self) -> None:
        around = self.parent
        room = around.content_size.width - 2 if isinstance(around, Widget) else WIDTH_MAX
        wanted = WIDTH_MAX if room >= WIDTH_MAX + _BESIDE_MIN else max(1, room)
        if self.styles.width is None or self.styles.width.value != wanted:
            self.styles.width = wanted

    def hide(self) -> None:
        """Offer nothing; costs nothing if nothing is offered."""
        if self.display:
            self.show(())

    def move(self, step: int) -> None:
        """Move the cursor, round the ends."""
        self.was_moved = True
        self._cursor = (self._cursor + step) % len(self.choices)
        self._top = min(max(self._top, self._cursor - ROWS_MAX + 1), self._cursor)
        self.refresh()

    # --- drawing

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        style = self.get_component_rich_style
        if not self.choices:
            return Strip([Segment(fit(f"  {self._hint}", width), style("popup--detail"))], width)
        index = y + self._top
        if index >= len(self.choices):
            return Strip.blank(width, self.rich_style)
        choice = self.choices[index]
        at_cursor = index == self._cursor
        text = style("popup--cursor" if at_cursor else "popup--label")
        back = text.background_style
        quiet = style("popup--label" if at_cursor else "popup--detail") + back
        sign = f"{choice.sign} " if choice.sign else ""
        bar = "› " if at_cursor else "  "
        room = max(0, width - len(bar) - cell_len(sign) - 1)
        label = min(room, self._label_width) if choice.detail else room
        return Strip(
            [
                Segment(bar, style("popup--bar") + back),
                Segment(sign, text),
                Segment(fit(choice.label, label), text),
                Segment(fit(choice.detail, room - label), quiet),
                Segment(self._scroll_mark(y), quiet),
            ],
            width,
        )

    def _scroll_mark(self, y: int) -> str:
        """Whether there is more above or below."""
        if y == 0 and self._top:
            return "↑"
        return "↓" if y == ROWS_MAX - 1 and self._top + ROWS_MAX < len(self.choices) else " "

    # --- mouse

    def on_click(self, event: events.Click) -> None:
        event.stop()
        index = event.y + self._top
        if index < len(self.choices):
            self._picked(self.choices[index])

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._wheel(event, 1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._wheel(event, -1)

    def _wheel(self, event: events.MouseEvent, step: int) -> None:
        event.stop()
        event.prevent_default()
        if self.choices:
            self.was_moved = True
            self._cursor = min(max(self._cursor + step, 0), len(self.choices) - 1)
            self._top = min(max(self._top, self._cursor - ROWS_MAX + 1), self._cursor)
            self.refresh()
