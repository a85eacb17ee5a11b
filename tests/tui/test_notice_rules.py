"""What is worth telling, when, and in which words: the rules as tables."""

import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatterm.client.settings import Notifications
from chatterm.tui.notices import desktop, sequences
from chatterm.tui.notices.gathering import CHAT_EVERY_S, TOLD_MAX, WINDOW_S, Gathering, Item, Told
from chatterm.tui.notices.rules import FOR_EVER, News, Unread, in_quiet_hours, is_worth_telling, missed, quiet_until

ALL = Notifications(groups="all")
MENTIONS = Notifications()
NONE = Notifications(direct=False, groups="none")
DIRECT = News(direct=True)
GROUP = News()


@pytest.mark.parametrize(
    ("news", "told"),
    [  # with groups = all, mentions, none
        (DIRECT, (True, True, False)),
        (GROUP, (True, False, False)),
        (News(named=True), (True, True, False)),
        (News(everybody=True), (True, True, False)),
        (News(answers=True), (True, True, False)),
        (News(own=True, named=True), (False, False, False)),
        (News(seen=True, direct=True), (False, False, False)),
        (News(muted=True, direct=True), (False, False, False)),
        (News(muted=True), (False, False, False)),
        (News(muted=True, everybody=True), (False, False, False)),
        (News(muted=True, answers=True), (False, False, False)),
        (News(muted=True, named=True), (True, True, True)),
        (News(reaction=True, direct=True), (True, True, False)),
        (News(reaction=True), (True, False, False)),
        (News(reaction=True, muted=True), (False, False, False)),
    ],
)
def test_what_is_told(news: News, told: tuple[bool, bool, bool]) -> None:
    """Direct messages, mentions and answers by default; of muted chats only what names the user; never one's own."""
    assert tuple(is_worth_telling(news, chosen, disturb=True) for chosen in (ALL, MENTIONS, NONE)) == told
    assert not any(is_worth_telling(news, chosen, disturb=False) for chosen in (ALL, MENTIONS, NONE))


def test_what_was_missed_is_summed_up_by_the_same_rules() -> None:
    """Only what has become unread; groups by choice; of muted chats what mentions; never what was read meanwhile."""
    before = {1: Unread(3, 0, True, False), 2: Unread(9, 1, False, False), 5: Unread(4, 0, True, False)}
    now = {
        1: Unread(5, 0, True, False),
        2: Unread(20, 3, False, False),
        3: Unread(7, 0, False, False),
        4: Unread(8, 1, False, True),
        5: Unread(4, 0, True, False),
        6: Unread(2, 0, True, True),
    }
    assert missed(before, now, MENTIONS) == (2 + 2 + 1, 3, True)
    assert missed(before, now, ALL) == (2 + 11 + 7 + 1, 4, True)
    assert missed(before, now, NONE) == (1, 1, True)
    assert missed(now, now, ALL) == (0, 0, False)


@pytest.mark.parametrize(
    ("wanted", "until"),
    [
        ("30m", 1_800),
        ("2h", 7_200),
        ("for 1d", 86_400),
        ("until 18:00", 6 * 3_600),
        ("12:00", 86_400),
        ("11:59", 86_340),
        ("off", 0),
        ("", FOR_EVER),
        ("25:00", None),
        ("0m", None),
        ("soon", None),
    ],
)
def test_how_long_not_to_disturb(wanted: str, until: float | None) -> None:
    """At noon: durations, the next such time of day, on, off; anything else is not understood."""
    noon = 1_000 * 86_400.0
    expected = until if until in (None, 0, FOR_EVER) else noon + (until or 0)
    assert quiet_until(wanted, noon, 12 * 60) == expected


@pytest.mark.parametrize(
    ("hours", "quiet"),
    [("22:00-07:00", {0, 419, 1320}), ("07:00-22:00", {420, 1319}), ("", set()), ("nonsense", set())],
)
def test_quiet_hours_also_over_midnight(hours: str, quiet: set[int]) -> None:
    assert {minute for minute in (0, 419, 420, 1319, 1320) if in_quiet_hours(hours, minute)} == quiet


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def item(chat_id: int, text: str = "hello", *, urgent: bool = False) -> Item:
    return Item(chat_id, f"chat {chat_id}", "Béla", text, urgent)


def test_the_first_message_of_a_chat_is_told_at_once_and_the_next_ones_together() -> None:
    clock = Clock()
    gathering = Gathering(clock)
    gathering.add(item(1))
    assert gathering.due_in == 0
    assert gathering.take() == [Told(1, "Béla in chat 1", "hello", 1)]
    for number in range(3):
        gathering.add(item(1, f"more {number}", urgent=number == 1))
    assert gathering.take() == []
    assert gathering.due_in == pytest.approx(CHAT_EVERY_S)
    clock.now += CHAT_EVERY_S
    assert gathering.take() == [Told(1, "chat 1", "3 new messages, the last: more 2", 3, urgent=True)]
    assert gathering.due_in is None


