"""What is done with a whole chat, against a real server: pin, mute, archive, read; by menu, command and mouse."""

import time
from pathlib import Path

from chatproto import limits
from chatterm.client.model import Entry, EntryRef, Link, Section
from chatterm.tui.fields import Push
from chatterm.tui.picker import Picker
from tests.support.client import sign_in
from tests.support.server import RunningServer
from tests.support.tui import Desk, running_app


def entry(desk: Desk, chat_id: int) -> Entry:
    found = desk.engine.cache.entry(EntryRef("chat", chat_id))
    assert found is not None
    return found


async def test_a_chat_is_pinned_muted_archived_and_marked_as_read(home: Path, server: RunningServer) -> None:
    """From the menu of a row, by slash commands, and by the mouse; each shows in the list once the server says so."""
    anna, bela = await server.person("Anna"), await server.person("Bela")
    garden, kitchen = await anna.group("garden", bela), await anna.group("kitchen", bela)
    async with running_app(home, sign_in(home, anna)) as desk, bela.socket() as socket:
        await desk.until(lambda: desk.engine.status.link is Link.ONLINE)
        await desk.sees("# garden", "# kitchen")
        client_list = desk.screen.sidebar.list

        # the menu of a row, by the mouse
        at = client_list.roster.index_of(EntryRef("chat", garden.id))
        assert at is not None
        await desk.pilot.click(client_list, offset=(4, at), button=3)
        await desk.sees("Pin to the top", "Mute…", "Archive")
        await desk.press(*"pin", "enter")
        await desk.until(lambda: entry(desk, garden.id).section is Section.PINNED)
        await desk.sees("Pinned", "Recent", "garden is pinned to the top.")

        # the menu of the row under the cursor, by a key
        await desk.press("ctrl+g", "home", "alt+m")
        await desk.sees("Unpin")
        await desk.press(*"mute", "enter")
        await desk.sees("For 8 hours")
        await desk.press(*"8", "enter")
        in_8_hours = (time.time() + 8 * 3_600) * 1_000_000
        await desk.until(lambda: abs(entry(desk, garden.id).muted_until - in_8_hours) < 120 * 1_000_000)
        await desk.until(lambda: any("# garden" in row and "⊘" in row for row in desk.rows))

        # muted: does not count, and is read by a command
        await socket.say(garden, "nobody must be disturbed by this")
        await desk.until(lambda: entry(desk, garden.id).unread == 1)
        await desk.until(lambda: client_list.roster.unread == {EntryRef("chat", garden.id): 1})
        await desk.press("escape")
        await desk.until(lambda: desk.app.focused is desk.composer)
        await desk.press("alt+a")
        await desk.sees("Nothing unread.")
        desk.screen.perform("mark_read", f"chat:{garden.id}")
        await desk.until(lambda: entry(desk, garden.id).unread == 0)

        # the chat on screen, by commands
        desk.screen.open(EntryRef("chat", kitchen.id))
        await desk.press(*"/archive", "enter")
        await desk.until(lambda: entry(desk, kitchen.id).section is Section.ARCHIVED)
        await desk.sees("▸ Archived 1")
        await desk.press("alt+h")
        await desk.sees("▾ Archived 1", "# kitchen")
        await desk.press("alt+m")
        await desk.sees("Back from the archive")
        await desk.press(*"mute", "enter")
        await desk.sees("Until you unmute it")
        await desk.press(*"until", "enter")
        await desk.until(lambda: entry(desk, kitchen.id).muted_until == limits.TIME_MAX)
        await desk.press("alt+m", *"unmute", "enter")
        await desk.until(lambda: entry(desk, kitchen.id).muted_until == 0)
        await desk.press("alt+m", *"back from", "enter")
        await desk.until(lambda: entry(desk, kitchen.id).section is Section.RECENT)


async def test_all_chats_are_marked_as_read_after_a_question(home: Path, server: RunningServer) -> None:
    anna, bela = await server.person("Anna"), await server.person("Bela")
    chats = [await anna.group(f"group {number}", bela) for number in range(3)]
    async with running_app(home, sign_in(home, anna)) as desk, bela.socket() as socket:
        await desk.until(lambda: desk.engine.status.link is Link.ONLINE)
        desk.screen.open(EntryRef("user", bela.id))
        for chat in chats:
            await socket.say(chat, "news")
        await desk.until(lambda: len(desk.screen.sidebar.list.roster.unread) >= 2)
        desk.screen.perform("mark_all_read")
        await desk.sees("Mark all as read?")
        await desk.press("escape")
        await desk.until(lambda: desk.app.screen is desk.screen)
        assert desk.screen.sidebar.list.roster.unread
        desk.screen.perform("mark_all_read")
        await desk.sees("Mark all as read?")
        await desk.pilot.click(next(push for push in desk.app.screen.query(Push) if push.key == "yes"))
        await desk.until(lambda: not desk.screen.sidebar.list.roster.unread)


async def test_what_cannot_be_done_is_told(home: Path, server: RunningServer) -> None:
    anna, bela = await server.person("Anna"), await server.person("Bela")
    async with running_app(home, sign_in(home, anna)) as desk:
        await desk.until(lambda: desk.engine.cache.entry(EntryRef("user", bela.id)) is not None)
        desk.screen.perform("mark_read")
        await desk.sees("No conversation is open.")
        desk.screen.open(EntryRef("user", bela.id))
        desk.screen.perform("mark_read")
        await desk.sees("There is no conversation with this person yet.")
        desk.screen.perform("chat_menu")
        await desk.until(lambda: isinstance(desk.app.screen, Picker))
        await desk.sees("Open")
        assert "Archive" not in desk.text
