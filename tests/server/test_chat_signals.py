"""Typing and readers: told to the members who watch a chat, and to nobody else."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from chatproto import limits
from chatproto.frames import Events, MarkSeen, Presence, Readers, Typing, TypingNow, Watch
from chatproto.models import Chat
from chatserver.app import Timing
from tests.support.server import Person, RunningServer, Socket, running_server

LASTING = Timing(heads_interval=3600.0, users_interval=3600.0, chat_signals_interval=0.005, typing_lifetime=3600.0)
"""Nobody's typing ends by itself."""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path / "data", LASTING) as running:
        yield running


async def watch(socket: Socket, *chats: Chat) -> None:
    """Watch these chats; returns once the server has taken it."""
    await socket.send(Watch(user_ids=[], chat_ids=[chat.id for chat in chats]))
    await socket.until(Presence)


async def typing(socket: Socket, chat: Chat, *, on: bool = True) -> None:
    await socket.send(TypingNow(chat_id=chat.id, on=on))


async def taken(socket: Socket) -> None:
    """Wait until the server has taken everything that was sent; other frames are dropped."""
    await watch(socket)


async def test_typing_is_told_while_it_lasts(anna: Person, ben: Person) -> None:
    """It begins, is repeated without being news, and ends when the client says so."""
    chat = await anna.direct(ben)
    async with anna.socket() as watcher, ben.socket() as typer:
        await watch(watcher, chat)
        for _ in range(3):
            await typing(typer, chat)
        assert await watcher.expect(Typing) == Typing(chat_id=chat.id, user_ids=[ben.id])
        await typing(typer, chat)
        await typing(typer, chat, on=False)
        assert await watcher.expect(Typing) == Typing(chat_id=chat.id, user_ids=[])


async def test_typing_ends_by_itself(tmp_path: Path) -> None:
    """A client that says nothing more is forgotten after the lifetime."""
    async with running_server(tmp_path / "data", Timing(chat_signals_interval=0.0, typing_lifetime=0.05)) as server:
        anna, ben = await server.person("Anna"), await server.person("Ben")
        chat = await anna.direct(ben)
        async with anna.socket() as watcher, ben.socket() as typer:
            await watch(watcher, chat)
            await typing(typer, chat)
            assert (await watcher.until(Typing)).user_ids == [ben.id]
            assert (await watcher.until(Typing)).user_ids == []


async def test_typing_ends_with_the_message(anna: Person, ben: Person) -> None:
    """The message in that chat ends it, one elsewhere does not, whichever way it was sent."""
    chat, other = await anna.direct(ben), await anna.group("Tea", ben)
    async with anna.socket() as watcher, ben.socket() as typer:
        await watch(watcher, chat)
        await typing(typer, chat)
        assert (await watcher.until(Typing)).user_ids == [ben.id]
        await typer.say(other, "elsewhere")
        await watcher.until(Events, lambda frame: frame.chat_id == other.id and frame.events[-1].seq == 2)
        await watcher.say(chat, "my own")
        await watcher.until(Events, lambda frame: frame.chat_id == chat.id)
        async with ben.socket() as phone:
            await phone.say(chat, "here it is")
        await watcher.expect(Events)
        assert (await watcher.expect(Typing)).user_ids == []


async def test_typing_ends_with_the_connection(anna: Person, ben: Person) -> None:
    """A lost connection types no more."""
    chat = await anna.direct(ben)
    async with anna.socket() as watcher:
        async with ben.socket() as typer:
            await watch(watcher, chat)
            await typing(typer, chat)
            assert (await watcher.expect(Typing)).user_ids == [ben.id]
        assert (await watcher.expect(Typing)).user_ids == []


async def test_who_begins_to_watch_learns_who_types_and_who_ends_hears_nothing(
    anna: Person, ben: Person, eve: Person
) -> None:
    """The state of chats that are new to the list comes at once; a list replaces the earlier one."""
    chat, other = await anna.direct(ben), await anna.direct(eve)
    async with anna.socket() as watcher, ben.socket() as typer, eve.socket() as second:
        await typing(typer, chat)
        await taken(typer)
        await watch(watcher, chat)
        assert await watcher.expect(Typing) == Typing(chat_id=chat.id, user_ids=[ben.id])
        await watch(watcher, other)
        await typing(typer, chat, on=False)
        await taken(typer)
        await typing(second, other)
        assert await watcher.expect(Typing) == Typing(chat_id=other.id, user_ids=[eve.id])


