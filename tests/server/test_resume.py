"""Coming back after a lost connection: nothing is lost, doubled or out of order, whatever the others do meanwhile."""

import asyncio
import random
from dataclasses import dataclass, field

import pytest

from chatproto.frames import Events, Fetch, Hello, Joined, Page, Welcome
from chatproto.models import LogEvent, Message
from tests.support.server import WAIT_S, Person, Socket, outgoing


@dataclass
class Copy:
    """A client's copy of its chats: applies events in order, fetches what is missing, keeps a cursor per chat."""

    person: Person
    logs: dict[int, list[LogEvent]] = field(default_factory=dict)
    connections: int = 0

    async def follow(self, frames: int) -> None:
        """One connection: resume, take some frames, and drop the line without a word."""
        self.connections += 1
        async with self.person.server.socket() as socket:
            cursors = [(chat_id, len(log)) for chat_id, log in self.logs.items()]
            epoch = self.person.server.application.store.epoch
            await socket.send(Hello(token=self.person.tokens.access_token, epoch=epoch, cursors=cursors))
            welcome = await socket.expect(Welcome)
            for head in welcome.heads:
                await self._fetch(socket, head.chat_id, head.head)
            for _ in range(frames):
                await self._take(socket)
            socket.raw.transport.abort()

    async def catch_up(self, totals: dict[int, int]) -> None:
        """Stay connected until each chat's log is that long."""
        async with self.person.socket(cursors=[(chat_id, len(log)) for chat_id, log in self.logs.items()]) as socket:
            for chat_id, total in totals.items():
                await self._fetch(socket, chat_id, total)

    async def _take(self, socket: Socket) -> None:
        frame = await socket.next()
        if isinstance(frame, Events):
            await self._apply(socket, frame.chat_id, frame.events)
        else:
            assert isinstance(frame, Joined | Page), frame

    async def _fetch(self, socket: Socket, chat_id: int, head: int) -> None:
        log = self.logs.setdefault(chat_id, [])
        while len(log) < head:
            await socket.send(Fetch(id=len(log), chat_id=chat_id, after_seq=len(log), limit=17))
            page = await socket.until(Page)  # live events that arrive meanwhile are within reach of later fetches
            await self._apply(socket, chat_id, page.events)

    async def _apply(self, socket: Socket, chat_id: int, events: list[LogEvent]) -> None:
        log = self.logs.setdefault(chat_id, [])
        for event in events:
            if event.seq == len(log) + 1:
                log.append(event)
            elif event.seq > len(log):
                await self._fetch(socket, chat_id, event.seq)


@pytest.mark.parametrize("seed", range(3))
async def test_a_client_that_keeps_losing_its_line_ends_with_the_whole_log(
    anna: Person, ben: Person, eve: Person, seed: int
) -> None:
    """Two authors write to a group, a known chat and a new one, while the reader reconnects again and again."""
    chance = random.Random(seed)
    group, direct = await anna.group("Tea", ben, eve), await anna.direct(ben)
    copy, rounds = Copy(ben), 60

    async def write(author: Person, targets: list[dict[str, int]]) -> None:
        async with author.socket() as socket:
            for number in range(rounds):
                batch = [outgoing(f"{author.id} {number} {n}", **chance.choice(targets)) for n in range(4)]
                results = await socket.send_messages(*batch)
                assert all(result.error is None for result in results)

    async def read() -> None:
        while not writing.done():
            await copy.follow(frames=chance.randrange(4))

    writing = asyncio.gather(
        write(anna, [{"chat_id": group.id}, {"chat_id": direct.id}]),
        write(eve, [{"chat_id": group.id}, {"user_id": ben.id}]),
    )
    async with asyncio.timeout(WAIT_S):
        reading = asyncio.ensure_future(read())
        await writing
        reading.cancel()
        await asyncio.wait((reading,))
    if not reading.cancelled():
        reading.result()
    chats = {chat.id: chat.head for chat in await ben.server.application.store.chats(ben.id, 0, 100)}
    await copy.catch_up(chats)
    assert copy.connections > 3
    for chat_id, head in chats.items():
        stored, _ = await ben.server.application.store.events(chat_id, after_seq=0, limit=head)
        assert copy.logs[chat_id] == stored
        assert [event.seq for event in stored] == list(range(1, head + 1))
        for author in (anna, eve):
            texts = [e.text for e in stored if isinstance(e, Message) and e.sender_id == author.id]
            assert texts == sorted(texts, key=lambda text: [int(part) for part in text.split()])


async def test_an_event_during_the_greeting_is_not_lost(anna: Person, ben: Person) -> None:
    """Whatever is committed while a client is greeted is in the heads of its welcome, or is delivered after it."""
    chat = await anna.direct(ben)
    async with anna.socket() as author:
        for number in range(1, 41):
            async with ben.server.socket() as socket:
                sending = asyncio.ensure_future(author.say(chat, f"text {number}"))
                await socket.send(Hello(token=ben.tokens.access_token))
                welcome = await socket.expect(Welcome)
                head = max((head.head for head in welcome.heads), default=0)
                assert head in {number - 1, number}
                if head < number:
                    events = await socket.expect(Events)
                    assert [event.seq for event in events.events] == [number]
                await sending
