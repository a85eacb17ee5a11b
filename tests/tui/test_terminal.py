"""The program itself in a real terminal: typing, raw bytes, hang-up, kill -9, crash, and what it leaves behind."""

import io
import re
import signal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from chatproto.models import (
    Chat,
    ChatChanged,
    ChatCreated,
    FileInfo,
    Forwarded,
    LogEvent,
    MembersChanged,
    Reaction,
    User,
)
from chatterm.client.model import Account
from chatterm.client.outbox import Outbox
from chatterm.client.paths import account_files
from chatterm.tui import main
from tests.support.client import at_home
from tests.support.terminal import chatterm, kill, terminal
from tests.support.tui import BELA, GARDEN, NOW, WITH_BELA, direct_chat, fill_cache, message

HOSTILE = "\x1b]52;c;aGFja2Vk\x07\x1b[31m\x9b5m\u202erlo\u200b[/] [bold]x[/bold]\r\n\x07end"
"""What a bad server may put into any field: clipboard write, colours, C1, bidi override, markup, line ends."""

TRICKS = (
    "\n[a](https://x.org/\x1b]52;c;aGFja2Vk\x07) [b](https://x.org/\u202e) <https://y.org/\x9b5m> **\x1b[5m** `\x07`"
    "\n```py\x1b[5m\nx = '\x1b[5m\u202e'\n```\n> \x9b5m\n- \x1b[5m\n[ok](https://z.org/a)"
)
"""And behind what Markdown may make of it."""


def queued(home: Path, account: Account) -> list[str]:
    with at_home(home):
        outbox = Outbox.open(account_files(account.key).outbox)
    texts = [row.text for row in outbox.rows()]
    outbox.close()
    return texts


async def test_it_starts_types_queues_and_quits(home: Path, account: Account) -> None:
    """From exec to exit code 0, with the server unreachable; the terminal is left as it was."""
    fill_cache(home, account, **direct_chat("hello from the cache"))
    async with chatterm(home) as tty:
        await tty.sees("hello from the cache", "Write to Béla", "offline since")
        tty.type("typed for real")
        await tty.sees("typed for real")
        tty.type("\x1b\rsecond line\r")
        await tty.sees("1 queued", "second line")
        tty.type("\x11")
        assert await tty.exit_code() == 0
        for mode in ("1049", "2004", "1000", "1003", "1004"):
            assert tty.raw.rindex(f"\x1b[?{mode}l".encode()) > tty.raw.rindex(f"\x1b[?{mode}h".encode())
        assert tty.raw.rindex(b"\x1b[?25h") > tty.raw.rindex(b"\x1b[?25l")
    assert queued(home, account) == ["typed for real\nsecond line"]


async def test_a_paste_with_terminal_codes_and_line_ends_is_text(home: Path, account: Account) -> None:
    """It sends nothing by itself and presses no keys: the whole text stands in the composer."""
    fill_cache(home, account, **direct_chat("hello"))
    async with chatterm(home) as tty:
        await tty.sees("Write to Béla")
        tty.type("\x1b[200~\x1b[31mpasted\x1b[0m line one\rline two\r" + "x" * 60 + "\x11last\x1b[201~")
        await tty.sees("pasted line one", "line two", "last")
        assert tty.process.returncode is None
        tty.type("\r")
        await tty.sees("1 queued")
    [text] = queued(home, account)
    assert text == "pasted line one\nline two\n" + "x" * 60 + "last"


async def test_columns_stay_in_place_whatever_the_terminal_takes_emoji_and_scripts_for(
    home: Path, account: Account
) -> None:
    """The one of the tests gives a variation selector no cell, as several do; marks at the right stay all the same."""
    fill_cache(home, account, **direct_chat("hello", "plain words", "hm", "❤️ 👍🏽 🇭🇺 1️⃣ नमस्ते 👩‍🌾 words"))
    async with chatterm(home) as tty:
        await tty.sees("plain words", "hm", "नम")

        def column(row: int, sign: str) -> int:
            return next(x for x in range(100) if tty.cell(row, x) == sign)

        rows = tty.text.split("\n")
        plain, special = (next(y for y, row in enumerate(rows) if text in row) for text in ("plain words", "नम"))
        assert column(special, "✓") == column(plain, "✓")
        tty.type("❤️❤️ typed")
        await tty.sees("typed")
        row = next(y for y, row in enumerate(tty.text.split("\n")) if "typed" in row)
        edges = [x for x in range(100) if tty.cell(row, x) == "│"]
        above = [x for x in range(100) if tty.cell(row - 1, x) in "╭╮"]
        assert edges == above


