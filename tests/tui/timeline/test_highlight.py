"""Colours of code: for well-known languages, within bounds, without ever holding up a paint."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pygments.lexers import get_all_lexers

from chatterm.tui.timeline import highlight
from chatterm.tui.timeline.highlight import Highlighter, tokens_of


def styled(code: str, language: str) -> list[tuple[str, str]]:
    return [(code[start:end], name.removeprefix("code-")) for start, end, name in tokens_of(code, language)]


def test_parts_of_code_have_styles_of_their_own() -> None:
    assert styled('def f(x):  # why\n    return "s" + 12', "python") == [
        ("def", "keyword"),
        ("f", "name"),
        ("# why", "comment"),
        ("return", "keyword"),
        ('"s"', "string"),
        ("12", "number"),
    ]
    assert styled("-old\n+new\n", "patch") == [("-old", "number"), ("+new", "string")]


def test_every_language_that_is_looked_at_is_known() -> None:
    known = {alias for _, aliases, _, _ in get_all_lexers(plugins=False) for alias in aliases}
    assert {highlight._ALIASES.get(name, name) for name in highlight.LANGUAGES} <= known


@pytest.mark.parametrize(
    ("code", "language"),
    [
        ("x = 1", "brainfuck"),
        ("x = 1", "../../etc"),
        ("x = 1\n" * 2_000, "python"),
        ("x" * (highlight.LINE_MAX + 1), "python"),
    ],
)
def test_other_languages_and_what_is_too_long_stay_plain(code: str, language: str) -> None:
    assert tokens_of(code, language) == []


def test_a_piece_that_takes_too_long_keeps_the_colours_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(highlight, "SECONDS_MAX", 0.0)
    assert len(tokens_of("if x: pass\n" * 100, "python")) <= 1


@settings(max_examples=60)
@given(st.text(max_size=80), st.sampled_from(["python", "json", "html", "c", "diff", "console"]))
def test_styled_parts_are_in_order_and_lie_in_the_code(code: str, language: str) -> None:
    end = 0
    for start, last, _ in tokens_of(code, language):
        assert end <= start < last <= len(code)
        end = last


async def test_painting_never_waits_and_each_piece_is_coloured_once() -> None:
    """Until its colours are known a piece is plain; a mistake of a lexer costs no more than its colours."""
    begun: list[asyncio.Task[None]] = []
    news: list[int] = []
    highlighter = Highlighter(
        lambda: begun.append(asyncio.ensure_future(highlighter.work())), lambda: news.append(len(news))
    )
    assert highlighter("x = 1", "python") == ()
    assert highlighter("x = 1", "python") == ()
    assert highlighter("y = 'a'", "python") == ()
    assert highlighter("no colours", "klingon") == ()
    await begun[0]
    assert [len(begun), len(news)] == [1, 2]
    assert highlighter("x = 1", "python") == [(4, 5, "code-number")]
    for number in range(3 * highlight.WAITING_MAX):
        assert highlighter(f"z = {number}", "python") == ()
    await begun[1]
    assert len(news) == 2 + highlight.WAITING_MAX
