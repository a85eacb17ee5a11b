"""Groups and people by slash command, in the real app on a real server; what is refused is told and its text kept."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chatproto import limits
from chatproto.frames import Presence, Watch
from chatproto.models import Chat
from chatterm.client.errors import ClientError
from chatterm.client.model import Account, EntryRef, Link
from chatterm.tui.dialog import Dialog
from chatterm.tui.features.chat_settings import muted_until
from chatterm.tui.features.feature import Feature
from chatterm.tui.members import MembersPicker
from chatterm.tui.person_card import PersonCard
from chatterm.tui.picker import ManyPicker
from tests.support.client import sign_in
from tests.support.server import Person, RunningServer
from tests.support.tui import Desk, direct_chat, fill_cache, running_app


@contextlib.asynccontextmanager
async def desk_of(home: Path, person: Person, size: tuple[int, int] = (110, 34)) -> AsyncIterator[Desk]:
    async with running_app(home, sign_in(home, person), size=size) as desk:
        await desk.until(lambda: desk.engine.status.link is Link.ONLINE)
        yield desk


async def command(desk: Desk, text: str) -> None:
    """Write a slash command and give it; what is offered while it is typed is left."""
    desk.composer.focus()
    desk.composer.clear()
    desk.composer.insert(text)
    desk.screen.conversation.writer._forget_offers()
    await desk.press("enter")


async def opened(desk: Desk, name: str, ref: EntryRef) -> None:
    await desk.press("ctrl+k", *name, "enter")
    await desk.until(lambda: desk.screen.conversation.ref == ref)


def chat_of(desk: Desk, chat: Chat) -> Chat:
    found = desk.engine.cache.chat(chat.id)
    assert found is not None
    return found


async def test_a_group_is_made_and_run_by_its_owner(home: Path, server: RunningServer) -> None:
    """Made with picked members, renamed, described, joined by one, left by another, handed over, left."""
    anna, bela = await server.person("Anna"), await server.person("Bela")
    csilla, denes = await server.person("Csilla"), await server.person("Denes")
    async with desk_of(home, anna) as desk:
        await desk.sees("Denes")
        await command(desk, "/group Harvest")
        await desk.until(lambda: isinstance(desk.app.screen, ManyPicker))
        await desk.press(*"bela", "tab", *["backspace"] * 4, *"csilla", "tab", "enter")
        await desk.until(lambda: isinstance(desk.app.screen, Dialog))
        await desk.sees("With Bela, Csilla", "Harvest")
        await desk.press("enter")
        await desk.until(lambda: desk.screen.conversation.ref not in (None, EntryRef("user", bela.id)))
        ref = desk.screen.conversation.ref
        assert ref is not None
        await desk.sees("3 members", "# Harvest")
        group = desk.engine.cache.chat(ref.id)
        assert group is not None

        await command(desk, "/topic Apples and pears")
        await desk.until(lambda: chat_of(desk, group).topic == "Apples and pears")
        await command(desk, "/rename Orchard")
        await desk.until(lambda: chat_of(desk, group).title == "Orchard")
        await command(desk, "/rename")
        await desk.until(lambda: isinstance(desk.app.screen, Dialog))
        await desk.press("!", "enter")
        await desk.until(lambda: chat_of(desk, group).title == "Orchard!")

        await command(desk, "/invite Denes")
        await desk.sees("Denes came to the group.", "4 members")
        await command(desk, "/invite denes@example.org, Bela")
        await desk.sees("They are members already.")
        await command(desk, "/invite Nobody")
        await desk.sees("Nobody is called")
        await desk.until(lambda: desk.composer.text == "/invite Nobody")

        await command(desk, "/kick Denes")
        await desk.until(lambda: isinstance(desk.app.screen, Dialog))
        await desk.press("escape")
        await desk.until(lambda: desk.app.screen is desk.screen)
        await command(desk, "/kick Denes")
        await desk.until(lambda: isinstance(desk.app.screen, Dialog))
        await desk.press("shift+tab", "enter")
        await desk.sees("Denes is no member any more.", "3 members")
        await command(desk, "/kick Denes")
        await desk.sees("Nobody in this chat is called")

        await command(desk, "/owner csilla@example.org")
        await desk.until(lambda: isinstance(desk.app.screen, Dialog))
        await desk.press("shift+tab", "enter")
        await desk.until(lambda: chat_of(desk, group).owner_id == csilla.id)
        await command(desk, "/kick Bela")
        await desk.until(lambda: isinstance(desk.app.screen, Dialog))
        await desk.press("shift+tab", "enter")
        await desk.sees("Only the group's owner may do this.")
        await desk.until(lambda: desk.composer.text == "/kick Bela")

        await command(desk, "/leave")
        await desk.until(lambda: isinstance(desk.app.screen, Dialog))
        await desk.press("shift+tab", "enter")
        await desk.sees("you are not a member any more")
        await command(desk, "/topic Nothing")
        await desk.sees("There is no such chat")
        await desk.until(lambda: desk.composer.text == "/topic Nothing")
        assert denes.id


async def test_members_are_listed_with_their_presence_and_lead_to_their_card(home: Path, server: RunningServer) -> None:
    """Owner and presence are marked and follow what happens; a card mentions, writes and removes."""
    anna, bela, csilla = [await server.person(name) for name in ("Anna", "Bela", "Csilla")]
    garden = await anna.group("garden", bela, csilla)
    async with desk_of(home, anna) as desk:
        await desk.sees("# garden")
        await opened(desk, "garden", EntryRef("chat", garden.id))
        await command(desk, "/members")
        await desk.until(lambda: isinstance(desk.app.screen, MembersPicker))
        await desk.sees("garden · 3 members", "owner", "○ Csilla")
        async with csilla.socket():
            await desk.sees("● Csilla")
        await desk.sees("○ Csilla")
        await desk.press(*"csil", "enter")
        await desk.until(lambda: isinstance(desk.app.screen, PersonCard))
        await desk.sees("csilla@example.org", "○ offline", "Mention here", "Remove from garden")
        y = next(row for row, text in enumerate(desk.rows) if "Mention here" in text)
        await desk.pilot.click(offset=(desk.rows[y].index("Mention"), y))
        await desk.until(lambda: desk.composer.text == "@Csilla ")
        await desk.press(*"hi", "enter")
        await desk.until(lambda: desk.engine.cache.head(garden.id) == 2 and desk.engine.outbox.counts() == (0, 0))
        assert desk.engine.cache.messages(garden.id, [2])[2].mentions == [csilla.id]

        await command(desk, "/whois Csilla")
        await desk.until(lambda: isinstance(desk.app.screen, PersonCard))
        await desk.press("down", "down", "down", "enter")  # remove
        await desk.sees("Remove Csilla?")
        await desk.press("shift+tab", "enter")
        await desk.sees("2 members")

        await command(desk, "/whois Csilla")
        await desk.sees("Add to garden")
        assert "Remove from garden" not in desk.text
        await desk.press("down", "enter")
        await desk.sees("3 members")

        desk.screen.perform("show_person", str(bela.id))
        await desk.until(lambda: isinstance(desk.app.screen, PersonCard))
        await desk.press("enter")
        await desk.until(lambda: desk.screen.conversation.ref == EntryRef("user", bela.id))


async def test_settings_of_a_chat_and_messages_to_others(home: Path, server: RunningServer) -> None:
    """Muted for a time or from a list, archived, pinned, all undone; /msg writes without leaving the chat."""
    anna, bela, csilla = [await server.person(name) for name in ("Anna", "Bela", "Csilla Kis")]
    chat = await anna.direct(bela)
    async with desk_of(home, anna) as desk:
        await opened(desk, "bela", EntryRef("chat", chat.id))
        await command(desk, "/mute 8h")
        await desk.until(lambda: chat_of(desk, chat).muted_until)
        await command(desk, "/unmute")
        await desk.until(lambda: not chat_of(desk, chat).muted_until)
        await command(desk, "/mute")
        await desk.sees("Until it is unmuted")
        await desk.press(*"until", "enter")
        await desk.until(lambda: chat_of(desk, chat).muted_until == limits.TIME_MAX)
        await command(desk, "/mute soon")
        await desk.sees("Write it as /mute 30m")
        await desk.until(lambda: desk.composer.text == "/mute soon")
        for name, undo, setting in (("/pin", "/unpin", "pinned"), ("/archive", "/unarchive", "archived")):
            await command(desk, name)
            await desk.until(lambda wanted=setting: getattr(chat_of(desk, chat), wanted))  # type: ignore[misc]
            await command(desk, undo)
            await desk.until(lambda wanted=setting: not getattr(chat_of(desk, chat), wanted))  # type: ignore[misc]

        await command(desk, "/msg Csilla Kis  two words")
        await desk.until(lambda: desk.engine.cache.direct_chat(csilla.id) and desk.engine.outbox.counts() == (0, 0))
        assert desk.screen.conversation.ref == EntryRef("chat", chat.id)
        with_csilla = desk.engine.cache.direct_chat(csilla.id)
        assert with_csilla is not None
        await desk.until(lambda: desk.engine.cache.messages(with_csilla, [1]))
        assert desk.engine.cache.messages(with_csilla, [1])[1].text == "two words"
        await command(desk, "/members")
        await desk.sees("This is not a group.")
        await command(desk, "/msg Csilla Kis")
        await desk.until(lambda: desk.screen.conversation.ref == EntryRef("chat", with_csilla))


async def test_ones_own_name_status_and_being_away(home: Path, server: RunningServer) -> None:
    anna, bela = await server.person("Anna"), await server.person("Bela")
    await anna.direct(bela)
    async with desk_of(home, anna) as desk, bela.socket() as socket:
        await desk.press("ctrl+k", *"bela", "enter")
        await desk.until(lambda: desk.screen.conversation.ref)
        await command(desk, "/nick Annamária")
        await desk.sees("You are called Annamária now.")
        await command(desk, "/status in the garden")
        await desk.sees("Your status: in the garden")
        user = (await anna.http.get("/me")).json()
        assert (user["displayName"], user["status"]) == ("Annamária", "in the garden")
        await command(desk, "/away at lunch")
        await desk.sees("Your status: at lunch")
        await desk.type("typing does not end it")
        await socket.send(Watch(user_ids=[anna.id]))
        await socket.until(Presence, lambda frame: anna.id in frame.away)
        await command(desk, "/back")
        await socket.until(Presence, lambda frame: anna.id in frame.online)
        await command(desk, "/nick " + "x" * 65)
        await desk.sees("That name cannot be used.")
        await desk.until(lambda: desk.composer.text == "/nick " + "x" * 65)


async def test_offline_it_is_told_and_the_command_kept(home: Path, account: Account) -> None:
    fill_cache(home, account, **direct_chat("hello"))
    async with running_app(home, account) as desk:
        await desk.sees("offline since")
        for text in ("/pin", "/nick Anna K", "/status hm"):
            await command(desk, text)
            await desk.until(lambda wanted=text: desk.composer.text == wanted)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "seconds"), [("30m", 1_800), ("30 min", 1_800), ("1h", 3_600), ("2d", 172_800), ("1w", 604_800)]
)
def test_times_of_muting_are_read(text: str, seconds: int) -> None:
    assert muted_until(text, 1_000.0) == (1_000 + seconds) * 1_000_000
    assert muted_until("forever", 1_000.0) == limits.TIME_MAX
    for wrong in ("0h", "h", "1y", "-1h", "99999h"):
        with pytest.raises(ClientError):
            muted_until(wrong, 1_000.0)


async def test_a_slow_server_is_told_and_its_answer_still_used(home: Path, account: Account) -> None:
    async with running_app(home, account) as desk:
        answered = asyncio.Event()

        async def slow() -> str:
            await answered.wait()
            return "answer"

        waiting = asyncio.create_task(Feature(desk.screen).patiently(slow()))
        await desk.sees("Waiting for the server…")
        answered.set()
        assert await waiting == "answer"
