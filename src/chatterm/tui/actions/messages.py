"""What can be done with a selected message."""

from typing import Final

from chatterm.tui.actions.model import Action

ACTIONS: Final[tuple[Action, ...]] = ()
