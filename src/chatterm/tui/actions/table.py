"""The one table of everything the user can do; keys, help, footer, palette and slash commands come from it."""

from typing import Final

from chatterm.tui.actions import clients, general, messages, reading, writing
from chatterm.tui.actions.model import Action, Scope

ACTIONS: Final[tuple[Action, ...]] = (
    *clients.GLOBAL_ACTIONS,
    *general.ACTIONS,
    *reading.ACTIONS,
    *messages.ACTIONS,
    *writing.ACTIONS,
    *clients.ACTIONS,
)
APP_ACTIONS: Final = frozenset(("switch_theme", "suspend", "leave"))
"""Actions of the app itself; others of the scopes "global" and "timeline" without a feature are the chat screen's."""
_BY_NAME: Final = {action.name: action for action in ACTIONS}
_BY_COMMAND: Final = {command: action for action in ACTIONS for command in action.commands}


def of_scope(scope: Scope) -> tuple[Action, ...]:
    """The actions of one scope, in the order of the table."""
    return tuple(action for action in ACTIONS if action.scope == scope)


def named(name: str) -> Action:
    """The action of this name. Raises `KeyError`."""
    return _BY_NAME[name]


def of_command(command: str) -> Action | None:
    """The action of a slash command, given without its slash; None if there is none such."""
    return _BY_COMMAND.get(command)