async def test_hostile_text_in_every_field_never_reaches_the_terminal(home: Path, account: Account) -> None:
    """Names, titles, messages and the window's title: not one control character of theirs in the raw output."""
    users = [
        User(id=BELA.id, email="bela@example.org", display_name=HOSTILE, rev=2, status=HOSTILE),
        User(id=3, email="\x1b]0;mail\x07@example.org", display_name="\x1b[5mCsilla", rev=3),
    ]
    log = [message(WITH_BELA, 1, BELA.id, HOSTILE + TRICKS, NOW), message(WITH_BELA, 2, BELA.id, "innocent", NOW + 1)]
    full = replace(
        message(GARDEN, 4, BELA.id, HOSTILE, NOW - 1),
        reply_to=3,
        files=[FileInfo(id=1, name=HOSTILE, size=5, media_type=HOSTILE)],
        reactions=[Reaction(emoji=HOSTILE, user_ids=[BELA.id])],
        forwarded=Forwarded(sender_id=BELA.id, at=1),
        edited_at=NOW,
    )
    place: dict[str, Any] = {"at": NOW - 1, "sender_id": BELA.id}
    garden: list[LogEvent] = [
        ChatCreated(id=f"{GARDEN}.1", seq=1, title=HOSTILE, member_ids=[1, BELA.id], **place),
        ChatChanged(id=f"{GARDEN}.2", seq=2, title=HOSTILE, topic=HOSTILE, **place),
        message(GARDEN, 3, BELA.id, HOSTILE, NOW - 1),
        full,
        MembersChanged(id=f"{GARDEN}.5", seq=5, added=[3], owner_id=BELA.id, **place),
    ]
    fill_cache(
        home,
        account,
        users=users,
        chats=[
            Chat(id=WITH_BELA, kind="direct", peer_id=BELA.id, member_count=2, head=2, head_at=NOW + 1),
            Chat(id=GARDEN, kind="group", title=HOSTILE, topic=HOSTILE, member_count=2, head_at=NOW - 1),
        ],
        events=[(WITH_BELA, log), (GARDEN, garden)],
    )
    async with chatterm(home) as tty:
        await tty.sees("innocent")
        tty.type("\x1b[1;3B")
        await tty.sees("3 members", "↪ from", "│ ", "▤ ", "5 bytes", "(edited)", "set the topic", "now belongs to")
        tty.type("\x0b")
        await tty.sees("Enter choose")
        tty.type("csilla\r")
        await tty.sees("Write to ␛[5mCsilla")  # what is to be seen, as a half drawn frame lacks anything
        tty.type("\x1bOP")
        await tty.until(lambda: "Find a person or group" in tty.text and "Write to" not in tty.text)
        tty.type("\x1b")
        await tty.sees("Write to ␛[5mCsilla")
        raw = bytes(tty.raw).decode("utf-8", "replace")
        tty.type("\x11")
        assert await tty.exit_code() == 0
    assert "]52;c;" in raw  # it is shown, with a picture in place of the ESC
    assert not re.search("\x1b\\]52|\x1b\\[5m|\x9b|[\u202e\u200b]", raw)
    links = re.findall("\x1b\\]8;([^\x1b]*)\x1b\\\\", raw)
    assert "https://z.org/a" in {link.partition(";")[2] for link in links}
    assert all(link.isascii() and link.isprintable() for link in links)
    titles = re.findall("\x1b\\]0;([^\x07\x1b]*)", raw)
    assert titles
    assert all(title.isprintable() for title in titles)
    assert "\x07" not in re.sub("\x1b\\][^\x07\x1b]*\x07", "", raw)


async def test_kill_9_loses_neither_queue_nor_draft(home: Path, account: Account) -> None:
    fill_cache(home, account, **direct_chat("hello"))
    async with chatterm(home) as tty:
        await tty.sees("Write to Béla")
        tty.type("queued before the kill\r")
        await tty.sees("1 queued")
        tty.type("draft before the kill")
        await tty.sees("draft before the kill")
        with at_home(home):
            path = account_files(account.key).folder / "interface.db-wal"
        await tty.until(lambda: b"draft before the kill" in path.read_bytes())
        kill(tty.process)
        assert await tty.exit_code() == -signal.SIGKILL
    async with chatterm(home) as tty:
        await tty.sees("queued before the kill", "1 queued", "draft before the kill")
    assert queued(home, account) == ["queued before the kill"]


