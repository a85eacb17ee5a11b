"""Moving in the messages, while the composer has the focus."""

from typing import Final

from chatterm.tui.actions.model import Action

ACTIONS: Final[tuple[Action, ...]] = (
    Action("page_up", "timeline", ("pageup",), "One page up"),
    Action("page_down", "timeline", ("pagedown",), "One page down"),
    Action("scroll_up", "timeline", ("ctrl+up",), "One line up"),
    Action("scroll_down", "timeline", ("ctrl+down",), "One line down"),
    Action("oldest", "timeline", ("ctrl+home",), "Oldest message; Home if nothing is written"),
    Action("newest", "timeline", ("ctrl+end",), "Newest message; End if nothing is written"),
    Action("first_unread", "timeline", ("alt+u",), "First new message", feature="jumping", commands=("unread",)),
    Action(
        "go_to_date",
        "timeline",
        ("alt+j",),
        "Go to a day or time",
        feature="jumping",
        commands=("date",),
        argument="[DATE] [TIME]",
    ),
    Action("go_back", "timeline", ("alt+comma",), "Back to where you were", feature="jumping", commands=("return",)),
    Action("pins", "timeline", ("alt+i",), "Pinned messages", feature="jumping", commands=("pins",)),
    Action("next_pane", "timeline", ("tab",), "To the messages, to the client list, back to writing"),
    Action("previous_pane", "timeline", ("shift+tab",), "The same the other way round"),
)
