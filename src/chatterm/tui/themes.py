"""Themes by name: those of the program, those that the user wrote, and `auto`, which is as the terminal is."""

from typing import Any, Final

import msgspec
from textual.theme import Theme

from chatterm.client.theme_files import ThemeFile, read_theme, theme_names
from chatterm.tui.theme import AUTO, DARK, DAY, THEMES, of_terminal

_OWN: Final = ("quiet", "line")
_BUILT_IN: Final = {each.name: each for each in THEMES}


def names() -> list[str]:
    """Everything that can be chosen: `auto` first, the user's own last."""
    return [AUTO, *_BUILT_IN, *(name for name in theme_names() if name not in _BUILT_IN)]


def theme_of(name: str) -> Theme:
    """The theme of this name, read again if it is the user's own. Raises `ClientError`."""
    if name == AUTO:
        return of_terminal()
    return _BUILT_IN.get(name) or made(name, read_theme(name))


def made(name: str, file: ThemeFile) -> Theme:
    """A theme from what its file says, and what it does not say from the built-in one of its kind."""
    base = DARK if file.dark else DAY
    given: dict[str, Any] = {key: value for key, value in msgspec.structs.asdict(file).items() if value is not None}
    background, line, quiet = (given.get("background"), given.get("line"), given.get("quiet"))
    variables = dict(base.variables)
    for key in variables:
        if line is not None and key in ("line", "scrollbar"):
            variables[key] = line
        elif quiet is not None and key in ("quiet", "scrollbar-hover", "scrollbar-active"):
            variables[key] = quiet
        elif background is not None and ("background" in key or "corner" in key):
            variables[key] = background
    colours = {key: value for key, value in given.items() if key not in (*_OWN, "dark")}
    kept = ("primary", "secondary", "accent", "warning", "error", "success", "foreground", "background", "surface")
    values = {key: getattr(base, key) for key in (*kept, "panel")} | colours
    return Theme(name=f"user-{name}", dark=file.dark, variables=variables, **values)
