"""How much room a picture takes in the conversation, known from the message alone."""

from typing import Final, NamedTuple

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
