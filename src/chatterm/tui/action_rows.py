"""A list of actions with their keys under headings, drawn only where visible, and filtered by what is typed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from chatterm.tui.actions import ACTIONS, SCOPES, Action, key_label, of_scope
from chatterm.tui.actions import current as keymap
from chatterm.tui.graphemes import fit
from chatterm.tui.guard import Guarded

KEYS_WIDTH = 26
_ROOMY, _NARROW_KEYS = 60, 13


class Row(NamedTuple):
    """A heading, or what is done and by which keys. Texts are the program's own, so safe."""

    keys: str
    text: str
    name: str = ""
    is_heading: bool = False
    sought: str = ""
    """By what it is found besides what it shows."""


def keys_of(action: Action) -> str:
    """All keys of an action, as people write them: `Ctrl+K, Alt+G`; a run that only counts up as `Alt+1 … Alt+9`."""
    keys = keymap().keys(action)
    labels = [key_label(key) for key in keys]
    counted = "".join(label[-1] for label in labels)
    if len(labels) > 3 and counted in "123456789" and len({label[:-1] for label in labels}) == 1:
        return f"{labels[0]} … {labels[-1]}"
    return ", ".join(labels)


def command_of(action: Action) -> str:
    """The slash command of an action with what may follow it; empty if it has none."""
    return f"/{action.commands[0]} {action.argument}".rstrip() if action.commands else ""


def action_rows() -> list[Row]:
    """Every action, by scope."""
    rows: list[Row] = []
    for scope, heading in SCOPES.items():
        rows.append(Row("", heading, is_heading=True))
        for action in of_scope(scope):
            command = command_of(action)
            title = f"{action.title}   {command}" if command else action.title
            each_key = " ".join(key_label(key) for key in keymap().keys(action))
            rows.append(Row(keys_of(action), title, action.name, sought=each_key))
    return rows


def command_rows() -> list[Row]:
    """Every slash command."""
    found = sorted((action for action in ACTIONS if action.commands), key=lambda action: action.commands[0])
    rows = [Row("", "Commands, written instead of a message", is_heading=True)]
    for action in found:
        others = ", ".join(f"/{each}" for each in action.commands[1:])
        rows.append(Row(command_of(action), f"{action.title}{f' (also {others})' if others else ''}", action.name))
    return rows


def filtered(rows: Sequence[Row], needle: str) -> list[Row]:
    """The rows in which every word is found, below their headings."""
    words = needle.casefold().split()
    found: list[Row] = []
    heading: Row | None = None
    for row in rows:
        if row.is_heading:
            heading = row
        elif all(word in f"{row.keys} {row.text} {row.name} {row.sought}".casefold() for word in words):
            if heading is not None:
                found.append(heading)
                heading = None
            found.append(row)
    return found


class ActionRows(Guarded, ScrollView, can_focus=True):
    """Shows rows and which one is meant. Its cost grows with what is visible only."""

    DEFAULT_CSS = """
    ActionRows {
        height: 1fr; overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1; background: $surface;
        & .rows--heading { color: $foreground; text-style: bold; }
        & .rows--keys { color: $accent; }
        & .rows--text { color: $foreground 85%; }
        & .rows--cursor { background: $primary 35%; color: $foreground; }
        & .rows--quiet { color: $quiet; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"rows--{name}" for name in ("heading", "keys", "text", "cursor", "quiet")}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "move(-10000)", "First", show=False),
        Binding("end", "move(10000)", "Last", show=False),
    ]

    @dataclass
    class Chosen(Message):
        """A row was clicked on twice, or chosen with Enter."""

        name: str

    def __init__(self, source: Callable[[], list[Row]], *, with_cursor: bool = False) -> None:
        super().__init__()
        self._source = source
        self._with_cursor = with_cursor
        self._needle = ""
        self.rows: list[Row] = source()
        self.cursor = next((i for i, row in enumerate(self.rows) if not row.is_heading), 0)

    def on_mount(self) -> None:
        self._resized()

    def on_resize(self) -> None:
        self._resized()

    def _resized(self) -> None:
        self.virtual_size = Size(self.size.width, max(1, len(self.rows)))

    @property
    def chosen(self) -> Row | None:
        """The row that is meant."""
        return self.rows[self.cursor] if self.cursor < len(self.rows) else None

    def show(self, needle: str | None = None) -> None:
        """Show what a needle finds, or what is there now under the same needle."""
        if needle is not None and needle != self._needle:
            self._needle = needle
            self.cursor = 0
            self.scroll_to(y=0, animate=False)
        rows = self._source()
        self.rows = filtered(rows, self._needle) if self._needle else rows
        self.cursor = min(self.cursor, max(0, len(self.rows) - 1))
        if self.rows and self.rows[self.cursor].is_heading:
            self.cursor += 1
        self._resized()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width, index = self.size.width, y + self.scroll_offset.y
        style = self.get_component_rich_style
        if index >= len(self.rows):
            return Strip.blank(width, self.rich_style)
        row = self.rows[index]
        if row.is_heading:
            return Strip([Segment(fit(row.text, width), style("rows--heading"))], width)
        at_cursor = self._with_cursor and index == self.cursor
        back = style("rows--cursor").background_style if at_cursor else Style()
        least = KEYS_WIDTH if width >= _ROOMY else _NARROW_KEYS
        room = min(max(least, cell_len(row.keys) + 3), width - min(20, width // 2))
        keys = fit(f"{'›' if at_cursor else ' '} {row.keys or '—'}", room)
        kind = "rows--keys" if row.keys else "rows--quiet"
        segments = [Segment(keys, style(kind) + back), Segment(fit(row.text, width - room), style("rows--text") + back)]
        return Strip(segments, width)

    def action_move(self, step: int) -> None:
        if not self._with_cursor:
            self.scroll_relative(y=step, animate=False)
            return
        wanted = max(0, min(len(self.rows) - 1, self.cursor + step))
        if self.rows and self.rows[wanted].is_heading:
            wanted += 1 if step > 0 or not wanted else -1
        self.cursor = min(wanted, len(self.rows) - 1)
        self._follow()

    def action_page(self, direction: int) -> None:
        self.action_move(direction * max(1, self.size.height - 1))

    def _follow(self) -> None:
        top = self.scroll_offset.y
        if self.cursor < top + 1:
            self.scroll_to(y=max(0, self.cursor - 1), animate=False)
        elif self.cursor >= top + self.size.height:
            self.scroll_to(y=self.cursor - self.size.height + 1, animate=False)
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        event.stop()
        index = event.y + self.scroll_offset.y
        if self._with_cursor and index < len(self.rows) and not self.rows[index].is_heading:
            self.cursor = index
            self.refresh()
            if event.chain > 1:
                self.post_message(self.Chosen(self.rows[index].name))
