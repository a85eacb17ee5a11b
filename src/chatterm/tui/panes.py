"""Where things are on the chat screen, in windows of any size, and which of them has the keys."""

import time
from collections.abc import Callable
from typing import Final

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.screen import Screen

from chatterm.client.ports import Engine
from chatterm.client.uistate import UiState
from chatterm.tui.actions import ActionWanted
from chatterm.tui.clients import ClientList
from chatterm.tui.composer import Composer
from chatterm.tui.conversation import Conversation
from chatterm.tui.sidebar import Sidebar
from chatterm.tui.status import StatusLine
from chatterm.tui.timeline import MessagesLeft

BESIDE_MIN: Final = 80
"""In fewer columns the client list lies over the conversation."""
_COLUMNS: Final = [(0, "-narrow"), (BESIDE_MIN, "-normal"), (120, "-wide")]
_ROWS: Final = [(0, "-short"), (16, "-tall")]


def _expected_classes(columns: int, rows: int) -> str:
    """The classes that these breakpoints will give to a screen of this size."""
    across = next(name for least, name in reversed(_COLUMNS) if columns >= least)
    return f"{across} {next(name for least, name in reversed(_ROWS) if rows >= least)}"


class Panes(Screen[None]):
    """The parts of the chat screen. The list is beside the conversation, or over it while it has the keys."""

    DEFAULT_CSS = """
    Panes { layers: base overlay; background: $background; }
    Panes #body { height: 1fr; }
    Panes.-narrow Sidebar { width: 100%; }
    Panes.-narrow Sidebar, Panes.-alone Sidebar {
        display: none; layer: overlay; max-width: 44; height: 100%;
    }
    Panes.-narrow.-list Sidebar, Panes.-alone.-list Sidebar { display: block; }
    Panes.-wide Sidebar { width: 36; }
    Panes.-short ChatHeader { margin: 0; }
    Panes.-short FilterLine { margin: 0; }
    Panes.-short AccountLine { display: none; }
    Panes.-short Composer { border: none; padding: 0 1; background: $panel; }
    """
    # Textual declares these two as instance variables; they are constants all the same.
    HORIZONTAL_BREAKPOINTS: list[tuple[int, str]] | None = _COLUMNS
    VERTICAL_BREAKPOINTS: list[tuple[int, str]] | None = _ROWS
    AUTO_FOCUS = ""  # the composer gets the focus, never by way of the client list

    def __init__(self, engine: Engine, state: UiState, size: tuple[int, int]) -> None:
        hidden = state.setting("list") == "hidden"
        super().__init__(classes=f"{_expected_classes(*size)}{' -alone' if hidden else ''}")
        self._styled = False
        self.engine = engine
        self.state = state
        self.sidebar = Sidebar(engine, state)
        self.conversation = Conversation(engine, state)
        self.status = StatusLine(engine.status)

    def update_node_styles(self, animate: bool = True) -> None:
        """Style all widgets anew; not when the screen first comes up, because mounting them has just done that."""
        if self._styled:
            super().update_node_styles(animate)
        self._styled = True

    def compose(self) -> ComposeResult:
        with Horizontal(id="body"):
            yield self.sidebar
            yield self.conversation
        yield self.status

    # --- who has the keys ---

    @on(ClientList.Left)
    def to_writing(self) -> None:
        """Give the keys to the composer, and the whole of a narrow terminal to the conversation."""
        self.remove_class("-list")
        self.conversation.composer.focus()

    @on(Composer.Left)
    def _to_messages(self) -> None:
        self.remove_class("-list")
        if self.conversation.ref is None:
            self.to_list()
        else:
            self.conversation.timeline.focus()

    @on(MessagesLeft)
    def _leave_messages(self, message: MessagesLeft) -> None:
        if message.to_list:
            self.to_list()
        else:
            self.to_writing()

    def to_list(self) -> None:
        """Give the keys to the client list, over the conversation where it is not beside it."""
        self.add_class("-list")
        self.sidebar.list.focus()

    def on_descendant_focus(self) -> None:
        """Name the keys that help where the focus is."""
        self.status.show_keys("message" if self.focused is self.conversation.timeline else "global")

    def on_screen_suspend(self) -> None:
        self.conversation.timeline.keys_gone()

    def action_next_pane(self) -> None:
        self._cycle((self._to_messages, self.to_list, self.to_writing))

    def action_previous_pane(self) -> None:
        self._cycle((self.to_list, self.to_writing, self._to_messages))

    def _cycle(self, steps: tuple[Callable[[], None], ...]) -> None:
        """Go on from the composer, the messages or the client list."""
        panes = (self.conversation.composer, self.conversation.timeline, self.sidebar.list)
        steps[panes.index(self.focused) if self.focused in panes else -1]()

    # --- where the list is ---

    def show_news(self) -> str:
        """Say what is unread where the client list is out of sight; what it is."""
        count = self.sidebar.list.roster.news.badge(time.time())
        beside = self.app.size.width >= BESIDE_MIN and not self.has_class("-alone")
        self.conversation.header.show_menu("" if beside else f"☰ {count}".rstrip())
        self.status.show_unread("" if beside else count)
        return count

    def on_resize(self, event: events.Resize) -> None:
        if event.size.width >= BESIDE_MIN and not self.has_class("-alone"):
            self.remove_class("-list")
        self.show_news()

    def hide_list(self, on: bool) -> None:
        """Give the conversation all of the window, or have the client list beside it again."""
        self.set_class(on, "-alone")
        self.remove_class("-list")
        if on and self.sidebar.list.has_focus:
            self.to_writing()
        self.show_news()

    def on_mouse_down(self, event: events.MouseDown) -> None:
        over = self.has_class("-list") and (self.has_class("-narrow") or self.has_class("-alone"))
        if over and not self.sidebar.region.contains(event.screen_x, event.screen_y):
            self.to_writing()

    @on(Sidebar.WidthChosen)
    def _set_width(self, message: Sidebar.WidthChosen) -> None:
        self.post_message(ActionWanted("list_width", str(message.cells)))
