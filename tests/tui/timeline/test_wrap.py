"""Wrapping: no line is too wide, no text is lost, no grapheme is broken, words stay whole where they fit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from chatterm.tui.timeline import wrap as wrapping
from chatterm.tui.timeline.wrap import clip, graphemes, wrap

FAMILY = "👩\u200d👩\u200d👧"
PIECES = st.sampled_from(
    ["a", "bc", " ", "  ", "\n", "漢字", "가", "e\u0301", "🇭🇺", "🇭", "👍🏽", FAMILY, "❤\ufe0f", "\u200d", "–"]
)
MIXED = st.lists(PIECES | st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=60).map("".join)
WIDTHS = st.integers(2, 20)


@given(MIXED, WIDTHS)
def test_no_line_is_wider_and_only_blanks_at_breaks_are_left_out(text: str, width: int) -> None:
    """The spans with the blanks and line feeds between them are the whole text."""
    end = 0
    for first, last in wrap(text, width):
        assert first <= last
        assert not text[end:first].strip(" \n")
        assert cell_len(text[first:last]) <= width
        end = last
    assert not text[end:].strip(" \n")


@given(MIXED, WIDTHS)
def test_graphemes_are_kept_whole(text: str, width: int) -> None:
    """Lines begin and end where a character as a reader sees it does."""
    borders = {0}
    start = 0
    for paragraph in text.split("\n"):
        borders.update(start + end for first, last, _ in graphemes(paragraph) for end in (first, last))
        borders.update((start, start + len(paragraph)))
        start += len(paragraph) + 1
    for first, last in wrap(text, width):
        assert first in borders
        assert last in borders


@given(MIXED)
def test_graphemes_cover_the_text_and_their_cells_add_up(text: str) -> None:
    """What is measured piece by piece is what the terminal library measures for the whole."""
    pieces = graphemes(text.replace("\n", ""))
    assert "".join(text.replace("\n", "")[first:last] for first, last, _ in pieces) == text.replace("\n", "")
    assert sum(cells for _, _, cells in pieces) == cell_len(text.replace("\n", ""))


@given(st.text(alphabet="ab c.\n", max_size=80), WIDTHS)
def test_the_quick_way_for_narrow_text_breaks_like_the_general_way(text: str, width: int) -> None:
    """Two implementations, one answer."""
    general: list[wrapping.Span] = []
    start = 0
    for paragraph in text.split("\n"):
        wrapping._wrap_wide(text, start, start + len(paragraph), width, general)
        start += len(paragraph) + 1
    assert wrap(text, width) == general


def test_every_character_of_the_quick_way_takes_one_cell() -> None:
    """The quick way counts characters, so a character of another width in it would break lines wrongly."""
    wrong = [hex(code) for code in range(0x20, 0x110000) if _quick(chr(code)) and cell_len(chr(code)) != 1]
    assert wrong == []


def _quick(character: str) -> bool:
    return wrapping.ONE_CELL.fullmatch(character) is not None


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("one two three", 7, ["one two", "three"]),
        ("one  two", 4, ["one", "two"]),
        ("  indented code", 10, ["  indented", "code"]),
        ("abcdefghij klm", 4, ["abcd", "efgh", "ij", "klm"]),
        ("漢字仮名交", 6, ["漢字仮", "名交"]),
        ("ab漢字", 5, ["ab漢", "字"]),
        ("a\n\nb", 5, ["a", "", "b"]),
        ("", 5, [""]),
        ("a" + FAMILY + "🇭🇺", 3, ["a" + FAMILY, "🇭🇺"]),
    ],
)
def test_lines_break_where_a_reader_expects_it(text: str, width: int, lines: list[str]) -> None:
    """At blanks first, between wide characters, and inside a word only if it is longer than the line."""
    assert [text[first:last] for first, last in wrap(text, width)] == lines


@given(MIXED.map(lambda text: text.replace("\n", " ")), st.integers(1, 20))
def test_a_clipped_line_fits_and_says_that_it_was_clipped(text: str, width: int) -> None:
    """Whole if it fits, else its beginning and an ellipsis."""
    shown = clip(text, width)
    assert cell_len(shown) <= width
    assert shown == text or (shown.endswith("…") and text.startswith(shown[:-1]))
