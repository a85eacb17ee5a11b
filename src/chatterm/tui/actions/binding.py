"""From settings to keys in force: the preset, the user's own keys over it, and what is wrong with those."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from textual.keys import Keys, _character_to_key

from chatproto.errors import ErrorInfo
from chatterm.tui.actions.keymap import Keymap, is_character, key_label
from chatterm.tui.actions.model import OVERLAPPING, SCOPES, Action
from chatterm.tui.actions.presets import PRESETS
from chatterm.tui.actions.table import ACTIONS

_MODIFIERS: Final = ("alt", "ctrl", "hyper", "meta", "shift", "super")
_ALIASES: Final = {
    "esc": "escape",
    "return": "enter",
    "pgup": "pageup",
    "page_up": "pageup",
    "pgdn": "pagedown",
    "page_down": "pagedown",
    "del": "delete",
    "ins": "insert",
    "spc": "space",
    "bs": "backspace",
    "control": "ctrl",
    "option": "alt",
    "cmd": "super",
}
_NAMED: Final = frozenset(key.value for key in Keys if "+" not in key.value and key.value.isidentifier())
_SAME: Final = {"ctrl+i": "Tab", "ctrl+m": "Enter", "ctrl+left_square_bracket": "Esc"}
"""What terminals send for these cannot be told from the key named."""
_BY_HAND, _BY_PRESET, _BY_DEFAULT = 2, 1, 0


class KeymapRead(NamedTuple):
    """Keys that can be used in any case, and what is wrong with those that were asked for."""

    keymap: Keymap
    problems: tuple[ErrorInfo, ...] = ()


def normal_key(text: str) -> str | None:
    """A key as this program names it: `Ctrl+K` is `ctrl+k`, `/` is `slash`; None if there is none such."""
    text = text.strip()
    if len(text) == 1:
        return _character_to_key(text)
    body, last = (text[:-2], "+") if text.endswith("++") else text.rpartition("+")[::2]
    names = [_ALIASES.get(name, name) for name in body.lower().split("+")] if body else []
    if any(name not in _MODIFIERS for name in names):
        return None
    if len(last) == 1:
        key = _character_to_key(last.lower() if set(names) - {"shift"} else last.upper())
        names = [name for name in names if name != "shift" or set(names) - {"shift"}]
    else:
        key = _ALIASES.get(last.lower(), last.lower())
        if key not in _NAMED and not is_character(key):
            return None
    return "+".join([*sorted(set(names)), key])


def read_keys(preset: str, bindings: Mapping[str, Sequence[str]]) -> KeymapRead:
    """The keys of a preset with the user's own. Never fails: what cannot be done is left out and told.

    Codes of problems: `actionUnknown`, `keyImpossible`, `keyTaken`.
    """
    problems: list[ErrorInfo] = []
    wanted = {action.name: (PRESETS.get(preset, {}).get(action.name), _BY_PRESET) for action in ACTIONS}
    claims = {
        action.name: (action.keys, _BY_DEFAULT) if wanted[action.name][0] is None else wanted[action.name]
        for action in ACTIONS
    }
    by_name = {action.name: action for action in ACTIONS}
    for name, keys in bindings.items():
        action = by_name.get(name)
        if action is None:
            problems.append(_unknown(name))
        else:
            claims[name] = (tuple(_usable(action, keys, problems)), _BY_HAND)
    given = {name: list(keys or ()) for name, (keys, _) in claims.items()}
    for scopes in OVERLAPPING:
        _settle([action for action in ACTIONS if action.scope in scopes], given, claims, problems)
    return KeymapRead(Keymap({name: tuple(keys) for name, keys in given.items()}), tuple(problems))


def _usable(action: Action, keys: Sequence[str], problems: list[ErrorInfo]) -> list[str]:
    found: list[str] = []
    for text in keys:
        key = normal_key(text)
        why = impossible(action, key)
        if key is None or why:
            told = f"keys.bindings.{action.name}: “{text[:40]}” cannot be used: {why}."
            problems.append(ErrorInfo(code="keyImpossible", message=told, hint="Choose another key."))
        elif key not in found:
            found.append(key)
    return found


def impossible(action: Action, key: str | None) -> str:
    """Why a key cannot do this, empty if it can; None is a key there is not."""
    if key is None:
        return "there is no such key; write it like ctrl+k, alt+up, f5 or /"
    if key in _SAME:
        return f"terminals send the same for it as for {_SAME[key]}"
    if action.scope in ("composer", "timeline") and is_character(key):
        return "it writes a character"
    return ""


def _settle(
    actions: Sequence[Action],
    given: dict[str, list[str]],
    claims: Mapping[str, tuple[tuple[str, ...] | None, int]],
    problems: list[ErrorInfo],
) -> None:
    """Leave each key to one of these actions: what was bound by hand goes before a preset, that before defaults."""
    holders: dict[str, Action] = {}
    for action in sorted(actions, key=lambda each: -claims[each.name][1]):
        for key in list(given[action.name]):
            holder = holders.setdefault(key, action)
            if holder is action:
                continue
            given[action.name].remove(key)
            if claims[holder.name][1] == _BY_HAND and action.keys:
                _tell_taken(key, holder, action, given, problems)


def _tell_taken(
    key: str, holder: Action, action: Action, given: Mapping[str, list[str]], problems: list[ErrorInfo]
) -> None:
    left = ", ".join(map(key_label, given[action.name])) or "no key now"
    told = f"{key_label(key)} is “{holder.title}” ({SCOPES[holder.scope]}) and not “{action.title}” any more ({left})."
    problem = ErrorInfo(code="keyTaken", message=told, hint=f"Bind {action.name} to another key if you need it.")
    if problem not in problems:
        problems.append(problem)


def _unknown(name: str) -> ErrorInfo:
    near = difflib.get_close_matches(name, [action.name for action in ACTIONS], n=1, cutoff=0.5)
    hint = f"Did you mean {near[0]}?" if near else "See F1 or 'docs/guide/keys.md' for the names."
    return ErrorInfo(code="actionUnknown", message=f"keys.bindings: there is no action {name[:40]!r}.", hint=hint)