@pytest.mark.parametrize("controlling", [True, False], ids=["signal", "end of input"])
async def test_it_ends_when_its_terminal_goes_away(home: Path, account: Account, controlling: bool) -> None:
    """Closing the window ends the process instead of leaving it spinning; the draft is kept."""
    fill_cache(home, account, **direct_chat("hello"))
    async with chatterm(home, controlling=controlling) as tty:
        await tty.sees("Write to Béla")
        tty.type("half")
        await tty.sees("half")
        tty.hang_up()
        assert await tty.exit_code() != 0
    async with chatterm(home) as tty:
        await tty.sees("half")


async def test_sigterm_ends_it_in_order(home: Path, account: Account) -> None:
    async with chatterm(home) as tty:
        await tty.sees("Choose somebody")
        tty.process.terminate()
        assert await tty.exit_code() == 128 + signal.SIGTERM
        assert b"\x1b[?1049l" in tty.raw


async def test_the_size_of_the_window_is_followed(home: Path, account: Account) -> None:
    fill_cache(home, account, **direct_chat("hello there"))
    async with chatterm(home) as tty:
        await tty.sees("Csilla", "hello there")
        tty.resize(50, 15)
        await tty.until(lambda: "Csilla" not in tty.text and "hello there" in tty.text)
        tty.resize(140, 40)
        await tty.sees("Csilla", "hello there")


async def test_ctrl_l_repairs_a_screen_that_others_wrote_on(home: Path, account: Account) -> None:
    fill_cache(home, account, **direct_chat("hello there"))
    async with chatterm(home) as tty:
        await tty.sees("hello there", "offline since")
        tty.scribble("\x1b[Hgarbage from another program")
        assert "garbage" in tty.text
        tty.type("\x0c")
        await tty.until(lambda: "garbage" not in tty.text and "hello there" in tty.text)


async def test_without_an_account_it_asks_for_one_and_can_be_left(home: Path) -> None:
    """Also where nothing was ever written, and there is no folder yet."""
    async with chatterm(home) as tty:
        await tty.sees("Welcome to chatterm", "Server", "Email", "Password", "Register")
        tty.type("\x1b")
        assert await tty.exit_code() == 3


async def test_a_crash_is_one_line_with_the_place_of_the_report(home: Path, account: Account) -> None:
    """No traceback with other people's text on the terminal; the terminal is sane; the report is private."""
    fill_cache(home, account, **direct_chat("a secret text"))
    code = (
        "import sys\n"
        "from chatterm.tui import main, status\n"
        "def broken(self):\n"
        "    raise RuntimeError('bro\\x1b[31mken')\n"
        "status.StatusLine.on_mount = broken\n"
        "sys.exit(main.run())\n"
    )
    async with terminal("-c", code, environment={"CHATTERM_HOME": str(home), "PATH": "/usr/bin:/bin"}) as tty:
        assert await tty.exit_code() == 1
        await tty.sees("chatterm met an error and had to stop: RuntimeError: bro␛[31mken", "The report is")
        assert b"\x1b[?1049l" in tty.raw
        assert "Traceback" not in tty.text
    with at_home(home):
        [report] = account_files(account.key).folder.glob("crash-*.txt")
    assert report.stat().st_mode & 0o777 == 0o600
    assert "RuntimeError" in report.read_text()
    assert "a secret text" not in report.read_text()


@pytest.mark.parametrize(
    ("told", "streams"), [("without '2>'", {"stdin": True}), ("needs a terminal. In scripts", {"stdin": False})]
)
def test_without_a_terminal_to_draw_on_it_says_which_stream_is_meant(
    told: str, streams: dict[str, bool], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", stream_that_is(streams["stdin"]))
    assert main.run() == 2
    assert told in capsys.readouterr().err


def stream_that_is(is_terminal: bool) -> io.StringIO:
    """A stream that says whether it is a terminal."""
    stream = io.StringIO()
    stream.isatty = lambda: is_terminal  # type: ignore[method-assign]  # a stand-in for a stream of the process
    return stream
