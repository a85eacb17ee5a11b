"""Which keys do what: the table's own keys, or the user's in their place; and how keys are written for people."""

from collections.abc import Mapping
from typing import Final

from textual.keys import REPLACED_KEYS, key_to_character

from chatterm.tui.actions.model import Action, Scope
from chatterm.tui.actions.table import named, of_scope

_KEY_NAMES: Final = {
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "escape": "Esc",
    "underscore": "_",
    "plus": "+",
    "backspace": "Backspace",
}


class Keymap:
    """The keys of every action. What `bindings` does not name has its default keys."""

    def __init__(self, bindings: Mapping[str, tuple[str, ...]] | None = None) -> None:
        """`bindings` gives keys by name of action."""
        self._bindings = dict(bindings or {})
        self._tables: dict[Scope, dict[str, str]] = {}

    def keys(self, action: Action) -> tuple[str, ...]:
        """The keys that do this; none for one that was unbound."""
        return self._bindings.get(action.name, action.keys)

    def table(self, scope: Scope) -> dict[str, str]:
        """Key to action name, for widgets that dispatch keys themselves.

        Where nothing is written, characters do what they are bound to everywhere, too: such names are not of the scope.
        """
        table = self._tables.get(scope)
        if table is None:
            everywhere = of_scope("global") if scope in ("message", "list") else ()
            table = {key: action.name for action in everywhere for key in self.keys(action) if is_character(key)}
            table.update({key: action.name for action in of_scope(scope) for key in self.keys(action)})
            self._tables[scope] = table
        return table

    def label(self, name: str) -> str:
        """The first key of an action, as people write it; empty if it has none."""
        keys = self.keys(named(name))
        return key_label(keys[0]) if keys else ""

    def footer_hints(self, scope: Scope = "global") -> tuple[tuple[str, str, str], ...]:
        """(key, short name, name) of the actions of a scope that the status line names."""
        shown = ((self.keys(action), action.hint, action.name) for action in of_scope(scope) if action.hint)
        return tuple((short_label(keys[0]), hint, name) for keys, hint, name in shown if keys)


_installed: list[Keymap] = [Keymap()]


def current() -> Keymap:
    """The keymap of this process."""
    return _installed[0]


def install(keymap: Keymap) -> None:
    """Use another keymap from now on; what is already bound must be bound again."""
    _installed[0] = keymap


def is_character(key: str) -> bool:
    """Whether this key alone writes a character, and so means something else only where nothing is written."""
    character = _character(key) if "+" not in key else None
    return character is not None and character.isprintable()


def _character(key: str) -> str | None:
    return key_to_character(REPLACED_KEYS.get(key, key))


def key_label(key: str) -> str:
    """A key as people write it: `ctrl+k` is `Ctrl+K`, `slash` is `/`, `g` is `g`."""
    *modifiers, last = key.split("+")
    if last in _KEY_NAMES:
        name = _KEY_NAMES[last]
    elif len(last) == 1:
        name = last.upper() if modifiers else last
    else:
        name = _character(last) or last.capitalize()
        name = name if name.isprintable() and name != " " else last.capitalize()
    return "+".join([*(each.capitalize() for each in modifiers), name])


def short_label(key: str) -> str:
    """A key for the footer, where room is scarce: `ctrl+k` is `^K`."""
    return f"^{key[5:].upper()}" if key.startswith("ctrl+") and len(key) == 6 else key_label(key)


def label_of(name: str) -> str:
    """The first key of an action in the current keymap, as people write it."""
    return current().label(name)
