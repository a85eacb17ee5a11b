"""How pictures are drawn in this terminal, as far as its environment tells."""

import os
from collections.abc import Mapping
from typing import Final, Literal

Drawing = Literal["kitty", "cells", "off"]
_MULTIPLEXERS: Final = frozenset({"TMUX", "STY"})
_ALL_COLOURS: Final = frozenset({"truecolor", "24bit"})
_TERMS: Final = frozenset({"xterm-kitty", "xterm-ghostty"})


def shows_all_colours(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether colours reach the terminal as they are: a placeholder's colour is the number of its picture."""
    return environment.get("COLORTERM", "").lower() in _ALL_COLOURS and not environment.get("NO_COLOR")


def draws_placeholders(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the terminal is known to put pictures in the place of Unicode placeholders (kitty graphics protocol).

    Within tmux and screen only text gets through to it.
    """
    if _MULTIPLEXERS & set(environment) or not shows_all_colours(environment):
        return False
    program = environment.get("TERM_PROGRAM", "").lower()
    return "KITTY_WINDOW_ID" in environment or environment.get("TERM") in _TERMS or program == "ghostty"


def drawing_of(setting: str, environment: Mapping[str, str] = os.environ) -> Drawing:
    """How pictures are drawn under the setting `look.images`.

    Nothing is asked of the terminal: its answer would come among the keys. Sixel graphics do not scroll with text, so
    cells stand for them.
    """
    if setting == "off":
        return "off"
    if setting == "kitty":
        return "kitty" if shows_all_colours(environment) else "cells"
    return "kitty" if setting == "auto" and draws_placeholders(environment) else "cells"
