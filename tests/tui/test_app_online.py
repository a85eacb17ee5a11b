"""Two real apps, or an app and a raw socket, on a real server: what one types, the other reads."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from chatproto.frames import Away, Events, Typing, TypingNow, Watch
from chatterm.client.model import EntryRef, Link
from chatterm.client.settings import Composing, Settings
from tests.support.client import running_client, sign_in
from tests.support.server import FAST, Person, RunningServer, running_server
from tests.support.tui import Desk, running_app


@contextlib.asynccontextmanager
async def app_of(home: Path, person: Person, size: tuple[int, int] = (100, 30)) -> AsyncIterator[Desk]:
    """A person's app, online."""
    async with running_app(
        home / person.user.display_name, sign_in(home / person.user.display_name, person), size=size
    ) as desk:
        await desk.until(lambda: desk.engine.status.link is Link.ONLINE)
        yield desk


async def test_what_one_types_the_other_reads(home: Path, server: RunningServer) -> None:
    """The very first message to somebody: it appears there, is marked as sent here, and the chat is counted unread."""
    anna, bela = await server.person("Anna"), await server.person("Bela")
    async with app_of(home, anna) as at_anna, app_of(home, bela) as at_bela:
        await at_anna.sees("● Bela")
        await at_anna.press("ctrl+k", *"bela", "enter")
        await at_anna.until(lambda: at_anna.app.focused is at_anna.composer)
        await at_anna.type("hello across")
        await at_anna.press("enter")
        await at_anna.sees("hello across", "✓")
        await at_anna.until(lambda: at_anna.engine.outbox.counts() == (0, 0))
        ref = at_anna.screen.conversation.ref
        assert ref is not None
        assert ref.kind == "chat"
        await at_bela.sees("hello across", "Anna")
        await at_bela.press(*"and back", "enter")
        await at_anna.sees("and back")
        assert at_anna.text.count("hello across") == 1


async def test_unread_counts_follow_what_was_really_seen(home: Path, server: RunningServer) -> None:
    """A message in another chat is counted and bold; opening the chat with Alt+A takes the count away everywhere."""
    anna, bela, csilla = [await server.person(name) for name in ("Anna", "Bela", "Csilla")]
    with_bela, garden = await anna.direct(bela), await anna.group("garden", bela, csilla)
    async with app_of(home, anna) as desk, bela.socket() as socket:
        await desk.sees("# garden")
        await socket.say(with_bela, "first")
        await desk.until(lambda: desk.screen.sidebar.list.roster.unread or "first" in desk.text)
        await desk.press("ctrl+k", *"bela", "enter")
        await desk.until(lambda: desk.screen.conversation.ref == EntryRef("chat", with_bela.id))
        await desk.until(lambda: not desk.screen.sidebar.list.roster.unread)
        for number in range(3):
            await socket.say(garden, f"in the garden {number}")
        await desk.until(lambda: desk.screen.sidebar.list.roster.unread == {EntryRef("chat", garden.id): 3})
        await desk.until(lambda: any("# garden" in row and " 3 " in row for row in desk.rows))
        await desk.press("alt+a")
        await desk.sees("in the garden 2", "3 members")
        await desk.until(lambda: not desk.screen.sidebar.list.roster.unread)


async def test_what_came_while_one_was_away_is_new_also_in_the_chat_one_left_open(
    home: Path, server: RunningServer
) -> None:
    """It opens from the cache before anything is known; then reading goes on at the first message that is new."""
    anna, bela = await server.person("Anna"), await server.person("Bela")
    chat = await anna.direct(bela)
    async with bela.socket() as socket:
        await socket.say(chat, "the last one of yesterday")
        async with app_of(home, anna) as desk:
            await desk.until(lambda: desk.screen.open(EntryRef("chat", chat.id)))
            await desk.sees("the last one of yesterday")
            await desk.until(lambda: not desk.screen.sidebar.list.roster.unread)
            await desk.until(lambda: desk.engine.cache.chat(chat.id).seen == 1)  # type: ignore[union-attr] # it is there
            await desk.pilot.pause()
        for number in range(60):
            await socket.say(chat, f"of this morning {number}")
        async with app_of(home, anna) as desk:
            await desk.sees("60 new", "of this morning 0", "new below")
            assert "of this morning 59" not in desk.text


async def test_presence_is_shown_for_those_on_screen(home: Path, server: RunningServer) -> None:
    anna, bela = await server.person("Anna"), await server.person("Bela")
    await anna.direct(bela)
    async with app_of(home, anna) as desk:
        await desk.sees("○ Bela")
        async with bela.socket():
            await desk.sees("● Bela")
        await desk.sees("○ Bela")


