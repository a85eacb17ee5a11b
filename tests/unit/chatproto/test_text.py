"""The text policy: stored forms are idempotent and bounded, and nothing reaches a terminal that acts on it."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatproto import limits, text
from chatproto.errors import ChatError

ANY_TEXT = st.text(st.characters(codec=None, categories=None), max_size=200)
"""All code points, lone surrogates too."""


@given(ANY_TEXT)
def test_message_form_is_idempotent_and_bounded(raw: str) -> None:
    """What was accepted once is accepted unchanged, so a resent message equals the stored one."""
    try:
        stored = text.normalize_message(raw)
    except ChatError as error:
        assert error.code in {"textEmpty", "textTooLong", "textNotAllowed"}
        return
    assert text.normalize_message(stored) == stored
    assert stored.strip()
    assert len(stored.encode()) <= limits.MESSAGE_MAX_BYTES
    assert not any(unicodedata.category(char) in {"Cc", "Cs"} and char not in "\n\t" for char in stored)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("", "textEmpty"),
        (" \n\t ", "textEmpty"),
        ("x" * (limits.MESSAGE_MAX_BYTES + 1), "textTooLong"),
        ("é" * (limits.MESSAGE_MAX_BYTES // 2 + 1), "textTooLong"),
        ("a\x00b", "textNotAllowed"),
        ("a\x1b[31mb", "textNotAllowed"),
        ("a\x9bb", "textNotAllowed"),
        ("a\ud800b", "textNotAllowed"),
    ],
)
def test_messages_that_cannot_be_stored(raw: str, code: str) -> None:
    """Each reason has its own code."""
    with pytest.raises(ChatError) as caught:
        text.normalize_message(raw)
    assert caught.value.code == code


def test_message_of_exactly_the_limit_is_stored() -> None:
    """The limit is inclusive."""
    assert len(text.normalize_message("x" * limits.MESSAGE_MAX_BYTES)) == limits.MESSAGE_MAX_BYTES


@pytest.mark.parametrize(
    ("raw", "stored"),
    [
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("e\u0301", "é"),
        ("tab\tstays  \n", "tab\tstays"),
        ("\u2028line\u2029", "\nline"),
        ("  indented code", "  indented code"),
        ("👩‍👩‍👧 family", "👩‍👩‍👧 family"),
    ],
)
def test_message_form(raw: str, stored: str) -> None:
    """Line ends and composition are made one; indentation and joined emoji survive."""
    assert text.normalize_message(raw) == stored


@given(ANY_TEXT, st.booleans())
def test_nothing_a_terminal_acts_on_survives(raw: str, multiline: bool) -> None:
    """No control, bidi override or unpaired surrogate reaches the terminal; the function is idempotent."""
    safe = text.terminal_safe(raw, multiline=multiline)
    for char in safe:
        assert unicodedata.category(char) not in {"Cc", "Cs", "Zl", "Zp"} or (multiline and char == "\n")
        assert unicodedata.bidirectional(char) not in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
    assert text.terminal_safe(safe, multiline=multiline) == safe


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=80))
def test_plain_text_is_shown_as_it_is(raw: str) -> None:
    """Printable ASCII passes unchanged."""
    assert text.terminal_safe(raw) == raw


def test_hidden_characters_are_made_visible() -> None:
    """The reader sees that something is there, and what."""
    assert text.terminal_safe("a\x1b]52;c;x\x07\u202eb\u200bc\nd\x7f") == "a␛]52;c;x␇‹U+202E›b‹U+200B›c␊d␡"


def test_flags_of_regions_stay_whole_and_their_letters_alone_are_shown() -> None:
    """A black flag takes up to six of the characters without a glyph that make it another one, and no more."""
    wales = "🏴\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f"
    assert text.terminal_safe(wales) == wales
    assert text.terminal_safe(wales[1:]).startswith("‹U+E0067›")
    assert text.terminal_safe("🏴" + "\U000e0067" * 7 + "\U000e007f") == "🏴" + "‹U+E0067›" * 7 + "‹U+E007F›"


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b]0;title\x07text", "text"),
        ("a\x1b(Bb\x9b2Kc", "abc"),
        ("keep\ttabs\r\nand lines", "keep\ttabs\nand lines"),
        ("\x1b]52;c;unterminated", ""),
    ],
)
def test_piped_terminal_codes_are_taken_out(raw: str, plain: str) -> None:
    """Coloured output of other programs becomes its plain text."""
    assert text.strip_terminal_codes(raw) == plain


@given(ANY_TEXT)
def test_stripped_text_is_never_refused_for_its_characters(raw: str) -> None:
    """After stripping, a message can only be empty or too long."""
    try:
        text.normalize_message(text.strip_terminal_codes(raw))
    except ChatError as error:
        assert error.code in {"textEmpty", "textTooLong"}


@given(ANY_TEXT)
def test_names_and_titles_are_one_visible_line(raw: str) -> None:
    """A stored name cannot break out of its line or hide anything, and is stable."""
    for normalize, longest in ((text.normalize_name, 64), (text.normalize_title, 128)):
        try:
            name = normalize(raw)
        except ChatError:
            continue
        assert normalize(name) == name
        assert 0 < len(name) <= longest
        assert text.terminal_safe(name) == name


@pytest.mark.parametrize("raw", ["Anna\nServer", "An\u202ena", "A\u200bnna", "", "   ", "x" * 65, "a\x1bb"])
def test_names_that_could_deceive_are_refused(raw: str) -> None:
    """Line breaks are folded to blanks, everything hidden is refused."""
    try:
        name = text.normalize_name(raw)
    except ChatError as error:
        assert error.code == "nameInvalid"
    else:
        assert name == "Anna Server"


@pytest.mark.parametrize(
    ("raw", "stored"),
    [
        (" Anna@Example.ORG ", "anna@example.org"),
        ("bÉla@exämple.hu", "béla@exämple.hu"),
        ("a@localhost", "a@localhost"),
    ],
)
def test_email_form(raw: str, stored: str) -> None:
    """Addresses are compared without case."""
    assert text.normalize_email(raw) == stored
    assert text.normalize_email(stored) == stored


@pytest.mark.parametrize(
    "raw", ["", "anna", "@example.org", "anna@", "a b@c.d", "a@b@c", "a@b..c", "a\n@b.c", "x" * 251 + "@b.c"]
)
def test_what_is_no_email_is_refused(raw: str) -> None:
    """The same code for every malformed address."""
    with pytest.raises(ChatError) as caught:
        text.normalize_email(raw)
    assert caught.value.code == "emailInvalid"


@pytest.mark.parametrize(
    "emoji",
    [
        "👍",
        "👍🏽",
        "❤",
        "❤️",
        "👩🏽‍❤️‍💋‍👨🏿",
        "👨‍👩‍👧‍👦",
        "🏳️‍🌈",
        "🇭🇺",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "#️⃣",
        "1⃣",
        "☺️",
        "©",
        "🫠",
        "🟰",
    ],
)
def test_an_emoji_may_be_a_reaction(emoji: str) -> None:
    """Single characters, with presentation and skin tone, joined ones, keycaps and flags."""
    text.check_emoji(emoji)


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "a",
        "1",
        "#",
        " ",
        "👍 ",
        "👍👍",
        "👍a",
        "\u200d",
        "👍\u200d",
        "\u200d👍",
        "\ufe0f",
        "🏽👍",
        "🇭",
        "🇭🇺🇭",
        "\u202e👍",
        "👍\u200b",
        "\ud83d",
        "─",
        "á",
        "漢",
        "👩" + "‍👩" * 8,
    ],
)
def test_what_is_not_one_emoji_is_no_reaction(raw: str) -> None:
    """Letters, digits, several emoji, joiners at an end, and invisible characters."""
    with pytest.raises(ChatError) as caught:
        text.check_emoji(raw)
    assert caught.value.code == "reactionInvalid"


@given(ANY_TEXT)
def test_a_reaction_never_holds_letters_or_controls(raw: str) -> None:
    """Whatever passes is symbols, joiners, and the digits and signs of keycaps."""
    try:
        text.check_emoji(raw)
    except ChatError:
        return
    assert not any(unicodedata.category(char) in {"Cc", "Cs", "Lu", "Lo", "Zs"} for char in raw)
