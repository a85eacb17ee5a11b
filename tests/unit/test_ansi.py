"""The reader of terminal output finds what must not be there, and lets pass what the product writes."""

import pytest

from tests.support import ansi


@pytest.mark.parametrize(
    "raw",
    [
        b"\x1b]52;c;QQ==\x1b",
        b"bell\x07",
        b"\x1b[5mblink",
        b"\x1b[1;5;31mblink",
        "\u202ertl".encode(),
        "zero\u200bwidth".encode(),
        "\x9b31m".encode(),
        b"\x1b[5n\x1b[6i",
        b"\x1bc",
        "\x1b]0;ti\u202etle\x07".encode(),
        b"\xff",
        b"\x1bPtmux;\x1b\x1b]52;c;QQ==\x07\x1b\\",
        b"\x1bP$q q\x1b\\",
        b"\x1bP+q544e\x1b\\",
        b"\x1b^private\x1b\\",
        b"\x1bX string\x1b\\",
        b'\x1bP0;1;0q"1;1;2;6#0;2;9;9;9#0!3~\x1b\\',
        b'\x1bP0;1;0q"1;1;2;6#0;2;9;9;9#0~\x1b\\',
        b'\x1bP0;1;0q"1;1;2;6#0;2;9;9;9#1!2~\x1b\\',
        b'\x1bP0;1;0q"1;1;2;5#0;2;9;9;9#0!2~\x1b\\',
        b'\x1bP0;1;0q"1;1;2;6#0;2;9;9;9#0!2~-#0!2~\x1b\\',
        b'\x1bP0;1;0q"1;1;2;6#0;2;9;9;9#0!2~$#0~\x1b\\',
        b'\x1bP0;1;0q"1;1;2;6#0;2;9;9;101#0!2~\x1b\\',
        b'\x1bP0;1;0q"1;1;2;6#0;2;9;9;9#0!2~ hi\x1b\\',
        b'\x1bP0;1;0q"1;1;2;6#0;2;9;9;9#0!2~\x07',
    ],
)
def test_what_must_not_be_there_is_found(raw: bytes) -> None:
    with pytest.raises((AssertionError, UnicodeDecodeError)):
        ansi.read(b"before" + raw + b"after")


def test_what_a_screen_needs_passes() -> None:
    raw = "\x1b[?1049h\x1b[2J\x1b[1;1H\x1b[38;2;5;5;5;1mhi\x1b[0m\x1b]0;title\x07\x1b]8;id=1;https://x\x1b\\a\x1b]8;;\x1b\\\r\n👍🏽"
    output = ansi.read(raw.encode())
    assert output.text == "hia\r\n👍🏽"
    assert output.commands == [("0", "title"), ("8", "id=1;https://x"), ("8", ";")]


def test_a_sixel_graphic_passes_and_is_read() -> None:
    """Two colours, a repetition, and a second line of sixels that is not full."""
    raw = '\x1bP0;1;0q"1;1;5;7#0;2;100;0;0#3;2;0;0;100#0!4~$#3!4?~-#3!5@\x1b\\after'
    output = ansi.read(raw.encode())
    [graphic] = output.graphics
    red, blue = (255, 0, 0), (0, 0, 255)
    assert graphic.pixels == [*[[red] * 4 + [blue]] * 6, [blue] * 5]
    assert output.text == "after"
