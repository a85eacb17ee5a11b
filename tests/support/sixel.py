"""Reading Sixel graphics as a terminal does, and strictly: what the product has no need to write is refused."""

import re
from dataclasses import dataclass
from typing import Final

Colour = tuple[int, int, int]

_HEAD: Final = re.compile(r'0;1;0q"1;1;([0-9]{1,4});([0-9]{1,4})')
_COLOUR: Final = re.compile("#([0-9]{1,3});2;([0-9]{1,3});([0-9]{1,3});([0-9]{1,3})")
_PASS: Final = re.compile(r"#([0-9]{1,3})((?:!([0-9]{1,4}))?[?-~])*")
_SIXELS: Final = re.compile(r"(?:!([0-9]{1,4}))?([?-~])")
PERCENT: Final = 100


@dataclass
class Graphic:
    """A graphic that was drawn; all of its pixels have a colour."""

    width: int
    height: int
    palette: dict[int, Colour]
    pixels: list[list[Colour]]
    """From 0 to 255, row by row."""


def decode(content: str) -> Graphic:
    """Read what stands between DCS and ST. Raises `AssertionError` for anything that is no whole opaque graphic."""
    head = _HEAD.match(content)
    assert head is not None, f"no graphic: {content[:60]!r}"
    width, height = int(head[1]), int(head[2])
    at, palette = head.end(), dict[int, Colour]()
    while (defined := _COLOUR.match(content, at)) is not None:
        number, *parts = map(int, defined.groups())
        assert number not in palette, "a colour is defined twice"
        assert max(parts) <= PERCENT
        red, green, blue = (round(part * 255 / PERCENT) for part in parts)
        palette[number] = (red, green, blue)
        at = defined.end()
    pixels: list[list[Colour | None]] = [[None] * width for _ in range(height)]
    bands = content[at:].split("-")
    assert len(bands) == -(-height // 6), "it has another height than it says"
    for number, band in enumerate(bands):
        for part in band.split("$"):
            _draw(part, pixels[6 * number : 6 * number + 6], palette)
    whole = [[colour for colour in row if colour is not None] for row in pixels]
    assert all(len(row) == width for row in whole), "some pixels have no colour"
    return Graphic(width, height, palette, whole)


def _draw(part: str, rows: list[list[Colour | None]], palette: dict[int, Colour]) -> None:
    """One colour of up to six rows of pixels."""
    selected = _PASS.fullmatch(part)
    assert selected is not None, f"no sixels: {part[:60]!r}"
    number, x = int(selected[1]), 0
    assert number in palette, "a colour that was not defined"
    colour = palette[number]
    for count, sixel in _SIXELS.findall(part, part.index(selected[1]) + len(selected[1])):
        bits = ord(sixel) - 63
        for _ in range(int(count or 1)):
            for y in range(6):
                if bits >> y & 1:
                    assert y < len(rows), "a pixel below the graphic"
                    assert x < len(rows[y]), "a pixel beside the graphic"
                    assert rows[y][x] is None, "a pixel is drawn twice"
                    rows[y][x] = colour
            x += 1
