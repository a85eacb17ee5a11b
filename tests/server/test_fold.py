"""Whoever folds the events of a chat ends with exactly what its pages say, whatever was changed and missed."""

import asyncio
import random

import pytest

from chatproto import codec, limits
from chatproto.frames import ClientFrame, Delete, Done, Edit, Error, Events, Fetch, Page, Pin, React
from chatproto.models import Chat, LogEvent, Message, MessageChanged
from chatproto.rest import MessagesPage
from tests.support.server import WAIT_S, Person, RunningServer, Socket, outgoing

EMOJI = ("👍", "🌱", "❤️")
STEPS = 60


class Copy:
    """A member's copy of a chat, made of events alone."""

    def __init__(self) -> None:
        self.cursor = 0
        self.messages: dict[int, Message] = {}

    def apply(self, event: LogEvent) -> None:
        """The next event is applied, an earlier one dropped; one that lies further on must be fetched first."""
        if event.seq <= self.cursor:
            return
        assert event.seq == self.cursor + 1, (event.seq, self.cursor)
        self.cursor = event.seq
        if isinstance(event, Message):
            self._take(event)
        elif isinstance(event, MessageChanged):
            self._take(event.message)

    def _take(self, message: Message) -> None:
        known = self.messages.get(message.seq)
        if known is None or message.rev > known.rev:
            self.messages[message.seq] = message


class Member:
    """One person who writes and changes at random, and whose connection is lost now and then."""

    def __init__(self, person: Person, people: list[Person], chat: Chat, seed: int) -> None:
        self.person = person
        self.copy = Copy()
        self._people = people
        self._chat = chat
        self._random = random.Random(seed)

    async def live(self) -> None:
        """Several connections, each for some steps."""
        steps = STEPS
        while steps > 0:
            part = self._random.randint(1, 25)
            steps -= part
            async with self.person.socket(cursors=[(self._chat.id, self.copy.cursor)]) as socket:
                await self._catch_up(socket)
                for number in range(min(part, part + steps)):
                    await self._step(socket, number)
                # The line is lost with answers and events still under way.

    async def finish(self) -> None:
        """Come back once more and read to the end."""
        async with self.person.socket() as socket:
            await self._catch_up(socket)

    async def _catch_up(self, socket: Socket) -> None:
        more = True
        while more:
            await socket.send(Fetch(id=1, chat_id=self._chat.id, after_seq=self.copy.cursor, limit=7))
            page = await socket.until(Page)
            for event in page.events:
                self.copy.apply(event)
            more = page.has_more

    async def _step(self, socket: Socket, number: int) -> None:
        choice = self._random.random()
        if choice < 0.35 or not self.copy.messages:
            mentions = [person.id for person in self._people if self._random.random() < 0.2]
            reply_to = self._random.choice([0, *self.copy.messages])
            text = f"{self.person.user.display_name} {number}"
            note = outgoing("+", user_id=self.person.id)
            await socket.send_messages(
                outgoing(text, chat_id=self._chat.id, mentions=mentions, reply_to=reply_to), note
            )
        elif choice < 0.9:
            await self._change(socket)
        elif choice < 0.95:
            await self._read_some(socket)
        else:
            await self._catch_up(socket)

    async def _change(self, socket: Socket) -> None:
        seq = self._random.choice([*self.copy.messages])
        on = self._random.random() < 0.7
        changes: list[ClientFrame] = [
            Edit(id=2, chat_id=self._chat.id, seq=seq, text=f"edited {self._random.randint(0, 3)}", mention_all=on),
            Delete(id=2, chat_id=self._chat.id, seq=seq),
            React(id=2, chat_id=self._chat.id, seq=seq, emoji=self._random.choice(EMOJI), on=on),
            React(id=2, chat_id=self._chat.id, seq=seq, emoji=self._random.choice(EMOJI), on=on),
            Pin(id=2, chat_id=self._chat.id, seq=seq, on=on),
        ]
        await socket.send(self._random.choice(changes))
        while self._random.random() < 0.7:  # else its answer is left to come with the next one's
            answer = await socket.next()
            if isinstance(answer, Error):
                assert answer.error.code in {"notAuthor", "messageNotFound"}, answer
            if isinstance(answer, Done | Error):
                return
            self._hear(answer)

    async def _read_some(self, socket: Socket) -> None:
        """Ask for something, and take what comes before its answer."""
        await socket.send(Fetch(id=3, chat_id=self._chat.id, limit=1))
        while not isinstance(frame := await socket.next(), Page):
            self._hear(frame)

    def _hear(self, frame: object) -> None:
        if isinstance(frame, Events) and frame.chat_id == self._chat.id:
            for event in frame.events:
                if event.seq <= self.copy.cursor + 1:  # the rest is fetched when the connection is lost
                    self.copy.apply(event)


async def read_pages(person: Person, chat: Chat) -> list[Message]:
    """The whole chat over REST, page by page from its end."""
    messages: list[Message] = []
    params: dict[str, int] = {"limit": 11}
    more = True
    while more:
        answer = await person.http.get(f"/chats/{chat.id}/messages", params=params)
        page = codec.decode_body(answer.content, MessagesPage, max_bytes=limits.SERVER_FRAME_MAX_BYTES)
        messages = page.messages + messages
        more = page.has_more
        if messages:
            params["beforeSeq"] = messages[0].seq
    return messages


@pytest.mark.parametrize("seed", range(4))
async def test_folded_events_equal_the_pages(server: RunningServer, seed: int) -> None:
    """Three members at once, each losing the line again and again; at the end all copies and all pages are one."""
    people = [await server.person(name) for name in ("Anna", "Ben", "Cleo")]
    chat = await people[0].group("garden", *people[1:])
    members = [Member(person, people, chat, 100 * seed + index) for index, person in enumerate(people)]
    await asyncio.gather(*(member.live() for member in members))
    await server.application.websockets.drain(WAIT_S)  # what was asked for on lines that are lost is done or dropped
    for member in members:
        await member.finish()
    pages = await read_pages(people[0], chat)
    assert len(pages) > 10
    assert any(message.rev for message in pages)
    for member in members:
        assert [member.copy.messages[seq] for seq in sorted(member.copy.messages)] == pages
        assert await read_pages(member.person, chat) == pages
    store = server.application.store
    pinned = sorted((message for message in pages if message.pinned), key=lambda message: message.seq)
    assert sorted(await store.pinned_messages(chat.id), key=lambda message: message.seq) == pinned
    for person in people:
        seen = await store.chat(person.id, chat.id)
        assert seen is not None
        others = [message for message in pages if message.sender_id != person.id and not message.deleted]
        naming = [message for message in others if message.mention_all or person.id in message.mentions]
        assert (seen.unread, seen.mentions) == (len(others), len(naming))