def test_a_flood_becomes_one_summary() -> None:
    """However many chats talk, a few notices in ten seconds; and what was read meanwhile is not among them."""
    clock = Clock()
    gathering = Gathering(clock)
    made = 0
    for second in range(60):
        for chat_id in range(200):
            gathering.add(item(chat_id, urgent=chat_id == 7))
        told = gathering.take()
        made += len(told)
        assert not told or told[0].chat_id is None
        assert not told or told[0].urgent
        clock.now = 101.0 + second
    assert 0 < made <= TOLD_MAX * (60 / WINDOW_S + 1)
    clock.now += WINDOW_S
    gathering.clear()
    for chat_id in range(3):
        gathering.add(item(chat_id))
    gathering.forget(1)
    assert [told.chat_id for told in gathering.take()] == [0, 2]


HOSTILE = st.text(st.sampled_from("\x1b\x07\x9c\x9d\x00\n\r\t;]\\P9a:é\u202e\u2028<&-'\"$`|")) | st.text(max_size=300)


@given(
    HOSTILE, HOSTILE, st.sampled_from(["osc9", "osc777", "osc99"]), st.sampled_from([{}, {"TMUX": "x"}, {"STY": "x"}])
)
def test_nothing_in_a_notification_can_end_it_or_be_a_command(
    title: str, body: str, means: sequences.Means, around: Mapping[str, str]
) -> None:
    """Between a sequence's own beginning and end are printable characters only, whatever others are called and say."""
    made = sequences.passed_through(sequences.notification(means, title, body, 5), around)
    inner = made
    if around and made:
        begin = "\x1bPtmux;" if "TMUX" in around else "\x1bP"
        assert made.startswith(begin)
        assert made.endswith("\x1b\\")
        inner = made[len(begin) : -2].replace("\x1b\x1b", "\x1b")
    bodies = {
        "osc9": r"\x1b\]9;(?!\d)[^\x00-\x1f\x7f-\x9f]*\x07",
        "osc777": r"\x1b\]777;notify;[^\x00-\x1f\x7f-\x9f;]*;[^\x00-\x1f\x7f-\x9f;]*\x07",
        "osc99": r"(\x1b\]99;i=chatterm5:d=[01]:e=1:[a-z=]+;[A-Za-z0-9+/=]*\x1b\\){2}",
    }
    assert made == "" or re.fullmatch(bodies[means], inner)
    assert len(made) < 2_000
    if means == "osc99" and not around:
        payload = b64decode(made.split(";")[2].partition("\x1b")[0]).decode()
        assert all(ord(char) >= 0x20 and not 0x7F <= ord(char) < 0xA0 for char in payload)


@given(HOSTILE, HOSTILE, st.sampled_from(["/usr/bin/notify-send", "/usr/bin/osascript", "/opt/terminal-notifier"]))
def test_no_text_is_an_option_markup_or_shell_for_the_desktop(title: str, body: str, tool: str) -> None:
    made = desktop.command(tool, title, body)
    assert made.arguments[0] == tool
    assert not any(char < " " for argument in (*made.arguments, made.text) for char in argument)
    if "notify-send" in tool:
        assert made.arguments[2] == "--"
        assert len(made.arguments) == 5
        assert "<" not in made.arguments[4]
    elif "osascript" in tool:
        assert made.arguments[-3] == "chatterm"
        assert made.arguments[1:7] == desktop.command(tool, "", "").arguments[1:7]
    else:
        assert made.arguments == desktop.command(tool, "", "").arguments


@pytest.mark.parametrize(
    ("environment", "means"),
    [
        ({"TERM": "xterm-kitty"}, "osc99"),
        ({"TERM": "screen-256color", "KITTY_WINDOW_ID": "1"}, "osc99"),
        ({"TERM_PROGRAM": "iTerm.app"}, "osc9"),
        ({"TERM": "foot"}, "osc777"),
        ({"TERM": "xterm-256color"}, "off"),
        ({}, "off"),
    ],
)
def test_the_terminal_is_known_by_its_environment(environment: Mapping[str, str], means: str) -> None:
    assert sequences.understood(environment) == means


def test_a_desktop_is_one_that_somebody_sits_at() -> None:
    """None over SSH, none without a display or tool."""
    path = {"PATH": "/nowhere"}
    assert desktop.found_tool({**path, "DISPLAY": ":0"}, "linux") is None
    assert desktop.found_tool({"PATH": "/bin:/usr/bin", "DISPLAY": ":0", "SSH_TTY": "x"}, "linux") is None
    assert desktop.found_tool({"PATH": "/bin:/usr/bin"}, "linux") is None
