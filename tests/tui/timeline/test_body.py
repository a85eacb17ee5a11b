"""Texts of messages on the screen: as wide as they claim, safe whatever they hold, and drawn as what they mean."""

import unicodedata
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.cells import cell_len
from rich.style import Style
from textual.geometry import Offset
from textual.selection import Selection
from textual.strip import Strip

from chatproto.models import FileInfo, Forwarded, Message, Reaction
from chatproto.text import terminal_safe
from chatterm.bench.data import OWN_ID, message
from chatterm.client.model import Target
from chatterm.tui.timeline.body import Bodies
from chatterm.tui.timeline.builder import Builder
from chatterm.tui.timeline.items import Columns, Item, Kind
from chatterm.tui.timeline.localtime import LocalTime
from chatterm.tui.timeline.paint import LEFT_TO_RIGHT_MARK, STYLES, Painter
from chatterm.tui.timeline.selection import Place
from tests.tui.timeline.world import TimelineApp, World, until

DAYS = LocalTime(UTC, lambda: 1_600_000_000.0)
FAMILY = "👩\u200d👩\u200d👧"
SCRIPTS = {
    "Hebrew": "שלום, נפגש ב-12:30 ליד **העץ**?",
    "Arabic": "مرحبا، نلتقي *غدا* عند الساعة 9",
    "Chinese": "我们**星期五**种苹果树，好吗？`代码`",
    "Korean": "금요일에 **사과나무**를 심을까요?",
    "Hindi": "क्या हम **शुक्रवार** को पेड़ लगाएँ?",
    "Thai": "เราจะปลูก**ต้นแอปเปิล**วันศุกร์ไหม",
    "emoji": f"{FAMILY} 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
    f" 🇭🇺 👍🏽 ❤\ufe0f **{FAMILY}** 1\ufe0f\u20e3",
    "combining": "e\u0301 **a\u0308\u0323**\u0301 n\u0303",
}
SIGNS = st.sampled_from(
    [
        *"*_~`[]()<>#@|:/. \n-+1x\t\x1b\x07\x9b\u202e\u2066\u200b\u200d\ufe0f\u0301\u00ad\x00\r",
        *("**", "```", "](", "https://a.bc/\x1b]8;;", "> ", "- ", "漢字", FAMILY, "🇭🇺", "שלום 12", "مرحبا"),
        *("```p\x1b[31my\nx = 1 # 漢\u202e\n```\n", "[a](https://x.org/\u202e\x07)", "@Bé", "\x1b]52;c;AA\x07"),
    ]
)
HOSTILE = st.lists(SIGNS, max_size=25).map("".join) | st.text(max_size=40)


def painter(highlight: Any = None, names: Any = lambda user_id: "Béla") -> Painter:
    styles = {name: Style(bold=True, bgcolor="#111111") for name in STYLES}
    return Painter(
        styles,
        Style(bgcolor="#000000"),
        DAYS,
        names=names,
        own_id=OWN_ID,
        unread_text="",
        hole_around=lambda first, last: (first, last),
        hint="",
        highlight=highlight,
    )


def laid_out(source: Message, width: int, *, markdown: bool = True) -> Item:
    bodies = Bodies(OWN_ID, lambda user_id: "Béla", markdown=markdown)
    item = Builder(Columns.of(width), DAYS, OWN_ID, None, bodies).event(None, source, {})
    assert item is not None
    return item


def every_character(code: str, language: str) -> list[tuple[int, int, str]]:
    """The worst that highlighting may give: every character a token of its own."""
    return [(place, place + 1, "code-string") for place in range(len(code))]


def check_safe(strip: Strip) -> None:
    """Nothing that a terminal obeys or that reorders text, but our own mark, which takes no cell."""
    for text, style, control in strip:
        assert control is None
        if text != LEFT_TO_RIGHT_MARK:
            assert terminal_safe(text) == text
        link = style.link if style else None
        assert link is None or (
            link.isascii() and link.isprintable() and link.split(":")[0] in ("http", "https", "mailto")
        )


@settings(max_examples=150)
@given(st.data())
def test_whatever_others_set_every_line_is_safe_and_as_wide_as_the_view(data: st.DataObject) -> None:
    """Text, file names, media types, reactions, a language of code, a link's target."""
    text = data.draw(HOSTILE)
    width = data.draw(st.integers(10, 60))
    file = FileInfo(id=1, name=data.draw(HOSTILE), size=1, media_type=data.draw(HOSTILE), width=3, height=2)
    source = replace(
        message(2, text, OWN_ID),
        mentions=[2],
        files=[file] if data.draw(st.booleans()) else [],
        reactions=[Reaction(emoji=data.draw(HOSTILE), user_ids=[1])],
        forwarded=Forwarded(sender_id=2, at=1),
    )
    columns = Columns.of(width)
    item = laid_out(source, width, markdown=data.draw(st.booleans()))
    for line, (kind, *_) in enumerate(item.lines):
        assert kind is not Kind.ERROR
        strip = painter(every_character).strip(item, line, columns)
        assert "cannot be shown" not in strip.text
        assert strip.cell_length == width
        assert sum(cell_len(segment.text) for segment in strip) == width
        check_safe(strip)


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_keeps_its_columns(script: str) -> None:
    """Each line takes just the width of the view, also where a style begins within what is one character."""
    source = message(2, SCRIPTS[script] * 4, OWN_ID)
    for width in (12, 23, 80):
        item = laid_out(source, width)
        for line in range(len(item.lines)):
            strip = painter().strip(item, line, Columns.of(width))
            assert sum(cell_len(segment.text) for segment in strip) == width == strip.cell_length
            check_safe(strip)


