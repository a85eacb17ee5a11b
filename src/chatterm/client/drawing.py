"""How pictures are drawn in this terminal, as far as its environment tells."""

import os
from collections.abc import Mapping
from typing import Final, Literal

Drawing = Literal["kitty", "sixel", "cells", "ask", "off"]
"""`ask` is `sixel` once the terminal says that it can, and until then `cells`."""
_MULTIPLEXERS: Final = frozenset({"TMUX", "STY"})
_ALL_COLOURS: Final = frozenset({"truecolor", "24bit"})
_TERMS: Final = frozenset({"xterm-kitty", "xterm-ghostty"})
_SIXEL_TERMS: Final = frozenset({"foot", "foot-extra", "foot-direct", "mlterm"})


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


def draws_sixel(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether the terminal is known to draw Sixel graphics, without asking it."""
    return environment.get("TERM") in _SIXEL_TERMS and not _MULTIPLEXERS & set(environment)


def drawing_of(setting: str, environment: Mapping[str, str] = os.environ) -> Drawing:
    """How pictures are drawn under the setting `look.images`; `NO_COLOR` takes away all but cells."""
    if setting in ("off", "cells"):
        return "off" if setting == "off" else "cells"
    if environment.get("NO_COLOR"):
        return "cells"
    if setting == "kitty":
        return "kitty" if shows_all_colours(environment) else "cells"
    if setting == "sixel":
        return "sixel"
    if draws_placeholders(environment):
        return "kitty"
    return "sixel" if draws_sixel(environment) else "ask"