async def test_strangers_neither_hear_nor_disturb(anna: Person, ben: Person, eve: Person) -> None:
    """Watching or typing in the chat of others is as if it did not exist."""
    chat, own = await anna.direct(ben), await anna.direct(eve)
    async with anna.socket() as member, ben.socket() as typer, eve.socket() as stranger:
        await watch(member, chat)
        await watch(stranger, chat, own, Chat(id=77, kind="direct"))
        await typing(stranger, chat)
        await typing(stranger, chat, on=False)
        await typing(stranger, Chat(id=77, kind="direct"))
        await stranger.send(Watch(user_ids=[], chat_ids=[chat.id, own.id]))
        assert isinstance(await stranger.expect(Presence), Presence)
        await typing(typer, chat)
        assert await member.expect(Typing) == Typing(chat_id=chat.id, user_ids=[ben.id])
        await typer.say(chat, "between us")
        await member.until(Typing)
        await member.send(MarkSeen(chat_id=chat.id, seq=1))
        await typing(member, own)
        assert await stranger.expect(Typing) == Typing(chat_id=own.id, user_ids=[anna.id])


async def test_membership_decides_at_the_moment_of_telling(anna: Person, ben: Person, eve: Person) -> None:
    """Who is removed hears nothing more and types no more; who joins a chat already watched hears of it."""
    chat = await anna.group("Tea", ben, eve)
    async with anna.socket() as watcher, ben.socket() as leaver, eve.socket() as typer:
        await watch(watcher, chat)
        await watch(leaver, chat)
        await typing(leaver, chat)
        assert (await watcher.expect(Typing)).user_ids == [ben.id]
        await leaver.until(Typing)
        assert (await anna.http.delete(f"/chats/{chat.id}/members/{ben.id}")).is_success
        assert (await watcher.until(Typing)).user_ids == []
        await typing(leaver, chat)
        await taken(leaver)
        await watch(leaver, chat)
        await typing(typer, chat)
        assert (await watcher.until(Typing)).user_ids == [eve.id]
        assert (await anna.http.post(f"/chats/{chat.id}/members", json={"memberIds": [ben.id]})).is_success
        await typing(typer, chat, on=False)
        assert await leaver.until(Typing) == Typing(chat_id=chat.id, user_ids=[])


async def test_at_most_twenty_are_named(server: RunningServer) -> None:
    """Those who have been typing longest; when one of them ends, the next is named."""
    people = [await server.person(f"User{number}") for number in range(limits.TYPERS_NAMED_MAX + 2)]
    chat = await people[0].group("Crowd", *people[1:])
    async with people[0].socket() as watcher, contextlib.AsyncExitStack() as stack:
        await watch(watcher, chat)
        sockets = [await stack.enter_async_context(person.socket()) for person in people]
        for socket in sockets:
            await typing(socket, chat)
            await taken(socket)
        first = [person.id for person in people[: limits.TYPERS_NAMED_MAX]]
        await watcher.until(Typing, lambda frame: frame.user_ids == first)
        await typing(sockets[0], chat, on=False)
        await watcher.until(Typing, lambda frame: frame.user_ids == [*first[1:], people[limits.TYPERS_NAMED_MAX].id])


async def test_one_connection_types_in_few_chats_at_a_time(anna: Person, ben: Person) -> None:
    """A ninth chat is passed over until another has ended."""
    chats = [await anna.group(f"Group {number}", ben) for number in range(9)]
    async with anna.socket() as watcher, ben.socket() as typer:
        await watch(watcher, *chats)
        for chat in chats:
            await typing(typer, chat)
        told: set[int] = set()
        while len(told) < 8:
            told.add((await watcher.expect(Typing)).chat_id)
        assert told == {chat.id for chat in chats[:8]}
        await typing(typer, chats[0], on=False)
        await typing(typer, chats[8])
        await watcher.until(Typing, lambda frame: frame.chat_id == chats[8].id and frame.user_ids == [ben.id])


async def test_readers_are_told_to_those_who_watch(anna: Person, ben: Person, eve: Person) -> None:
    """Only what moves is told, and only of the chats watched."""
    chat, other = await anna.group("Tea", ben, eve), await anna.direct(ben)
    async with anna.socket() as author, ben.socket() as reader, eve.socket() as second:
        for number in range(3):
            await author.say(chat, f"text {number}")
        await author.say(other, "elsewhere")
        await watch(author, chat)
        await reader.send(MarkSeen(chat_id=other.id, seq=1))
        await reader.send(MarkSeen(chat_id=chat.id, seq=3))
        assert await author.expect(Readers) == Readers(chat_id=chat.id, seen=[(ben.id, 3)])
        await reader.send(MarkSeen(chat_id=chat.id, seq=2))
        await second.send(MarkSeen(chat_id=chat.id, seq=99))
        assert await author.expect(Readers) == Readers(chat_id=chat.id, seen=[(eve.id, 4)])


