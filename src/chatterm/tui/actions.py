"""Every action of the interface: its name, keys and description; bindings, help and footer come from this table."""

from typing import Final, Literal, NamedTuple

Scope = Literal["global", "timeline", "composer", "list"]
SCOPES: Final[dict[Scope, str]] = {
    "global": "Everywhere",
    "timeline": "Messages, while writing",
    "composer": "Writing",
    "list": "Client list",
}
"""Headings of the help screen, in its order."""


class Action(NamedTuple):
    """One thing a key can do. `hint` is its short name in the footer, empty for those not shown there."""

    name: str
    scope: Scope
    keys: tuple[str, ...]
    title: str
    hint: str = ""


ACTIONS: Final[tuple[Action, ...]] = (
    Action("jump", "global", ("ctrl+k",), "Find a person or group", "jump"),
    Action("next_chat", "global", ("alt+down",), "Next chat"),
    Action("previous_chat", "global", ("alt+up",), "Previous chat"),
    Action("next_unread", "global", ("alt+a",), "Next chat with unread messages"),
    Action("retry_now", "global", ("ctrl+r",), "Connect now instead of waiting"),
    Action("retry_failed", "global", ("alt+r",), "Send the newest failed message again"),
    Action("edit_unsent", "global", ("alt+e",), "Take the newest unsent message back to edit"),
    Action("discard_failed", "global", ("alt+x",), "Discard the newest failed message"),
    Action("switch_theme", "global", ("f2",), "Dark or day colours"),
    Action("redraw", "global", ("ctrl+l",), "Draw the screen again"),
    Action("help", "global", ("f1",), "This help", "help"),
    Action("interrupt", "global", ("ctrl+c",), "Copy what is selected, else clear what you wrote"),
    Action("leave", "global", ("ctrl+q",), "Quit; what is queued is sent next time", "quit"),
    Action("page_up", "timeline", ("pageup",), "One page up"),
    Action("page_down", "timeline", ("pagedown",), "One page down"),
    Action("scroll_up", "timeline", ("ctrl+up",), "One line up"),
    Action("scroll_down", "timeline", ("ctrl+down",), "One line down"),
    Action("oldest", "timeline", ("ctrl+home",), "Oldest message; Home if nothing is written"),
    Action("newest", "timeline", ("ctrl+end",), "Newest message; End if nothing is written"),
    Action("submit", "composer", ("enter",), "Send"),
    Action("newline", "composer", ("alt+enter", "shift+enter", "ctrl+j"), "New line"),
    Action("left", "composer", ("left", "ctrl+b"), "Left"),
    Action("right", "composer", ("right", "ctrl+f"), "Right"),
    Action("up", "composer", ("up",), "Line up"),
    Action("down", "composer", ("down",), "Line down"),
    Action("word_left", "composer", ("ctrl+left", "alt+left", "alt+b"), "Word left"),
    Action("word_right", "composer", ("ctrl+right", "alt+right", "alt+f"), "Word right"),
    Action("line_start", "composer", ("home", "ctrl+a"), "Start of the line"),
    Action("line_end", "composer", ("end", "ctrl+e"), "End of the line"),
    Action("backspace", "composer", ("backspace", "ctrl+h"), "Delete to the left"),
    Action("delete", "composer", ("delete", "ctrl+d"), "Delete to the right"),
    Action("delete_word_left", "composer", ("ctrl+w", "alt+backspace"), "Delete the word to the left"),
    Action("delete_word_right", "composer", ("alt+d", "ctrl+delete"), "Delete the word to the right"),
    Action("delete_to_start", "composer", ("ctrl+u",), "Delete to the start of the line"),
    Action("delete_to_end", "composer", ("alt+k",), "Delete to the end of the line"),
    Action("undo", "composer", ("ctrl+z", "ctrl+underscore"), "Undo"),
    Action("redo", "composer", ("ctrl+y",), "Redo"),
    Action("to_list", "composer", ("escape",), "To the client list"),
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

APP_ACTIONS: Final = frozenset(("switch_theme", "leave"))
"""Actions of the app itself; all others of the scopes "global" and "timeline" belong to the chat screen."""

_KEY_NAMES: Final = {
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "escape": "Esc",
    "underscore": "_",
    "backspace": "Backspace",
}


def of_scope(scope: Scope) -> tuple[Action, ...]:
    """The actions of one scope, in the order of the table."""
    return tuple(action for action in ACTIONS if action.scope == scope)


def key_table(scope: Scope) -> dict[str, str]:
    """Key to action name, for widgets that dispatch keys themselves."""
    return {key: action.name for action in of_scope(scope) for key in action.keys}


def key_label(key: str) -> str:
    """A key as people write it: `ctrl+k` is `Ctrl+K`."""
    return "+".join(_KEY_NAMES.get(part, part.capitalize()) for part in key.split("+"))


def short_label(key: str) -> str:
    """A key for the footer, where room is scarce: `ctrl+k` is `^K`."""
    return f"^{key[5:].upper()}" if key.startswith("ctrl+") and len(key) == 6 else key_label(key)


def label_of(name: str) -> str:
    """The first key of an action, as people write it."""
    return key_label(next(action.keys[0] for action in ACTIONS if action.name == name))


def footer_hints() -> tuple[tuple[str, str], ...]:
    """(key, short name) of the actions that the status line names."""
    return tuple((short_label(action.keys[0]), action.hint) for action in ACTIONS if action.hint)
