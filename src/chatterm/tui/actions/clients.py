"""What keys do in the client list."""

from typing import Final

from chatterm.tui.actions.model import Action

ACTIONS: Final[tuple[Action, ...]] = (
    Action("cursor_up", "list", ("up",), "Up"),
    Action("cursor_down", "list", ("down",), "Down"),
    Action("list_page_up", "list", ("pageup",), "One page up"),
    Action("list_page_down", "list", ("pagedown",), "One page down"),
    Action("first", "list", ("home",), "First row"),
    Action("last", "list", ("end",), "Last row"),
    Action("choose", "list", ("enter",), "Open the chat"),
    Action("rub_out", "list", ("backspace",), "Shorten the filter; any letter adds to it"),
    Action("back", "list", ("escape",), "Clear the filter; back to writing"),
)