async def test_what_could_not_be_sent_is_told_when_there_is_room(anna: Person, ben: Person) -> None:
    """A reader that falls behind gets who types and who has read once it has caught up."""
    chat, other = await anna.direct(ben), await anna.group("Tea", ben)
    async with ben.socket() as reader, anna.socket() as author:
        await watch(reader, chat)
        session = next(iter(anna.server.application.hub._by_user[ben.id]))
        reader.raw.transport.pause_reading()
        while not session.link.paused:
            await author.say(other, "x" * 16_000)
        await author.say(chat, "hello")
        await author.send(MarkSeen(chat_id=chat.id, seq=1))
        await typing(author, chat)
        async with asyncio.timeout(10):
            while not session.outbox._lapsed:
                await author.say(other, "tick")
        await author.say(other, "tock")
        reader.raw.transport.resume_reading()
        assert await reader.until(Typing) == Typing(chat_id=chat.id, user_ids=[anna.id])
        assert await reader.until(Readers) == Readers(chat_id=chat.id, seen=[(anna.id, 1)])


_STEPS = st.lists(
    st.tuples(st.sampled_from(["on", "off", "say", "drop"]), st.integers(0, 2), st.integers(0, 1)), max_size=14
)


@settings(
    max_examples=10,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=_STEPS)
def test_watchers_end_with_the_truth(
    steps: list[tuple[str, int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever three members do in two chats, who folds the frames ends with what is, and so does a fresh watcher."""

    async def run() -> None:
        async with running_server(tmp_path_factory.mktemp("typing") / "data", LASTING) as server:
            people = [await server.person(name) for name in ("Anna", "Ben", "Cleo")]
            chats = [await people[0].group(title, *people[1:]) for title in ("one", "two")]
            last = await people[0].direct(people[1])
            async with people[0].socket() as watcher, people[0].socket() as fresh, people[1].socket() as other:
                await watch(watcher, *chats, last)
                async with contextlib.AsyncExitStack() as stack:
                    truth = await _type(steps, people, chats, other, stack)
                    assert await _fold(watcher, other, last) == {key: value for key, value in truth.items() if value}
                    await fresh.send(Watch(user_ids=[], chat_ids=[*truth, last.id]))
                    await fresh.until(Presence)
                    assert await _fold(fresh, other, last) == {key: value for key, value in truth.items() if value}

    asyncio.run(run())


async def _fold(watcher: Socket, typer: Socket, last: Chat) -> dict[int, set[int]]:
    """What a watcher knows of who types: after two rounds that both hold news of `last`, nothing before is due."""
    view: dict[int, set[int]] = {}
    for on in (True, False):
        await typing(typer, last, on=on)
        chat_id = 0
        while chat_id != last.id:
            frame = await watcher.until(Typing)
            chat_id, view[frame.chat_id] = frame.chat_id, set(frame.user_ids)
    return {chat_id: user_ids for chat_id, user_ids in view.items() if user_ids}


async def _type(
    steps: list[tuple[str, int, int]],
    people: list[Person],
    chats: list[Chat],
    other: Socket,
    stack: contextlib.AsyncExitStack,
) -> dict[int, set[int]]:
    """Do what the steps say; who types where in the end."""
    truth: dict[int, set[int]] = {chat.id: set() for chat in chats}
    sockets: dict[int, tuple[Socket, contextlib.AsyncExitStack]] = {}
    for step, who, where in steps:
        person, chat = people[who], chats[where]
        if who not in sockets:
            own = await stack.enter_async_context(contextlib.AsyncExitStack())
            sockets[who] = (await own.enter_async_context(person.socket()), own)
        socket, own = sockets[who]
        if step == "say":
            await socket.say(chat, "said")
            await socket.until(Events)  # typing ends with the delivery, which may be after the ack
            truth[chat.id].discard(person.id)
        elif step == "drop":
            del sockets[who]
            count = person.server.application.hub.session_count
            await own.aclose()
            while person.server.application.hub.session_count == count:
                await taken(other)
            for typers in truth.values():
                typers.discard(person.id)
        else:
            await typing(socket, chat, on=step == "on")
            await taken(socket)
            (truth[chat.id].add if step == "on" else truth[chat.id].discard)(person.id)
    return truth
