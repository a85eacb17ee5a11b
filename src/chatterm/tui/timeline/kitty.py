"""The kitty graphics protocol with Unicode placeholders: pictures that scroll, and are cut, like text."""

from collections.abc import Iterator
from typing import Final

from rich.color import Color
from rich.segment import Segment
from rich.style import Style

from chatterm.tui.timeline.decoding import Pixels
from chatterm.tui.timeline.pictures import Picture

PLACEHOLDER: Final = "\U0010eeee"
CHUNK: Final = 4_096
"""Characters of Base64 in one command, as the protocol allows."""
FIRST_ID: Final = 0x2C_00_01
"""Ids are shared by all programs in a terminal, and 24 bits long: they are the placeholders' colours."""
_NUMBERS: Final = tuple(
    map(
        chr,
        (
            *(0x305, 0x30D, 0x30E, 0x310, 0x312, 0x33D, 0x33E, 0x33F, 0x346, 0x34A, 0x34B, 0x34C, 0x350, 0x351, 0x352),
            *(0x357, 0x35B, 0x363, 0x364, 0x365, 0x366, 0x367, 0x368, 0x369, 0x36A, 0x36B, 0x36C, 0x36D, 0x36E, 0x36F),
            *(0x483, 0x484, 0x485, 0x486, 0x487, 0x592, 0x593, 0x594, 0x595, 0x597, 0x598, 0x599, 0x59C, 0x59D, 0x59E),
            *(0x59F, 0x5A0, 0x5A1, 0x5A8, 0x5A9, 0x5AB, 0x5AC, 0x5AF, 0x5C4, 0x610, 0x611, 0x612, 0x613, 0x614, 0x615),
        ),
    )
)
"""The marks that the protocol counts rows and columns with, from 0 on."""


def transmission(image_id: int, picture: Picture, pixels: Pixels) -> Iterator[str]:
    """The commands that bring a picture into the terminal; it must not answer, since answers come among the keys."""
    data = pixels.data
    head = f"a=T,U=1,q=2,f=100,t=d,i={image_id},c={picture.columns},r={picture.rows},"
    for start in range(0, len(data), CHUNK):
        more = int(start + CHUNK < len(data))
        yield f"\x1b_G{head}m={more};{data[start : start + CHUNK]}\x1b\\"
        head = "q=2,"


def deletion(image_id: int) -> str:
    """The command that frees a picture."""
    return f"\x1b_Ga=d,d=I,q=2,i={image_id}\x1b\\"


def placeholders(image_id: int, picture: Picture) -> list[list[Segment]]:
    """The rows of text in whose place the terminal draws the picture."""
    style = Style(color=Color.from_rgb(image_id >> 16, image_id >> 8 & 255, image_id & 255))
    return [
        [Segment("".join(PLACEHOLDER + _NUMBERS[row] + _NUMBERS[column] for column in range(picture.columns)), style)]
        for row in range(picture.rows)
    ]
