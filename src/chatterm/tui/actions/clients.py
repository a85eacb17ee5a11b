"""Going from chat to chat, what is done with a whole chat, and what keys do in the client list."""

from typing import Final

from chatterm.tui.actions.model import Action

_NTH: Final = tuple(f"alt+{number}" for number in range(1, 10))
GLOBAL_ACTIONS: Final[tuple[Action, ...]] = (
    Action(
        "jump",
        "global",
        ("ctrl+k",),
        "Find a person or group",
        "jump",
        feature="switching",
        commands=("goto",),
        argument="[CHAT]",
    ),
    Action("palette", "global", ("ctrl+p",), "Do something: all commands", feature="palette"),
    Action("next_chat", "global", ("alt+down",), "Next chat", feature="switching"),
    Action("previous_chat", "global", ("alt+up",), "Previous chat", feature="switching"),
    Action("next_unread", "global", ("alt+a",), "Next chat with unread messages", feature="switching"),
    Action("next_mention", "global", ("alt+shift+a",), "Next chat that names you", feature="switching"),
    Action("last_chat", "global", ("alt+l",), "Back to the chat before", feature="switching"),
    Action("open_nth", "global", _NTH, "The chat in this place of the list", feature="switching", argument="[NUMBER]"),
    Action("find_in_list", "global", ("ctrl+g",), "Find in the client list"),
    Action("chat_menu", "global", ("alt+m",), "What can be done with this chat", feature="chats"),
    Action("toggle_archive", "global", ("alt+h",), "Show or hide archived chats", feature="chats"),
    Action("toggle_list", "global", ("f9",), "Show or hide the client list", feature="layout"),
    Action("list_wider", "global", ("alt+shift+right",), "Make the client list wider", feature="layout"),
    Action("list_narrower", "global", ("alt+shift+left",), "Make the client list narrower", feature="layout"),
    Action("list_width", "global", (), "Width of the client list", "", "layout", ("listwidth",), "CELLS"),
    Action("mark_read", "global", (), "Mark the chat as read", feature="chats", commands=("read",)),
    Action("mark_all_read", "global", (), "Mark all chats as read", feature="chats", commands=("readall",)),
)
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
