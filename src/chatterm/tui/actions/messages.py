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
    Action("react", "message", ("plus",), "React, or take a reaction back", "react", "messages"),
    Action("reply_to_message", "message", ("r",), "Reply", "reply", "messages"),
    Action("edit_message", "message", ("e",), "Edit your message; take an unsent one back", "edit", "messages"),
    Action("delete_message", "message", ("d",), "Delete; discard an unsent one", "delete", "messages"),
    Action("copy_message", "message", ("y",), "Copy the text", "copy", "messages"),
    Action("quote_message", "message", ("Y",), "Copy as a quotation, with author and time", feature="messages"),
    Action("pin_message", "message", ("p",), "Pin for everybody, or unpin", feature="messages"),
    Action("forward_message", "message", ("f",), "Forward to another chat", feature="messages"),
    Action("who_has_seen", "message", ("i",), "Who has seen it", feature="messages"),
    Action("open_message", "message", ("o",), "Open its link or file", "open", "messages"),
    Action("show_author", "message", ("a",), "Who wrote it", feature="messages"),
    Action("show_quoted", "message", ("t",), "Go to the message it replies to", feature="jumping"),
    Action("retry_message", "message", ("R",), "Send what was refused again", feature="messages"),
    Action("message_menu", "message", ("space", "m"), "All that can be done with the message", "more", "messages"),
    Action("start_command", "message", ("slash",), "Write a command", feature="writing"),
    Action("to_writing", "message", ("escape",), "Back to writing", "write"),
)
