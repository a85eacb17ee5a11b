"""Output for terminals that disagree on how wide some text is: what follows such a text stays in its column."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from chatterm.tui.alignment import aligned, is_sure

PIECES = ("❤️", "👍🏽", "🇭🇺", "1️⃣", "👩\u200d🌾", "\U0001fa76", "नमस्ते", "ไทย", "日本", "שלום", "é", "a b", "─", " ")
_SEQUENCE = re.compile("\x1b\\[(?:(?P<row>\\d+);)?(?P<column>\\d+)(?P<kind>[HGm])")


def column_of(output: str, sign: str, unsure: int) -> int:
    """Where a terminal shows a sign; it gives so many cells to everything but what all agree on."""
    column, at = 1, 0
    while at < len(output):
        found = _SEQUENCE.match(output, at)
        if found is not None:
            column, at = (column if found["kind"] == "m" else int(found["column"])), found.end()
        elif output[at] == sign:
            return column
        else:
            column, at = column + (cell_len(output[at]) if is_sure(output[at]) else unsure), at + 1
    raise AssertionError(f"no {sign} in {output!r}")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=12), st.sampled_from((0, 1, 2)))
def test_what_follows_stands_where_this_program_means_it(pieces: list[str], unsure: int) -> None:
    text = "".join(pieces)
    output = aligned(f"\x1b[3;10H\x1b[1m{text}\x1b[0m#")
    assert column_of(output, "#", unsure) == 10 + cell_len(text)


def test_nothing_old_is_left_below_a_narrower_character() -> None:
    assert aligned("\x1b[1;5Hx❤️y") == "\x1b[1;5Hx  \x1b[6G❤️\x1b[8Gy"


def test_sure_text_pictures_and_output_without_a_place_stay_as_they_are() -> None:
    picture = "\x1b[1;5H\U0010eeee\u0305\u030d\U0010eeee\u0305\u030e"
    for output in (
        "\x1b[1;5H日本 ┌─┐ שלום",
        picture,
        "❤️",
        "\x1b]8;;https://x.org/❤️\x1b\\\x1b]8;;\x1b\\",
        "\x1b[1;5H\n❤️",
    ):
        assert aligned(output) == output
    assert is_sure("日本 ┌─┐ שלום ⌕ ● ◐ ○")
