"""The help screen: every action and its keys, every command, and the mouse, found by typing."""

from typing import ClassVar, Final

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from chatproto.text import terminal_safe
from chatterm.tui.action_rows import ActionRows, Row, action_rows, command_rows
from chatterm.tui.fields import LineInput

MOUSE: Final = (
    Row("", "Mouse", is_heading=True),
    Row("click", "Open a chat, put the cursor there, press what is underlined or a button"),
    Row("wheel", "Scroll the messages or the list below it"),
    Row("drag", "Select text; Ctrl+C copies it"),
    Row("Shift+drag", "Select by the terminal itself, where it can"),
)


def help_rows() -> list[Row]:
    """Everything that the help says."""
    return [*action_rows(), *command_rows(), *MOUSE]


class HelpScreen(ModalScreen[None]):
    """What can be done and how; typing filters, Esc or F1 leaves."""

    DEFAULT_CSS = """
    HelpScreen { align: center middle; background: $background 60%; }
    HelpScreen #box {
        width: 100; max-width: 100%; height: 90%; padding: 0 2; background: $surface; border: round $line;
    }
    HelpScreen LineInput { margin: 0 0 1 0; }
    HelpScreen #foot { height: 1; color: $quiet; }
    HelpScreen.-low #box { height: 100%; border: none; padding: 0 1; }
    HelpScreen.-low LineInput { margin: 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f1", "dismiss", "Close", show=False),
    ]
    AUTO_FOCUS = "LineInput"

    def __init__(self, needle: str = "") -> None:
        """`needle` is what is looked for first."""
        super().__init__()
        self._needle = needle
        self._rows = ActionRows(help_rows)
        self._rows.can_focus = False

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            yield LineInput(terminal_safe(self._needle), "type to find a key, a command or what it does", compact=True)
            yield self._rows
            yield Static("↑ ↓ PgUp PgDn scroll · Esc closes", id="foot", markup=False)

    def on_mount(self) -> None:
        self._rows.show(self._needle)

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.height < 20, "-low")

    @on(Input.Changed)
    def _filter(self, message: Input.Changed) -> None:
        self._rows.show(message.value)
        if not self._rows.rows:
            self.query_one("#foot", Static).update("Nothing matches. Backspace shortens what you typed.")
        else:
            self.query_one("#foot", Static).update("↑ ↓ PgUp PgDn scroll · Esc closes")

    def on_key(self, event: events.Key) -> None:
        steps = {"up": -1, "down": 1}
        pages = {"pageup": -1, "pagedown": 1}
        if event.key in steps:
            self._rows.action_move(steps[event.key])
        elif event.key in pages:
            self._rows.action_page(pages[event.key])

    def on_click(self, event: events.Click) -> None:
        if event.widget is self:
            self.dismiss()
