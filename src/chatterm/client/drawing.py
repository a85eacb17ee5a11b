"""How pictures are drawn in this terminal, as far as its environment tells."""

import os
from collections.abc import Mapping
from typing import Final, Literal

Drawing = Literal["kitty", "cells", "off"]
_MULTIPLEXERS: Final = frozenset({"TMUX", "STY"})
_TERMS: Final = frozenset({"xterm-kitty", "xterm-ghostty"})


def draws_placeholders(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the terminal is known to put pictures in the place of Unicode placeholders (kitty graphics protocol).

    Within tmux and screen only text gets through to it.
    """
    if _MULTIPLEXERS & set(environment):
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
    return "kitty" if setting == "kitty" or (setting == "auto" and draws_placeholders(environment)) else "cells"