def test_text_from_right_to_left_is_kept_apart_from_what_follows() -> None:
    """A mark without width stands between it and the time, so that no terminal draws the time into the text."""
    item = laid_out(message(2, SCRIPTS["Hebrew"], OWN_ID), 60)
    strip = painter(names=lambda user_id: "אבג").strip(item, item.lead, Columns.of(60))
    at = strip.text.index(LEFT_TO_RIGHT_MARK)
    assert unicodedata.bidirectional(strip.text[:at].rstrip()[-2]) == "R"
    assert not any(unicodedata.bidirectional(character) == "R" for character in strip.text[at:])
    other = laid_out(message(2, "**hello** 12:30", OWN_ID), 60)
    assert LEFT_TO_RIGHT_MARK not in painter().strip(other, other.lead, Columns.of(60)).text


def rows(app: TimelineApp) -> list[str]:
    return [text for line in app.lines() if (text := line.rstrip(" ✓"))]


MARKED = """\
# Plan
**Bold** and [tulips](https://tulips.example/a), ~~frost~~
- spades
- compost
> nobody said that
```python
print("hi")  # a long comment that does not fit
```"""


async def test_markdown_in_the_running_view(world: World) -> None:
    """Drawn as what it means, switched to its source at once and back, with every line where it belongs."""
    world.store([message(1, MARKED, OWN_ID)], seen=True)
    app = TimelineApp(world)
    async with app.run_test(size=(44, 20)):
        shown = [row.strip() for row in rows(app)[2:]]
        assert shown[:5] == ["Plan", "Bold and tulips, frost", "• spades", "• compost", "▎ nobody said that"]
        assert shown[5:] == ['print("hi")  # a long comment', "that does not fit"]
        first = next(strip for strip in app.timeline.render_lines(app.timeline.size.region) if "tulips" in strip.text)
        styles = {segment.text: segment.style for segment in first if segment.style}
        assert styles["Bold"].bold
        assert styles["frost"].strike
        assert styles["tulips"].link == "https://tulips.example/a"
        app.timeline.look(markdown=False, images="off")
        assert "**Bold** and" in app.text()
        assert "[tulips](" in app.text()
        app.timeline.look(markdown=True, images="off")
        assert [row.strip() for row in rows(app)[2:]] == shown


async def test_what_is_copied_is_what_is_shown_whole(world: World) -> None:
    """Bullets and bars once each, code as it is, wrapped lines as one."""
    world.store([message(1, MARKED, OWN_ID)], seen=True)
    app = TimelineApp(world)
    async with app.run_test(size=(44, 20)):
        width = app.timeline.size.width
        lead = 3
        whole = Selection(Offset(0, Place(1, lead).y), Offset(width, Place(1, lead + 7).y))
        assert app.timeline.get_selection(whole) == (
            "Plan\nBold and tulips, frost\n• spades\n• compost\n▎ nobody said that\n"
            'print("hi")  # a long comment that does not fit',
            "\n",
        )
        part = Selection(Offset(7, Place(1, lead + 2).y), Offset(7, Place(1, lead + 4).y))
        assert app.timeline.get_selection(part) == ("ades\n• compost\n▎ no", "\n")


async def test_mentions_and_actions_follow_the_names_of_people(world: World) -> None:
    """An own mention is reversed, not only coloured; an action is told with its author's name as it is now."""
    from chatproto.models import User  # noqa: PLC0415 - only here

    hello = replace(message(1, "hello @anna and @Béla", 3), mentions=[OWN_ID, 2])
    world.store([hello, message(2, "/me waves", 2)], seen=True)
    app = TimelineApp(world)
    async with app.run_test(size=(60, 12)) as pilot:
        strip = next(strip for strip in app.timeline.render_lines(app.timeline.size.region) if "hello" in strip.text)
        styles = {segment.text: segment.style for segment in strip if segment.style}
        assert styles["@anna"].reverse
        assert styles["@Béla"].bold
        assert "* Béla waves" in app.text()
        world.cache.store_users([User(id=2, email="2@example.org", display_name="Béla the Great", rev=99)])
        app.timeline.users_changed()
        await until(pilot, lambda: "* Béla the Great waves" in app.text(), "the new name is told")


async def test_a_quote_shows_the_words_of_what_is_answered(world: World) -> None:
    """Without the marks of its Markdown, from whatever block comes first."""
    quoted = [
        "**Friday** or [Saturday](https://x.org/a)?\nmore",
        "```python\nx = 1\n```",
        "> said\nby you",
        "/me waves",
    ]
    answers = [replace(message(number + 5, "yes"), reply_to=number) for number in (1, 2, 3, 4)]
    world.store([*(message(seq, text) for seq, text in enumerate(quoted, 1)), *answers], seen=True)
    app = TimelineApp(world)
    async with app.run_test(size=(60, 40)):
        shown = [row.partition(": ")[2] for row in rows(app) if "│" in row]
    assert shown == ["Friday or Saturday?", "x = 1", "said", "* waves"]


async def test_an_unsent_message_is_drawn_like_a_sent_one(world: World) -> None:
    """Nothing moves when it arrives."""
    world.outbox.append(Target(chat_id=7), "**soon**")
    app = TimelineApp(world)
    async with app.run_test(size=(60, 12)):
        assert "soon" in app.text()
        assert "**" not in app.text()
