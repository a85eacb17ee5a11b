"""Pages of the guide that are made from the tables of actions and settings."""

import typing
from typing import Any

import msgspec

from chatterm.client.settings import PARTS
from chatterm.client.settings_check import allowed
from chatterm.client.settings_words import PARTS as HEADINGS
from chatterm.client.settings_words import SETTINGS
from chatterm.tui.actions import ACTIONS, SCOPES, Action, Keymap, key_label, of_scope
from chatterm.tui.actions.binding import read_keys
from chatterm.tui.help import MOUSE

_MADE = "<!-- Made by scripts/docs; edit the tables in the code instead. -->"

KEYS_INTRO = f"""\
# Keys, commands and the mouse

{_MADE}

`F1` shows this page inside chatterm with the keys that are really bound; typing filters it. Every action can be bound
to other keys by its name, in `config.toml` in the folder of configuration or on the screen that `/keys` opens:

```toml
[keys]
preset = "vim"              # or "emacs", "default"

[keys.bindings]
jump = ["ctrl+k", "ctrl+g"] # these in place of those of the set
redraw = []                 # no key
```

A key is written like `ctrl+k`, `alt+up`, `f5`, `G` or `/`. A key that you bind is taken from whatever had it; chatterm
says so, and names actions that do not exist and keys that terminals cannot send. A single character that is bound to
something that works everywhere acts where nothing is written: in the messages and in the client list. Changes are in
force at once, also those made to the file with an editor.
"""

SETTINGS_INTRO = f"""\
# Settings

{_MADE}

`F3` or `/settings` shows all settings with an explanation; what is changed there is in force at once and written to
`config.toml` in the folder of configuration (`$CHATTERM_HOME`, or the platform's place for it). Comments and the order
of the file are kept. A file changed with an editor is read again while chatterm runs. What is wrong in it is said, with
the line and what is allowed; everything else is used.
"""

THEMES = """\
## Themes

`F2` goes to the next theme, `/theme` shows each one as it is chosen. `auto` is dark or day as the terminal's
background is. A theme of your own is a file `themes/NAME.toml` beside `config.toml`; what it leaves out is as in the
built-in theme of its kind. It is read again whenever it is chosen.

```toml
dark = true            # which built-in theme gives the rest
accent = "#8fb8de"     # also primary, secondary, warning, error, success, foreground,
background = "#16181c" # surface, panel, quiet (quiet text) and line (hairlines)
```

With `NO_COLOR` set there are shades of grey only, and where a terminal has sixteen colours the built-in themes use
those; nothing is told by colour alone.
"""


def keys_page() -> str:
    """All actions by scope with their keys in each set, the slash commands, and the mouse."""
    sets = {"default": Keymap(), "vim": read_keys("vim", {}).keymap, "emacs": read_keys("emacs", {}).keymap}
    parts = [KEYS_INTRO]
    for scope, heading in SCOPES.items():
        rows = ["| What | Keys | vim | emacs | Name |", "| --- | --- | --- | --- | --- |"]
        for action in of_scope(scope):
            columns = [_keys(keymap, action) for keymap in sets.values()]
            shown = [columns[0], *("" if each == columns[0] else each or "none" for each in columns[1:])]
            rows.append(f"| {action.title} | {' | '.join(shown)} | `{action.name}` |")
        parts.append(f"## {heading}\n\n" + "\n".join(rows) + "\n")
    parts.append(_commands())
    mouse = "\n".join(f"| {row.keys} | {row.text} |" for row in MOUSE if not row.is_heading)
    parts.append(f"## Mouse\n\n| | |\n| --- | --- |\n{mouse}\n")
    return "\n".join(parts)


def _keys(keymap: Keymap, action: Action) -> str:
    return ", ".join(f"`{key_label(key)}`" for key in keymap.keys(action)).replace("|", "\\|")


def _commands() -> str:
    rows = ["| Command | What |", "| --- | --- |"]
    found = sorted((action for action in ACTIONS if action.commands), key=lambda action: action.commands[0])
    for action in found:
        argument = f" {action.argument}" if action.argument else ""
        names = ", ".join(f"`/{name}{argument}`".replace("|", "\\|") for name in action.commands)
        rows.append(f"| {names} | {action.title} |")
    text = "## Commands\n\nWritten in place of a message; `//` at the beginning sends a slash.\n\n"
    return text + "\n".join(rows) + "\n"


def settings_page() -> str:
    """All settings with their defaults and what may stand there."""
    parts = [SETTINGS_INTRO]
    for part in PARTS:
        rows = ["| Setting | Default | Allowed | Meaning |", "| --- | --- | --- | --- |"]
        for field in msgspec.structs.fields(part.type):
            title, note = SETTINGS[part.name, field.name]
            default = _toml(field.default if field.default is not msgspec.NODEFAULT else {})
            rows.append(f"| `{field.name}` | {default} | {allowed(field.type)} | {title}. {note} |")
        parts.append(f"## {HEADINGS[part.name]}: `[{part.name}]`\n\n" + "\n".join(rows) + "\n")
    return "\n".join([*parts, THEMES])


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value!r}`".replace("'", '"') if isinstance(value, typing.Hashable) else ""
