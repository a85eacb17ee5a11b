"""Pastes taken out of the terminal's input: whole, whatever is in them and however they arrive."""

from hypothesis import given
from hypothesis import strategies as st
from textual._xterm_parser import XTermParser

from chatterm.tui.driver import PASTE_MAX, PasteSplitter, kitty_alt

START, END = "\x1b[200~", "\x1b[201~"


def joined(pieces: list[tuple[bool, str]]) -> list[tuple[bool, str]]:
    """Neighbouring runs of keys put together: how they were read makes no difference."""
    result: list[tuple[bool, str]] = []
    for is_paste, text in pieces:
        if not is_paste and result and not result[-1][0]:
            result[-1] = (False, result[-1][1] + text)
        else:
            result.append((is_paste, text))
    return result


def test_terminal_codes_in_a_paste_are_text_not_keys() -> None:
    """Coloured text with line ends and an ESC of its own stays one paste."""
    text = "\x1b[31mred\x1b[0m\r" + "x" * 100 + "\x1b"
    assert PasteSplitter().feed(f"a{START}{text}{END}b") == [(False, "a"), (True, text), (False, "b")]


def test_a_lone_escape_waits_only_until_it_is_released() -> None:
    splitter = PasteSplitter()
    assert splitter.feed("a\x1b") == [(False, "a")]
    assert splitter.holds
    assert splitter.release() == "\x1b"
    assert not splitter.holds


def test_alt_and_a_key_ends_where_it_ends() -> None:
    """Keys that follow at once stay keys of their own; control sequences are left alone."""
    events = [event.key for event in XTermParser().feed(kitty_alt("\x1b\rab\x1bx\x1b[A\x1bOP"))]  # type: ignore[attr-defined] # all are keys
    assert events == ["alt+enter", "a", "b", "alt+x", "up", "f1"]


def test_a_paste_is_bounded() -> None:
    splitter = PasteSplitter()
    splitter.feed(START)
    for _ in range(40):
        splitter.feed("y" * 65_536)
    [(is_paste, text)] = splitter.feed(END)
    assert is_paste
    assert len(text) == PASTE_MAX


@given(
    st.lists(st.tuples(st.booleans(), st.text("ab[20~1\n", min_size=1, max_size=12))),
    st.integers(1, 9),
)
def test_however_the_input_is_cut_the_result_is_the_same(pieces: list[tuple[bool, str]], size: int) -> None:
    data = "".join(f"{START}{text}{END}" if is_paste else text for is_paste, text in pieces)
    splitter, cut = PasteSplitter(), []
    for index in range(0, len(data), size):
        cut.extend(splitter.feed(data[index : index + size]))
    assert joined(cut) == joined(pieces)
