"""Pictures as Sixel graphics (DEC STD 070), one graphic for each row of cells. Runs in a thread."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from PIL.Image import Image

COLOURS_MAX: Final = 128
"""Colours of one picture: more make it larger, and hardly better."""
COLOURS_MIN: Final = 16
"""What the first terminals with Sixel had."""
CELL_MAX: Final = (48, 96)
"""Pixels of the largest cell that is believed."""
PIXELS_MAX: Final = 2_000_000
"""Pixels of a picture that are encoded; it takes about a second."""
PIECE_PIXELS: Final = 960
"""Pixels from left to right of one graphic: XTerm draws no more than 1,000."""
_BAND: Final = 6
"""Pixels from top to bottom of a line of sixels."""
_RUNS: Final = re.compile(rb"\?{4,}|([@-~])\1{3,}")
"""The same sixels next to each other; those without a pixel apart, since most are and a plain repetition is quick."""
_MASKS: Final = tuple(bytes(int(each == colour) for each in range(256)) for colour in range(256))
"""Tables that translate one colour's number to 1, and all others to 0."""


class Grain(NamedTuple):
    """What decides how a terminal gets its pixels: those of a cell, and the number of colours."""

    width: int
    height: int
    colours: int


def fits(grain: Grain, columns: int, rows: int) -> bool:
    """Whether a picture of so many cells is small enough to be encoded."""
    cell = 1 <= grain.width <= CELL_MAX[0] and 1 <= grain.height <= CELL_MAX[1]
    return cell and grain.width * columns * grain.height * rows <= PIXELS_MAX


def encode(image: "Image", grain: Grain) -> list[str]:
    """The rows of an opaque picture of whole cells, each as what draws it from the cursor on.

    Within a row the cursor is taken back to where it was saved; where it ends, and whether the screen scrolls when it
    is at the bottom, depends on the terminal.
    """
    colours = max(COLOURS_MIN, min(grain.colours, COLOURS_MAX))
    reduced = image.convert("RGB").quantize(colours)
    palette = reduced.getpalette() or []
    names = [
        "#{};2;{};{};{}".format(number, *(round(part * 100 / 255) for part in palette[3 * number : 3 * number + 3]))
        for number in range(len(palette) // 3)
    ]
    across = max(1, PIECE_PIXELS // grain.width)
    columns = image.width // grain.width
    rows = []
    for top in range(0, image.height, grain.height):
        pieces = []
        for left in range(0, columns, across):
            right = min(columns, left + across)
            part = reduced.crop((left * grain.width, top, right * grain.width, top + grain.height))
            forward = f"\x1b8\x1b[{left}C" if left else ""
            pieces.append(forward + _graphic(part.tobytes(), part.width, grain.height, names))
        rows.append("".join(pieces))
    return rows


def _graphic(pixels: bytes, width: int, height: int, names: list[str]) -> str:
    """One graphic of colour numbers; pixels below it stay as they are."""
    used = "".join(names[number] for number in sorted(set(pixels)))
    lines = [
        b"$".join(_passes(pixels[top * width : min(top + _BAND, height) * width], width))
        for top in range(0, height, _BAND)
    ]
    return f'\x1bP0;1;0q"1;1;{width};{height}{used}{b"-".join(lines).decode("ascii")}\x1b\\'


def _passes(band: bytes, width: int) -> Iterator[bytes]:
    """Up to six lines of pixels, one colour after the other."""
    blank = int.from_bytes(b"?" * width, "little")
    for colour in sorted(set(band)):
        ones = band.translate(_MASKS[colour])
        bits = blank
        for line in range(len(band) // width):
            bits += int.from_bytes(ones[line * width : (line + 1) * width], "little") << line
        sixels = bits.to_bytes(width, "little").rstrip(b"?")
        yield b"#%d" % colour + _RUNS.sub(_run, sixels)


def _run(found: "re.Match[bytes]") -> bytes:
    start, end = found.span()
    return b"!%d%b" % (end - start, found[0][:1])
