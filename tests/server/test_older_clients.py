"""Clients from before logs could lose their beginning wait for every seq from 1 on, and must not do so for ever."""

import pytest

from chatproto.frames import Error, Fetch, Page
from chatproto.models import Chat, ChatChanged, LogEvent, Message
from tests.client.test_removed import remove
from tests.support.server import Person, RunningServer, Socket

HEAD = 9


async def fetched(socket: Socket, chat: Chat, limit: int, **bound: int) -> tuple[list[int], bool, list[LogEvent]]:
    """The seqs of a page, whether more lie that way, and its events."""
    await socket.send(Fetch(id=1, chat_id=chat.id, limit=limit, **bound))
    page = await socket.until(Page)
    return [event.seq for event in page.events], page.has_more, page.events


@pytest.mark.parametrize("floor", [5, HEAD])
async def test_every_seq_can_be_had(server: RunningServer, anna: Person, ben: Person, floor: int) -> None:
    """A page is the same run of seqs as if nothing had been removed, whatever its bound; what is gone is empty."""
    chat = await anna.direct(ben)
    async with anna.socket() as socket:
        for n in range(HEAD):
            await socket.say(chat, f"{n + 1}")
    await remove(server, chat, floor)
    async with ben.socket() as socket:
        for limit in (1, 4, HEAD):
            for bound in range(HEAD + 3):
                seqs, more, events = await fetched(socket, chat, limit, before_seq=bound)
                before = list(range(1, min(bound, HEAD + 1)))
                assert (seqs, more) == (before[-limit:], len(before) > limit)
                assert_whole(events, floor, ben)
                seqs, more, events = await fetched(socket, chat, limit, after_seq=bound)
                after = list(range(bound + 1, HEAD + 1))
                assert (seqs, more) == (after[:limit], len(after) > limit)
                assert_whole(events, floor, ben)
        seqs, more, _ = await fetched(socket, chat, 4)
        assert (seqs, more) == ([6, 7, 8, 9], True)


def assert_whole(events: list[LogEvent], floor: int, reader: Person) -> None:
    """What is left is itself, the rest is empty; times rise."""
    for event in events:
        if event.seq > floor:
            assert isinstance(event, Message)
            assert event.text == f"{event.seq}"
        else:
            empty = ChatChanged(id=event.id, seq=event.seq, at=event.at, sender_id=reader.id)
            assert event == empty
    times = [event.at for event in events]
    assert times == sorted(set(times))


async def test_who_knows_floors_is_given_nothing_below(server: RunningServer, anna: Person, ben: Person) -> None:
    """What stands in for removed events is for older clients only."""
    chat = await anna.direct(ben)
    async with anna.socket() as socket:
        for n in range(3):
            await socket.say(chat, f"{n}")
    await remove(server, chat, 2)
    async with ben.socket(floors_rev=0) as socket:
        assert (await fetched(socket, chat, 9))[:2] == ([3], False)
        assert (await fetched(socket, chat, 9, before_seq=3))[:2] == ([], False)


async def test_strangers_learn_nothing_of_what_was_removed(server: RunningServer, anna: Person, ben: Person) -> None:
    """A chat of others is not there, whatever it lost."""
    group = await anna.group("Garden")
    async with anna.socket() as socket:
        await socket.say(group, "one")
    await remove(server, group, 2)
    async with ben.socket() as socket:
        await socket.send(Fetch(id=7, chat_id=group.id))
        assert (await socket.until(Error)).error.code == "notMember"
