"""The help screen: every action and its keys, written from the table of actions."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from chatterm.tui.actions import SCOPES, key_label, of_scope
from chatterm.tui.actions import current as keymap

_KEYS_WIDTH = 31


def help_text() -> Content:
    """The whole table, by scope."""
    blocks: list[Content] = []
    for scope, heading in SCOPES.items():
        lines = [Content.styled(heading, "bold")]
        for action in of_scope(scope):
            keys = ", ".join(key_label(key) for key in keymap().keys(action))
            lines.append(Content.assemble((f"  {keys:<{_KEYS_WIDTH}} ", "$accent"), action.title))
        blocks.append(Content("\n").join(lines))
    return Content("\n\n").join(blocks)


class HelpScreen(ModalScreen[None]):
    """Keys and what they do; Esc, F1 or q closes it."""

    DEFAULT_CSS = """
    HelpScreen { align: center middle; background: $background 60%; }
    HelpScreen VerticalScroll {
        width: 92; max-width: 96%; height: auto; max-height: 90%;
        padding: 1 3; background: $surface; border: round $line;
        scrollbar-size-vertical: 1;
    }
    HelpScreen Static { height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f1,q,enter", "dismiss", "Close", show=False),
    ]

    def compose(self) -> ComposeResult:
        with VerticalScroll():
            yield Static(help_text())
