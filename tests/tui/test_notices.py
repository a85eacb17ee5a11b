"""News in conversations that nobody looks at, in the real app with a real server, and in a real terminal."""

import asyncio
import contextlib
import re
from pathlib import Path

import pytest
from msgspec.structs import replace
from textual import events

from chatterm.client.model import EntryRef, Link
from chatterm.client.settings import Notifications, Settings
from chatterm.tui.notices.desktop import Desktop
from chatterm.tui.notices.notifier import Notifier
from chatterm.tui.notices.toast import NewsToast
from chatterm.tui.window import Window
from tests.support.client import sign_in
from tests.support.server import RunningServer, outgoing
from tests.support.terminal import terminal
from tests.support.tui import Desk, running_app

HOSTILE = "\x1b]52;c;aGFja2Vk\x07\x1b[31m\x9b5m\x9d0;owned\x9c\u202erlo\u200b[/] ;9;\x1b\\\r\n\x07"


def notifier_of(desk: Desk) -> Notifier:
    assert desk.app.notifier is not None
    return desk.app.notifier


def toasts(desk: Desk) -> list[str]:
    return [f"{each._title} | {each._body}" for each in desk.app.screen.query(NewsToast)]


async def test_news_of_other_chats_are_told_and_a_click_opens_them(
    server: RunningServer, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By toast while one is there, outside the window while not; muted, quiet and own messages are not told."""
    written: list[str] = []
    monkeypatch.setattr("chatterm.tui.notices.gathering.CHAT_EVERY_S", 0.2)
    monkeypatch.setattr(Window, "write", lambda _, sequence: written.append(sequence))
    anna, ben, cleo = await server.person("Anna"), await server.person("Ben"), await server.person("Cleo")
    with_ben, with_cleo = await anna.direct(ben), await anna.direct(cleo)
    group = await ben.group("Garden", anna, cleo)
    async with ben.socket() as ben_says, cleo.socket() as cleo_says:
        await ben_says.say(with_ben, "before anybody was there")
        await ben_says.say(with_ben, "and another one")
        await cleo_says.say(with_cleo, "the newest, so it is on screen")
        async with running_app(home, sign_in(home, anna), size=(100, 30)) as desk:
            await desk.until(lambda: desk.engine.status.link is Link.ONLINE)
            await desk.until(lambda: EntryRef("chat", with_ben.id) in desk.screen.sidebar.list.roster.news.unread)
            await desk.sees("the newest, so it is on screen")
            assert toasts(desk) == []
            notifier_of(desk)._settled()
            await desk.until(lambda: toasts(desk) == ["chatterm | 2 new messages in 1 chat"])
            [toast] = desk.app.screen.query(NewsToast)
            toast.close()
            await desk.until(lambda: not toasts(desk))

            await ben_says.say(with_ben, "hello Anna")
            await desk.until(lambda: toasts(desk) == ["Ben | hello Anna"])
            await cleo_says.say(with_cleo, "in sight, so no news")
            await ben_says.say(group, "nobody is named")
            await ben_says.send_messages(replace(outgoing("Anna!", chat_id=group.id), mentions=[anna.id]))
            await desk.until(lambda: toasts(desk) == ["Ben in Garden | Anna!"])
            [toast] = desk.app.screen.query(NewsToast)
            assert not toast.region.overlaps(desk.screen.sidebar.region), "the list that shows the news is covered"
            desk.screen.tell("Saved somewhere.")
            await desk.until(lambda: desk.app.screen.query("Toast"))
            await desk.until(lambda: desk.app.screen.query("Toast").first().region.height)
            assert not toast.region.overlaps(desk.app.screen.query("Toast").first().region)
            desk.app.clear_notifications()
            await desk.until(lambda: any("]0;(@1 2) Cleo" in sequence for sequence in written))
            assert await desk.pilot.click(NewsToast)
            await desk.until(lambda: desk.screen.conversation.ref == EntryRef("chat", group.id))
            await desk.until(lambda: not toasts(desk))
            assert not any("\x1b]777" in sequence or sequence == "\x07" for sequence in written)

            dora = await server.person("Dora")
            async with dora.socket() as dora_says:
                await desk.press("ctrl+f")
                await dora_says.say(await dora.direct(anna), "you do not know me")
                await desk.until(lambda: toasts(desk) == ["Dora | you do not know me"])
                assert await desk.pilot.click(NewsToast)
                await desk.until(lambda: desk.app.screen is desk.screen and not toasts(desk))
                await desk.sees("you do not know me")

            desk.app.change_settings(Settings(notifications=Notifications(bell=True, terminal="osc777")))
            desk.app.post_message(events.AppBlur())
            await desk.until(lambda: not desk.app.app_focus)
            await cleo_says.say(with_cleo, "are you there?")
            await desk.until(lambda: "\x1b]777;notify;Cleo;are you there?\x07" in written)
            assert "\x07" in written
            assert toasts(desk) == []
            desk.app.change_settings(Settings(notifications=Notifications(terminal="osc99", show_text=False)))
            await cleo_says.send_messages(replace(outgoing("secret", chat_id=group.id), mentions=[anna.id]))
            await desk.until(lambda: any("]99;" in sequence for sequence in written))
            assert not any("secret" in sequence for sequence in written)
            await desk.engine.mark_seen(group.id, desk.engine.cache.head(group.id))
            await desk.until(lambda: any("p=close" in sequence for sequence in written))

            desk.app.post_message(events.AppFocus())
            desk.screen.perform("dnd", "1h")
            await desk.sees("☾ do not disturb until")
            await ben_says.say(with_ben, "not now")
            await desk.until(lambda: desk.engine.cache.head(with_ben.id) == 4)
            await desk.pilot.pause(0.2)
            assert toasts(desk) == []
            desk.screen.perform("dnd", "off")
            await desk.until(lambda: "do not disturb" not in desk.rows[-1])


async def test_nothing_that_others_write_ends_a_notification_in_a_real_terminal(
    server: RunningServer, home: Path
) -> None:
    """Title, bell and notification reach the terminal whole, with hostile names and texts inside."""
    anna = await server.person("Anna")
    mallory = await server.signed_in(await server.application.store.create_user("m@example.org", HOSTILE, "!"))
    quiet = await server.person("Zoe")
    chat, other = await anna.direct(mallory), await anna.direct(quiet)
    sign_in(home, anna)
    home.joinpath("config.toml").write_text('[notifications]\nbell = true\nterminal = "osc777"\n')
    async with mallory.socket() as bad, quiet.socket() as good:
        await good.say(other, "first")
        async with terminal("-m", "chatterm", environment={"CHATTERM_HOME": str(home)}) as tty:
            await tty.sees("● online", "first")
            tty.type("\x1b[O")  # the window loses the focus
            # What comes while this device catches up is summed up; then each message is told.
            await tty.until(lambda: b"]0;" in tty.raw)
            for number in range(200):
                await bad.say(chat, f"\u202e;9;4; [/] {number}")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.3):
                        await tty.until(lambda: b"\x1b]777;notify;" in tty.raw)
                    break
            await tty.until(lambda: re.search(rb"\x1b\]777;notify;[^\x00-\x1f]+;[^\x00-\x1f]+\x07", tty.raw))
            raw = bytes(tty.raw).decode("utf-8", "replace")
            assert "\x07" in raw
            for payload in re.findall(r"\x1b\](?:0|9|777|99);([^\x07\x1b]*)", raw):
                assert not re.search(r"[\x00-\x1f\x7f-\x9f]", payload)
            assert "aGFja2Vk" in raw
            for forbidden in ("\x1b]52", "\x1b[31m", "\x9b", "\x9d", "\x9c", "\u202e"):
                assert forbidden not in raw
            assert re.search(r"\x1b\]0;\(1\) ", raw)


async def test_the_desktop_is_told_by_a_tool_and_a_failing_one_is_told_of_once(tmp_path: Path) -> None:
    """The real process gets each text as one argument; two at a time; no shell sees any of it."""
    tool = tmp_path / "notify-send"
    tool.write_text('#!/bin/sh\nprintf "%s\\n" "$#" "$@" >> "$0.log"\nexit 3\n')
    tool.chmod(0o700)
    told: list[str] = []
    desktop = Desktop(str(tool), told.append)
    for number in range(5):
        desktop.show(f"-u $(touch {tmp_path}/oops) {number}", "<b>`id`</b>; rm \x1b[31m")
    await asyncio.gather(*desktop._running)
    desktop.show("again", "and again")
    await asyncio.gather(*desktop._running)
    lines = (tmp_path / "notify-send.log").read_text().splitlines()
    assert lines.count("4") == 3
    assert lines.count("&lt;b&gt;`id`&lt;/b&gt;; rm ␛[31m") == 2
    assert sum(line.startswith("-u $(touch") for line in lines) == 2
    assert not (tmp_path / "oops").exists()
    assert len(told) == 1
    assert "ended with code 3" in told[0]
    missing: list[str] = []
    gone = Desktop(str(tmp_path / "missing"), missing.append)
    gone.show("title", "body")
    await asyncio.gather(*gone._running)
    assert len(missing) == 1
