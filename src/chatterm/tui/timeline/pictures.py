"""How much room a picture takes in the conversation, known from the message alone, and how it is drawn."""

import os
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from chatproto.models import FileInfo

COLUMNS_MAX: Final = 60
ROWS_MAX: Final = 12
WIDTH_MIN: Final = 8
"""Cells of a line that has room for pictures."""
CELL_PIXELS: Final = (8, 16)
"""A cell as pictures see it: their size in cells must not depend on the font, which few terminals tell."""
MEDIA_TYPES: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
SIDE_MAX: Final = 1_000_000
"""Pixels of a side that can be true."""

Drawing = Literal["kitty", "cells", "off"]


class Picture(NamedTuple):
    """A file that is drawn, and its cells."""

    file: FileInfo
    columns: int
    rows: int


def picture_of(file: FileInfo, width: int) -> Picture | None:
    """The room of a picture in lines of `width` cells; None if the file is none that is drawn."""
    pixels = file.width, file.height
    if file.media_type not in MEDIA_TYPES or not 0 < min(pixels) <= max(pixels) <= SIDE_MAX or width < WIDTH_MIN:
        return None
    across, down = (side / cell for side, cell in zip(pixels, CELL_PIXELS, strict=True))
    scale = min(min(width, COLUMNS_MAX) / across, ROWS_MAX / down, 1)
    return Picture(file, max(2, round(across * scale)), max(1, round(down * scale)))


def drawing_of(setting: str, environment: Mapping[str, str] = os.environ) -> Drawing:
    """How pictures are drawn under a setting: `auto` goes by what the terminal says of itself.

    Nothing is asked of the terminal: its answer would come among the keys. Within tmux and screen only text gets
    through to the terminal. Sixel graphics do not scroll with text, so cells stand for them.
    """
    if setting in ("off", "cells", "kitty"):
        return setting  # type: ignore[return-value] # one of the three
    if setting == "auto" and not {"TMUX", "STY"} & set(environment):
        known = environment.get("TERM", ""), environment.get("TERM_PROGRAM", "").lower()
        if "KITTY_WINDOW_ID" in environment or known[0] in ("xterm-kitty", "xterm-ghostty") or known[1] == "ghostty":
            return "kitty"
    return "cells"
