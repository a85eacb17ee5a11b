"""The picture of `chatserver top`: exact in every size, and safe whatever a server says."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatproto.text import terminal_safe
from chatserver.ops.reading import ChatReading, Series, StatementReading
from chatserver.top.board import View, page, paint
from chatserver.top.cells import ASCII, UNICODE, glyphs, text_of, width_of
from chatserver.top.help import help_page
from chatserver.top.source import AddressError, address
from chatserver.top.watch import Watch
from chatserver.top.words import duration, number, pair, size, span
from tests.unit.chatserver.test_top_figures import START, observed, reading

HOSTILE = "a\x1b[31m\x1b]0;x\x07\n\r\t\u202ebc日本\u0301👍"


def view(text: str = "name", **changed: Any) -> View:
    """After two readings, in which everything that is text is this one."""
    watch = Watch(f"http://{text}")
    statement = StatementReading(name=text, counts=observed(0.2), sum=0.2, worst=0.2, worst_at=1)
    more: dict[str, Any] = {
        "version": text,
        "chats": [ChatReading(id=n, events=5.0 * n, deliveries=9.0, sessions=2) for n in range(1, 9)],
        "statements": [statement],
        "gauges": {"chatserver_ready": [Series(value=0, labels=[text])]},
        "counters": {"chatserver_errors": [Series(value=n, labels=[text, str(n)]) for n in range(9)]},
    }
    for second in (0, 2):
        watch.take(reading(second, **more), {1: text, 2: text})
    return View(watch=watch, url=f"http://{text}", interval=1.0, now=START + 3, keys="q quit", **changed)


@settings(max_examples=40)
@given(st.integers(1, 200), st.integers(1, 60), st.booleans(), st.text(max_size=30) | st.just(HOSTILE))
def test_every_line_has_the_width_and_every_character_is_safe(width: int, height: int, up: bool, text: str) -> None:
    shown = view(text, trouble="" if up else text + "!", silent_s=3.0)
    for lines in (paint(shown, width, height, UNICODE), help_page(width, height, UNICODE)):
        assert len(lines) == height
        assert {width_of(line) for line in lines} == {width}
    written = "".join(piece.text for line in paint(shown, width, height, UNICODE) for piece in line)
    assert terminal_safe(written) == written


def test_there_is_a_place_for_everything_on_80_by_24() -> None:
    text = "\n".join(text_of(line) for line in paint(view(), 80, 24, UNICODE))
    for word in ("messages/s", "fsync", "CPU", "certificate", "chats, a minute", "database", "went wrong", "q quit"):
        assert word in text


def test_trouble_is_told_and_the_last_values_stay() -> None:
    shown = view(trouble="nobody listens there", silent_s=75.0, retry_s=4.0)
    text = "\n".join(text_of(line) for line in paint(shown, 80, 24, UNICODE))
    assert "no answer for 1 min" in text
    assert "nobody listens there; next try in 4 s" in text
    assert "messages/s" in text


def test_a_terminal_without_unicode_gets_ascii() -> None:
    assert glyphs("UTF-8") is UNICODE
    assert glyphs("ANSI_X3.4-1968") is ASCII
    assert "".join(text_of(line) for line in page(view(), 100, ASCII)).isascii()


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("127.0.0.1:9465", "http://127.0.0.1:9465"),
        ("http://chat.example.org:9465/metrics", "http://chat.example.org:9465"),
        ("https://chat.example.org/metrics.json", "https://chat.example.org:443"),
        ("http://[::1]:8765/", "http://[::1]:8765"),
    ],
)
def test_addresses_are_taken_as_people_give_them(given: str, found: str) -> None:
    assert address(given) == found


@pytest.mark.parametrize(
    "given", ["", "ftp://x", "http://x/chat", "http://a:b@x", "http://x:99999", "http://", "x?y=1"]
)
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(AddressError):
        address(given)


def test_numbers_are_short() -> None:
    assert [number(n) for n in (0, 0.01, 0.4, 7, 12_345, 1.234e6, 2e9)] == [
        *("0", "<0.1", "0.4", "7", "12,345", "1.23 M", "2.00 G"),
    ]
    assert [size(n) for n in (0, 1_536, 84 << 20, 5 << 40)] == ["0 B", "1.5 KiB", "84 MiB", "5.0 TiB"]
    assert [duration(n) for n in (None, 0.00052, 0.012, 1.25)] == ["-", "0.52 ms", "12 ms", "1.2 s"]
    assert [span(n) for n in (45, 200, 7_500, 273_600)] == ["45 s", "3 min", "2 h 5 min", "3 d 4 h"]
    assert pair(0.0012, 0.0098) == "1.2/9.8 ms"
