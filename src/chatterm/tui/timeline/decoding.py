"""Pictures from files to cells: decoded within bounds, scaled, and cut into lines. Runs in a thread."""

import base64
import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from rich.color import Color
from rich.segment import Segment
from rich.style import Style

from chatterm.client.errors import ClientError
from chatterm.tui.timeline.pictures import Picture

if TYPE_CHECKING:
    from PIL.Image import Image

    from chatterm.tui.timeline.pixel_row import PixelRow
    from chatterm.tui.timeline.sixel import Grain

BYTES_MAX: Final = 33_554_432
PIXELS_MAX: Final = 25_000_000
"""Pixels that are decoded: 100 MB in memory for a moment."""
FORMATS: Final = ("PNG", "JPEG", "GIF", "WEBP")
KITTY_PIXELS: Final = (16, 32)
"""Pixels that a cell of a picture gets in terminals that draw pixels."""
_UPPER_HALF: Final = "▀"

Row = list[Segment]
Colour = tuple[int, int, int]


class Pixels(NamedTuple):
    """A picture for a terminal that draws pixels: a PNG file in Base64."""

    data: str


def half_cells(path: Path, picture: Picture, background: Colour) -> list[Row]:
    """A picture as rows of cells, each with two colours. Raises `ClientError`."""
    return _cells(_opened(path, (picture.columns, 2 * picture.rows), background))


def sixels(path: Path, picture: Picture, background: Colour, grain: "Grain") -> "list[PixelRow]":
    """A picture as rows that are drawn in pixels, with half cells for where they cannot be. Raises `ClientError`."""
    from PIL import Image  # noqa: PLC0415 - 15 ms, and only in the thread

    from chatterm.tui.timeline.pixel_row import PixelRow  # noqa: PLC0415 - only for terminals with Sixel
    from chatterm.tui.timeline.sixel import encode  # noqa: PLC0415 - as above

    size = picture.columns * grain.width, picture.rows * grain.height
    image = _opened(path, size, background)
    cells = _cells(image.resize((picture.columns, 2 * picture.rows), Image.Resampling.BOX))
    drawn = encode(image, grain)
    return [PixelRow(row, pixels, picture.columns) for row, pixels in zip(cells, drawn, strict=True)]


def _cells(image: "Image") -> list[Row]:
    pixels = cast("Any", image.load())
    styles: dict[tuple[Colour, Colour], Segment] = {}
    rows = []
    for y in range(0, image.height, 2):
        row = []
        for x in range(image.width):
            pair: tuple[Colour, Colour] = pixels[x, y], pixels[x, y + 1]
            if pair not in styles:
                styles[pair] = _cell(*pair)
            row.append(styles[pair])
        rows.append(list(Segment.simplify(row)))
    return rows


def _cell(upper: Colour, lower: Colour) -> Segment:
    below = Color.from_rgb(*lower)
    if upper == lower:
        return Segment(" ", Style(bgcolor=below))
    return Segment(_UPPER_HALF, Style(color=Color.from_rgb(*upper), bgcolor=below))


def png(path: Path, picture: Picture, background: Colour) -> Pixels:
    """A picture as a PNG of the size it is drawn in. Raises `ClientError`."""
    size = picture.columns * KITTY_PIXELS[0], picture.rows * KITTY_PIXELS[1]
    written = io.BytesIO()
    _opened(path, size, background).save(written, "PNG", compress_level=4)
    return Pixels(base64.b64encode(written.getvalue()).decode("ascii"))


def _opened(path: Path, size: tuple[int, int], background: Colour) -> "Image":
    """The first frame of a picture, opaque, scaled to a size; nothing is decoded that is too large."""
    from PIL import Image, ImageOps, UnidentifiedImageError  # noqa: PLC0415 - 15 ms, and only in the thread

    broken = ClientError("pictureBroken", "It is no picture that can be read.", "Download it, and open it elsewhere.")
    too_large = ClientError("pictureTooLarge", "It is too large to be shown.", "Download it, and open it elsewhere.")
    try:
        if path.stat().st_size > BYTES_MAX:
            raise too_large
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own bound is lower
            image = Image.open(path, formats=FORMATS)
        with image:
            if image.width * image.height > PIXELS_MAX:
                raise too_large
            image.draft("RGB", (max(size), max(size)))
            upright = ImageOps.exif_transpose(image).convert("RGBA")
            clear = upright.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
            opaque = Image.new("RGBA", size, (*background, 255))
            opaque.alpha_composite(clear)
            return opaque.convert("RGB")
    except Image.DecompressionBombError:
        raise too_large from None
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError, EOFError, ArithmeticError, IndexError) as error:
        raise broken from error
