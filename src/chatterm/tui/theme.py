"""Two calm colour themes, dark and day: greys, one accent, and red only for what failed."""

import os
from typing import Any, Final

from textual.theme import Theme


def _variables(*, quiet: str, line: str, background: str) -> dict[str, str]:
    """Our own colours by name, and scrollbars that are no more than a hairline."""
    return {
        "quiet": quiet,
        "line": line,
        "scrollbar": line,
        "scrollbar-hover": quiet,
        "scrollbar-active": quiet,
        "scrollbar-background": background,
        "scrollbar-background-hover": background,
        "scrollbar-background-active": background,
        "scrollbar-corner-color": background,
    }


DARK: Final = Theme(
    name="chatterm-dark",
    primary="#7aa2c9",
    secondary="#9aa5b1",
    accent="#8fb8de",
    warning="#d9b36c",
    error="#e07a7a",
    success="#8fbf8f",
    foreground="#d7dae0",
    background="#16181c",
    surface="#1b1e23",
    panel="#23272e",
    dark=True,
    variables=_variables(quiet="#868e99", line="#2e333b", background="#16181c"),
)
DAY: Final = Theme(
    name="chatterm-day",
    primary="#2f5f8f",
    secondary="#5b6672",
    accent="#2a6496",
    warning="#8a5a00",
    error="#b3362e",
    success="#2f7d3a",
    foreground="#23272e",
    background="#fbfaf7",
    surface="#f2f1ed",
    panel="#e6e4de",
    dark=False,
    variables=_variables(quiet="#5d6470", line="#d5d2ca", background="#fbfaf7"),
)
THEMES: Final = (DARK, DAY)
_SIXTEEN: Final[dict[bool, dict[str, Any]]] = {
    True: {
        "primary": "#aaaaff",
        "secondary": "#aaaaaa",
        "accent": "#55ffff",
        "warning": "#ffff55",
        "error": "#ff5555",
        "success": "#55ff55",
        "foreground": "#ffffff",
        "background": "#000000",
        "surface": "#000000",
        "panel": "#555555",
        "variables": _variables(quiet="#aaaaaa", line="#555555", background="#000000"),
    },
    False: {
        "primary": "#0000aa",
        "secondary": "#555555",
        "accent": "#0000aa",
        "warning": "#aa5500",
        "error": "#aa0000",
        "success": "#00aa00",
        "foreground": "#000000",
        "background": "#ffffff",
        "surface": "#ffffff",
        "panel": "#aaaaaa",
        "variables": _variables(quiet="#555555", line="#aaaaaa", background="#ffffff"),
    },
}
"""Colours that are among the sixteen: the nearest ones to our own would be greys that swallow lines and marks."""
DEFAULTS: Final = {"quiet": "#868e99", "line": "#2e333b"}
"""Our own colours for a theme that does not name them: quiet text, and hairlines between regions."""
AUTO: Final = "auto"
"""Name of the theme that is as the terminal is."""
_terminal_is_dark: list[bool] = []


def of_sixteen(wanted: Theme) -> Theme:
    """A built-in theme in colours that a terminal of sixteen has; another one as it is."""
    if wanted not in THEMES:
        return wanted
    return Theme(name=wanted.name, dark=wanted.dark, **_SIXTEEN[wanted.dark])


def of_terminal() -> Theme:
    """Dark or day, by what the terminal said of its background, else by what `COLORFGBG` says, else dark."""
    if _terminal_is_dark:
        return DARK if _terminal_is_dark[0] else DAY
    background = os.environ.get("COLORFGBG", "").rpartition(";")[2]
    return DAY if background in ("7", "15") else DARK


def terminal_told(red: float, green: float, blue: float) -> None:
    """The terminal said which background it has; each part from 0 to 1."""
    _terminal_is_dark[:] = [0.2126 * red + 0.7152 * green + 0.0722 * blue < 0.5]
