"""What can be done in the messages while they have the focus: single letters act on the selected one."""

from typing import Final

from chatterm.tui.actions.model import Action

ACTIONS: Final[tuple[Action, ...]] = (
    Action("message_up", "message", ("up", "k"), "Message above"),
    Action("message_down", "message", ("down", "j"), "Message below"),
    Action("message_page_up", "message", ("pageup", "ctrl+b"), "One page up"),
    Action("message_page_down", "message", ("pagedown", "ctrl+d"), "One page down"),
    Action("first_message", "message", ("home", "g"), "Oldest message"),
    Action("last_message", "message", ("end", "G"), "Newest message"),
    Action("follow_message", "message", ("enter",), "The message it replies to; else back to writing"),
    Action("download_file", "message", ("s",), "Save its files", "", "transfers", ("download",), "[FOLDER]"),
    Action("open_file", "message", (), "Open its files", "", "transfers", ("open",), "[NUMBER]"),
    Action("to_clients", "message", ("left", "h"), "To the client list"),
    Action("to_writing", "message", ("escape",), "Back to writing", "write"),
)
