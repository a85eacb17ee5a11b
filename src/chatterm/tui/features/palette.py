"""The command palette: every action that can be done from anywhere, by its title, with its key and command."""

from typing import Final

import msgspec

from chatterm.client.errors import ClientError
from chatterm.tui.actions import ACTIONS, Action, key_label
from chatterm.tui.actions import current as keymap
from chatterm.tui.features.feature import Feature
from chatterm.tui.picker import Picker, Row

SETTING: Final = "palette"
"""Under this name the interface remembers what was used lately."""
LATELY_MAX: Final = 20
_SCOPES: Final = {"global": "", "timeline": "Messages", "message": "Selected message", "composer": "Writing"}
"""Where an action belongs; those of the client list, and movements while writing, are no commands."""


def commands() -> list[Action]:
    """What the palette offers, in the order of the table."""
    return [
        action
        for action in ACTIONS
        if action.name != SETTING
        and action.scope in _SCOPES
        and (action.feature or action.scope not in ("composer", "message"))
    ]


def row_of(action: Action, *, lately: int = -1) -> Row[Action]:
    """How an action is shown; `lately` is its place among those used lately, -1 for others."""
    keys = ", ".join(key_label(key) for key in keymap().keys(action)[:1])
    command = f"/{action.commands[0]} {action.argument}".strip() if action.commands else ""
    scope = _SCOPES[action.scope]
    title = f"{scope}: {action.title}" if scope else action.title
    weight = LATELY_MAX - lately if lately >= 0 else 0
    words = " ".join((action.name.replace("_", " "), *action.commands))
    return Row(title, action, "  ".join(part for part in (command, keys) if part), keywords=words, weight=weight)


class Palette(Feature):
    """Shows the palette and does what is picked."""

    def palette(self, _: str = "") -> None:
        """Pick an action; what was used lately comes first."""
        lately = self._lately()
        offered = {action.name: action for action in commands()}
        recent = [offered.pop(name) for name in lately if name in offered]
        rows = [row_of(action, lately=place) for place, action in enumerate(recent)]
        rows += [row_of(action) for action in offered.values()]
        picker = Picker("Do something", rows, placeholder="what to do", empty="No action has such words in its title.")
        self.screen.app.push_screen(picker, self._picked)

    def _picked(self, action: Action | None) -> None:
        if action is None:
            return
        names = [action.name, *(name for name in self._lately() if name != action.name)][:LATELY_MAX]
        try:
            self.screen.state.save_setting(SETTING, msgspec.json.encode(names).decode())
        except ClientError as error:
            self.tell(f"What you use lately cannot be remembered: {error}", failed=True)
        composer = self.conversation.composer
        if action.commands and action.argument and not action.argument.startswith("[") and composer.editor.is_empty:
            composer.insert(f"/{action.commands[0]} ")
            composer.focus()
        else:
            self.screen.perform(action.name)

    def _lately(self) -> list[str]:
        try:
            return msgspec.json.decode(self.screen.state.setting(SETTING) or "[]", type=list[str])
        except (ClientError, msgspec.DecodeError):
            return []  # nothing depends on it
