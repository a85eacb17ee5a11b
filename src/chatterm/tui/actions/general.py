"""What can be done everywhere."""

from typing import Final

from chatterm.tui.actions.model import Action

ACTIONS: Final[tuple[Action, ...]] = (
    Action("jump", "global", ("ctrl+k",), "Find a person or group", "jump"),
    Action("next_chat", "global", ("alt+down",), "Next chat"),
    Action("previous_chat", "global", ("alt+up",), "Previous chat"),
    Action("next_unread", "global", ("alt+a",), "Next chat with unread messages"),
    Action(
        "search",
        "global",
        ("ctrl+f",),
        "Search messages",
        "search",
        feature="search",
        commands=("search", "find"),
        argument="[WORDS...]",
    ),
    Action(
        "search_here",
        "global",
        ("ctrl+shift+f", "alt+s"),
        "Search in this conversation",
        feature="search",
        commands=("here",),
        argument="[WORDS...]",
    ),
    Action("retry_now", "global", ("ctrl+r",), "Connect now instead of waiting"),
    Action("retry_failed", "global", ("alt+r",), "Send the newest failed message again", feature="outbox"),
    Action("edit_unsent", "global", ("alt+e",), "Take the newest unsent message back to edit", feature="outbox"),
    Action("discard_failed", "global", ("alt+x",), "Discard the newest failed message", feature="outbox"),
    Action("outbox", "global", ("alt+o",), "What is not sent yet, and why", feature="outbox", commands=("outbox",)),
    Action("problems", "global", (), "What went wrong lately", feature="problems", commands=("problems",)),
    Action("switch_theme", "global", ("f2",), "Dark or day colours"),
    Action("redraw", "global", ("ctrl+l",), "Draw the screen again"),
    Action("help", "global", ("f1",), "This help", "help", commands=("help",)),
    Action("interrupt", "global", ("ctrl+c",), "Copy what is selected, else clear what you wrote"),
    Action("leave", "global", ("ctrl+q",), "Quit; what is queued is sent next time", "quit", commands=("quit",)),
)
