"""Everything the user can do, and the keys that do it."""

from dataclasses import dataclass

from textual.message import Message

from chatterm.tui.actions.keymap import Keymap, current, install, is_character, key_label, label_of, short_label
from chatterm.tui.actions.model import SCOPES, Action, Scope
from chatterm.tui.actions.table import ACTIONS, APP_ACTIONS, named, of_command, of_scope

__all__ = [
    "ACTIONS",
    "APP_ACTIONS",
    "SCOPES",
    "Action",
    "ActionWanted",
    "Keymap",
    "Scope",
    "current",
    "install",
    "is_character",
    "key_label",
    "label_of",
    "named",
    "of_command",
    "of_scope",
    "short_label",
]


@dataclass
class ActionWanted(Message):
    """The user asked for an action of the table, by its name; the screen does it."""

    name: str
    argument: str = ""