async def test_what_was_queued_is_delivered_when_the_server_is_back(home: Path, tmp_path: Path) -> None:
    """The server goes away, the status line says so, messages queue, and arrive in order after Ctrl+R."""
    async with contextlib.AsyncExitStack() as stack:
        first = contextlib.AsyncExitStack()
        server = await first.enter_async_context(running_server(tmp_path / "server", FAST))
        anna, bela = await server.person("Anna"), await server.person("Bela")
        chat = await anna.direct(bela)
        port = int(server.url.rpartition(":")[2])
        desk = await stack.enter_async_context(app_of(home, anna))
        await desk.press("ctrl+k", *"bela", "enter")
        await desk.until(lambda: desk.screen.conversation.ref is not None)
        await first.aclose()
        await desk.sees("offline since", "presence unknown")
        for text in ("one", "two", "three"):
            await desk.type(text)
            await desk.press("enter")
        await desk.sees("3 queued", "retrying")
        again = await stack.enter_async_context(running_server(tmp_path / "server", FAST, at_port=port))
        await desk.press("ctrl+r")
        await desk.sees("● online")
        await desk.until(lambda: desk.engine.outbox.counts() == (0, 0))
        messages, _ = await again.application.store.messages(chat.id, limit=10)
        assert [message.text for message in messages] == ["one", "two", "three"]


async def test_a_session_ended_elsewhere_says_what_to_do(home: Path, server: RunningServer) -> None:
    anna = await server.person("Anna")
    async with app_of(home, anna) as desk:
        response = await anna.http.post("/auth/logout")
        assert response.status_code < 300
        await desk.sees("✗ signed out", "Ctrl+R signs in again")


async def test_two_windows_of_one_person_agree(home: Path, server: RunningServer) -> None:
    """An app and a shell command on the same files: what the other process queues is sent and shown here."""
    anna, bela = await server.person("Anna"), await server.person("Bela")
    chat = await anna.direct(bela)
    async with app_of(home, anna) as desk, running_client(home / "Anna", anna, sends=False) as other:
        await desk.press("ctrl+k", *"bela", "enter")
        await desk.until(lambda: desk.screen.conversation.ref == EntryRef("chat", chat.id))
        await other.say(chat, "from the other window")
        await desk.sees("from the other window", "✓")


async def test_who_is_typing_away_or_gone_is_said_above_the_messages(home: Path, server: RunningServer) -> None:
    """And what this person types is told to the others who look, until it is sent."""
    anna, bela = await server.person("Anna"), await server.person("Bela")
    with_bela = await anna.direct(bela)
    async with app_of(home, anna) as desk, bela.socket() as socket:
        await desk.press("ctrl+k", *"bela", "enter")
        await desk.sees("● Bela", "● online")
        await socket.send(TypingNow(chat_id=with_bela.id))
        await desk.sees("Bela is typing…")
        await socket.say(with_bela, "done typing")
        await desk.sees("done typing", "● online")
        await socket.send(Watch(user_ids=[], chat_ids=[with_bela.id]))
        await desk.type("hm")
        await socket.until(Typing, lambda frame: frame.user_ids == [anna.id])
        await desk.press("enter")
        await socket.until(Typing, lambda frame: frame.user_ids == [])
        await socket.send(Away())
        await desk.sees("◐ Bela", "◐ away")


async def test_a_group_shows_its_topic_and_says_when_one_was_removed(home: Path, server: RunningServer) -> None:
    """What was there stays on screen; what is written then is refused in words, and can be discarded."""
    anna, bela = await server.person("Anna"), await server.person("Bela")
    tea = await bela.group("Tea", anna)
    async with app_of(home, anna) as desk, bela.socket() as socket:
        await socket.say(tea, "@Anna hello")
        await desk.sees("# Tea")
        await desk.press("ctrl+k", *"tea", "enter")
        await desk.sees("2 members", "@Anna hello")
        assert (await bela.http.patch(f"/chats/{tea.id}", json={"topic": "Leaves"})).status_code == 200
        await desk.sees("2 members  Leaves", "Bela set the topic “Leaves”")
        assert (await bela.http.delete(f"/chats/{tea.id}/members/{anna.id}")).status_code == 204
        await desk.sees("× Tea", "Bela removed You", "@Anna hello", "you are not a member any more")
        await desk.press(*"wait", "enter")
        await desk.sees("wait", "Not sent.", "1 failed")
        await desk.press("alt+x")
        await desk.until(lambda: desk.engine.outbox.counts() == (0, 0))


async def test_that_one_writes_can_be_kept_to_oneself(home: Path, server: RunningServer) -> None:
    """The first frame that the other gets is the message itself."""
    anna, bela = await server.person("Anna"), await server.person("Bela")
    with_bela = await anna.direct(bela)
    async with app_of(home, anna) as desk, bela.socket() as socket:
        desk.app.settings = Settings(compose=Composing(typing_notices=False))
        await socket.send(Watch(user_ids=[], chat_ids=[with_bela.id]))
        await desk.press("ctrl+k", *"bela", "enter")
        await desk.until(lambda: desk.app.focused is desk.composer)
        await desk.type("quietly")
        await desk.press("enter")
        while not isinstance(frame := await socket.next(), Events):
            assert not isinstance(frame, Typing)
