"""Markdown of messages: what it shows, that any text is read in linear time, and that links lead where they say."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chatproto.text import terminal_safe
from chatterm.tui.timeline.body import is_plain, is_simple
from chatterm.tui.timeline.links import target_of, warning
from chatterm.tui.timeline.markup import (
    BOLD,
    CODE,
    ITALIC,
    LINK,
    MENTION,
    OWN,
    QUIET,
    STRIKE,
    Form,
    Marked,
    People,
)
from chatterm.tui.timeline.markup_blocks import read, read_action, read_raw

PEOPLE = People.of([("Béla", 2), ("Robin (bot)", 3), ("Anna", 1), ("all", 0)], 1)
SIGNS = st.sampled_from(
    [*"*_~`[]()<>#@\\!|:/. \n-+1x", "**", "~~", "```", "](", "https://a.bc", "> ", "- ", "1. ", "[x] ", "@Béla", "漢字"]
)
TEXTS = (st.lists(SIGNS, max_size=40).map("".join) | st.text(max_size=60)).map(
    lambda text: terminal_safe(text, multiline=True)
)


def shown(marked: Marked) -> list[tuple[str, int]]:
    """The styled parts."""
    return [(marked.text[run.start : run.end], run.flags) for run in marked.runs]


# --- what people write ---


@pytest.mark.parametrize(
    ("source", "text", "parts"),
    [
        ("a **b** c", "a b c", [("b", BOLD)]),
        ("*b* and _c_", "b and c", [("b", ITALIC), ("c", ITALIC)]),
        ("***both***", "both", [("both", BOLD | ITALIC)]),
        ("**a *b* c**", "a b c", [("a ", BOLD), ("b", BOLD | ITALIC), (" c", BOLD)]),
        ("~~gone~~ ~5", "gone ~5", [("gone", STRIKE)]),
        ("`a*b*c` ``x`y``", "a*b*c x`y", [("a*b*c", CODE), ("x`y", CODE)]),
        ("**two\nlines**", "two\nlines", [("two\nlines", BOLD)]),
        ("**漢字。**漢字", "漢字。漢字", [("漢字。", BOLD)]),
        (r"\*no\*", "*no*", []),
        ("snake_case_name 2 * 3 * 4 5*3*2 2**8 + 2**9", "snake_case_name 2 * 3 * 4 5*3*2 2**8 + 2**9", []),
        ("what the f*ck and sh*t", "what the f*ck and sh*t", []),
        (r"¯\_(ツ)_/¯ >_< >:( 👍", r"¯\_(ツ)_/¯ >_< >:( 👍", []),
        ("** not ** ` lone", "** not ** ` lone", []),
        ("[**b**](https://x.org/a)", "b", [("b", BOLD | LINK)]),
        ("hi @Béla, @robin (bot)!", "hi @Béla, @robin (bot)!", [("@Béla", MENTION), ("@robin (bot)", MENTION)]),
        ("@anna @all a@anna @Annas", "@anna @all a@anna @Annas", [("@anna", MENTION | OWN), ("@all", MENTION | OWN)]),
        ("`@Béla`", "@Béla", [("@Béla", CODE)]),
    ],
)
def test_inline_markup(source: str, text: str, parts: list[tuple[str, int]]) -> None:
    """As chat users write it, and what only looks like markup stays as it is."""
    marked = read(source, PEOPLE)
    assert (marked.text, shown(marked)) == (text, parts)


def lines(source: str) -> list[str]:
    """Each block with what stands before its first line."""
    marked = read(source)
    return [block.first + marked.text[block.start : block.end] for block in marked.blocks]


def test_blocks_are_set_off_by_what_stands_before_them() -> None:
    """Quotes within quotes, lists within lists, task boxes, headings and rules."""
    assert lines("> one\n>> two\n> three") == ["▎ one", "▎ ▎ two", "▎ three"]
    assert lines("- a\n  - b\n    1. c\n- [ ] d\n- [x] e") == ["• a", "  ◦ b", "    1. c", "☐ d", "☑ e"]
    assert lines("1. a\n  - b") == ["1. a", "  ◦ b"]
    assert lines("* a\n  more of a\nnot a") == ["• a", "  more of a", "not a"]
    assert lines("# Head #\ntext\n\n---\n#tag") == ["Head", "text", "", "───", "#tag"]
    assert lines("> - in a quote\n>   ```\n>   x = 1\n>   ```") == ["▎ • in a quote", "▎   x = 1"]
    assert lines("first\nsecond\n    indented") == ["first\nsecond\n    indented"]
    assert lines("4 > 3\n>= 5\n-5\n1.5") == ["4 > 3\n>= 5\n-5\n1.5"]


@pytest.mark.parametrize(
    ("source", "code", "language"),
    [
        ("```python\nx = 1\n  *y*\n```", "x = 1\n  *y*", "python"),
        ("```\nnot closed", "not closed", ""),
        ("``` C++\na\n````", "a", "c++"),
        ("~~~\n```\n~~~", "```", ""),
        ("```two words\nb```", "two words\nb", ""),
        ("```py\n```", "", "py"),
        ("look: ```py\nx = 1```", "x = 1", "py"),
        ("**so**: ```\n*a*\n```\nand more", "*a*", ""),
    ],
)
def test_fenced_code_is_kept_as_it_is(source: str, code: str, language: str) -> None:
    """Nothing in it is markup; an end that is missing is that of the message."""
    marked = read(source)
    (block,) = [block for block in marked.blocks if block.form is Form.CODE]
    assert (marked.text[block.start : block.end], block.language) == (code, language)
    assert all(run.end < block.start for run in marked.runs)


def test_a_fence_behind_words_opens_only_if_it_closes() -> None:
    """Otherwise the rest of the message would become code by mistake; one within a line is code of that line."""
    assert all(block.form is Form.TEXT for block in read("three ticks: ```\nand *more*").blocks)
    assert shown(read("so ```x = 1``` it is\n```\ny\n```"))[0] == ("x = 1", CODE)
    assert lines("a: ```\nb\n```\nc: ```\nd\n```") == ["a:", "b", "c:", "d"]


def test_an_action_is_told_with_its_author() -> None:
    marked = read_action("/me waves at **you**", "Anna")
    assert marked.text == "* Anna waves at you"
    assert shown(marked) == [("* Anna waves at ", ITALIC), ("you", ITALIC | BOLD)]


def test_without_markdown_only_links_and_mentions_are_marked() -> None:
    """The text stays letter for letter."""
    marked = read_raw("**a** `b` https://x.org/**c** @Béla", PEOPLE)
    assert marked.text == "**a** `b` https://x.org/**c** @Béla"
    assert [flags for _, flags in shown(marked)] == [LINK, MENTION]


# --- links ---


@pytest.mark.parametrize(
    ("source", "text", "target"),
    [
        ("see https://x.org/a_b_c.", "see https://x.org/a_b_c.", "https://x.org/a_b_c"),
        ("(http://y.org/Foo_(bar))", "(http://y.org/Foo_(bar))", "http://y.org/Foo_(bar)"),
        ("<https://x.org/?a=1&b=2>", "https://x.org/?a=1&b=2", "https://x.org/?a=1&b=2"),
        ("www.x.org!", "www.x.org!", "https://www.x.org"),
        ('[here](https://x.org "title")', "here", "https://x.org"),
        ("[mail](mailto:a@b.org)", "mail", "mailto:a@b.org"),
        ("![alt](https://x.org/a.png)", "alt", "https://x.org/a.png"),
        ("[](https://x.org)", "https://x.org", "https://x.org"),
        ("[a [b] c](https://x.org/ö)", "a [b] c", "https://x.org/%C3%B6"),
        ("HTTPS://X.ORG/A", "HTTPS://X.ORG/A", "https://x.org/A"),
        # those that want to be taken for others
        ("[bank.com](https://evil.org/)", "bank.com (evil.org)", "https://evil.org/"),
        ("[https://bank.com](https://evil.org/)", "https://bank.com (evil.org)", "https://evil.org/"),
        ("[bank․com](https://evil.org/)", "bank․com (evil.org)", "https://evil.org/"),
        ("https://bank.com@evil.org/", "https://bank.com@evil.org/ (evil.org)", "https://evil.org/"),
        ("https://bаnk.com/", "https://bаnk.com/ (xn--bnk-6cd.com)", "https://xn--bnk-6cd.com/"),
        ("[a@bank.com](mailto:b@evil.org)", "a@bank.com (b@evil.org)", "mailto:b@evil.org"),
    ],
)
def test_links_lead_to_validated_targets_and_name_their_real_host(source: str, text: str, target: str) -> None:
    """Wherever the text names another host than the link leads to, the real one stands after it, said by us."""
    marked = read(source)
    assert marked.text == text
    (link,) = [run for run in marked.runs if run.flags & LINK]
    assert link.target == target
    told = [marked.text[run.start : run.end] for run in marked.runs if run.flags == QUIET]
    assert told == ([text[text.rindex(" (") :]] if text.endswith(")") and " (" in text else [])


@pytest.mark.parametrize(
    "written",
    [
        *(
            "javascript:alert(1)",
            "file:///etc/passwd",
            "https://",
            "https:///x",
            "https://a b",
            "https://x.org\\@y.org",
        ),
        *("data:text/html,x", "https://[zz]/", "https://x..y/", "mailto:", "//x.org", "https://" + "a" * 3_000),
    ],
)
def test_other_targets_are_no_links(written: str) -> None:
    """Their source is shown, and only what in it is a URL by itself may be one."""
    assert target_of(written) is None
    marked = read(f"[x]({written})")
    assert marked.text.startswith("[x](")
    assert all(run.start >= 4 and run.target != written for run in marked.runs)


@given(st.text(max_size=80), st.sampled_from(["https://", "http://", "mailto:", "", "https://x.org/"]))
def test_a_target_is_ascii_without_blanks_or_controls(text: str, scheme: str) -> None:
    """So nothing in it can end the escape sequence that it stands in."""
    target = target_of(scheme + text)
    assert target is None or (target.isascii() and target.isprintable() and " " not in target)
    if target is not None:
        assert target_of(target) == target
        assert warning(text, target) == warning(text, target)


# --- any text ---


@settings(max_examples=200)
@given(TEXTS)
@example("[a](https://b.c)[`](x)`")
@example("**a [b** c](https://d.e)")
def test_reading_never_fails_and_its_parts_fit_together(text: str) -> None:
    """Runs and blocks are in order and apart, blocks are a line feed from each other, and all lies in the text."""
    for marked in (read(text, PEOPLE), read_raw(text, PEOPLE), read_action("/me " + text, "Anna", PEOPLE)):
        end = 0
        for run in marked.runs:
            assert end <= run.start < run.end <= len(marked.text)
            assert run.flags
            end = run.end
        expected = 0
        for block in marked.blocks:
            assert block.start == expected <= block.end
            assert len(block.first) <= max(len(block.rest), 0) or not block.rest
            expected = block.end + 1
        assert expected == len(marked.text) + 1
        assert terminal_safe(marked.text, multiline=True) == marked.text
    assert read_raw(text).text == text


@settings(max_examples=200)
@given(TEXTS)
def test_plain_text_is_what_reading_leaves_as_it_is(text: str) -> None:
    """The short cut for text without markup answers as the parser does."""
    assert is_plain(text) or not is_simple(text)
    if is_plain(text):
        marked = read(text)
        assert marked.text == text
        assert marked.runs == ()
        assert all(not block.first and not block.rest and block.form is Form.TEXT for block in marked.blocks)


def test_a_message_of_nothing_but_markup_is_read_so_far_and_no_further() -> None:
    """The rest is shown as it was written; so a flood of them costs little."""
    marked = read("*a* " * 2_000 + "\n\n- *b*")
    assert marked.text.startswith("a a a ")
    assert marked.text.endswith("*a* *a* \n\n*b*")
    longest = steps(lambda: read("*_" * 8_000))
    assert longest <= 1.2 * steps(lambda: read("*_" * 1_000))


def steps(function: Callable[[], Any]) -> int:
    """Lines of Python that a call runs."""
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize(
    "unit",
    [
        *("*", "_", "~~", "`", "[", "]", "](", "[](", "<https://", "https://a.b,", "@", "> ", ">", "- ", "\\", "|"),
        *("*a ", "a* ", "**a ", "*a _b ", "a**b", "*_", "_*a ", "`a ``b ", "[a](b ", "[a](https://b.c) ", "](((", "#"),
        *('](a "', "***a** ", "```\n", "> ```\n", "- a\n", "  - a\n", "# ", "1. ", "www.", "mailto:", "~~~", "!["),
        *("[[a](https://b.c)", "www.a.b/(", "@Béla ", "~~~ a\n", "https://x.[](", "*a`", "[a_]( "),
    ],
)
def test_reading_is_linear_in_the_text(unit: str) -> None:
    """Twice the text costs about twice the steps, whatever is repeated in it."""
    short, long = (steps(lambda size=size: read(unit * (size // len(unit)), PEOPLE)) for size in (1_500, 3_000))  # type: ignore[misc] # the value of now is meant
    assert long <= 2.3 * short + 500
