"""Whatever people do to groups while their lines keep breaking: each view ends as the truth of the server."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from chatproto.errors import ChatError
from chatproto.frames import ChatSettings, Error, Events, Fetch, Hello, Joined, Left, Page, Seen, ServerFrame, Welcome
from chatproto.models import Chat, ChatChanged, ChatCreated, LogEvent, MembersChanged
from chatproto.rest import GroupPatch, SettingsPatch
from chatserver.services.chats import Chats
from tests.support.server import WAIT_S, Person, Socket
from tests.support.store import new_message

Settings = tuple[bool, int, bool]


@dataclass
class Folded:
    """What the events of a group's log say of it."""

    title: str = ""
    topic: str = ""
    owner_id: int | None = None
    members: set[int] = field(default_factory=set)

    def take(self, event: LogEvent) -> None:
        if isinstance(event, ChatCreated):
            self.title, self.owner_id, self.members = event.title, event.sender_id, set(event.member_ids)
        elif isinstance(event, ChatChanged):
            self.title = self.title if event.title is None else event.title
            self.topic = self.topic if event.topic is None else event.topic
        elif isinstance(event, MembersChanged):
            self.members = (self.members | set(event.added)) - set(event.removed)
            self.owner_id = self.owner_id if event.owner_id is None else event.owner_id


@dataclass
class View:
    """A client's copy of its chats, kept by the rules of the protocol page and nothing else."""

    person: Person
    useq: int = 0
    logs: dict[int, list[LogEvent]] = field(default_factory=dict)
    settings: dict[int, Settings] = field(default_factory=dict)
    behind: dict[int, int] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)
    connections: int = 0

    async def follow(self, frames: int) -> None:
        """One connection: resume, take some frames, and drop the line without a word."""
        self.connections += 1
        self.gone.clear()
        async with self.person.server.socket() as socket:
            cursors = [(chat_id, len(log)) for chat_id, log in self.logs.items()]
            epoch = self.person.server.application.store.epoch
            token = self.person.tokens.access_token
            await socket.send(Hello(token=token, epoch=epoch, useq=self.useq, cursors=cursors))
            self._greeted(await socket.expect(Welcome))
            await self._fill(socket)
            for _ in range(frames):
                self._take(await socket.next())
                await self._fill(socket)
            socket.raw.transport.abort()

    def _greeted(self, welcome: Welcome) -> None:
        assert welcome.useq >= self.useq
        self.useq = welcome.useq
        for head in welcome.heads:
            self._know(head.chat_id, head.head, (head.pinned, head.muted_until, head.archived))
        for chat_id in welcome.left:
            self._forget(chat_id)

    def _take(self, frame: ServerFrame) -> None:
        if isinstance(frame, Joined | Left | ChatSettings | Seen):
            self.useq = max(self.useq, frame.useq)
        if isinstance(frame, Joined):
            chat = frame.chat
            self.gone.discard(chat.id)
            self._know(chat.id, chat.head, (chat.pinned, chat.muted_until, chat.archived))
        elif isinstance(frame, Left):
            self._forget(frame.chat_id)
            self.gone.add(frame.chat_id)
        elif isinstance(frame, ChatSettings):
            if frame.chat_id in self.logs:
                self.settings[frame.chat_id] = (frame.pinned, frame.muted_until, frame.archived)
        elif isinstance(frame, Events):
            assert frame.chat_id not in self.gone, "events of a chat that the user was told to have left"
            self._apply(frame.chat_id, frame.events)

    def _know(self, chat_id: int, head: int, settings: Settings) -> None:
        log = self.logs.setdefault(chat_id, [])
        self.settings[chat_id] = settings
        if head > len(log):
            self.behind[chat_id] = head

    def _forget(self, chat_id: int) -> None:
        for kept in (self.logs, self.settings, self.behind):
            kept.pop(chat_id, None)

    def _apply(self, chat_id: int, events: list[LogEvent]) -> None:
        log = self.logs.get(chat_id)
        for event in events if log is not None else ():
            assert log is not None
            if event.seq == len(log) + 1:
                log.append(event)
            elif event.seq > len(log):
                self.behind[chat_id] = event.seq

    async def _fill(self, socket: Socket) -> None:
        while self.behind:
            chat_id, head = self.behind.popitem()
            while chat_id in self.logs and len(self.logs[chat_id]) < head:
                await socket.send(Fetch(id=1, chat_id=chat_id, after_seq=len(self.logs[chat_id]), limit=7))
                if not await self._fetched(socket):
                    break

    async def _fetched(self, socket: Socket) -> bool:
        """Take frames up to the answer of a fetch; whether it was a page."""
        while True:
            frame = await socket.next()
            if isinstance(frame, Page):
                self._apply(frame.chat_id, frame.events)
                return True
            if isinstance(frame, Error):
                assert (frame.id, frame.error.code) == (1, "notMember")
                return False
            self._take(frame)


class Crowd:
    """People who do at random to their groups whatever the rules allow, and some that they do not."""

    def __init__(self, chance: random.Random, people: list[Person], groups: list[Chat]) -> None:
        self.chance = chance
        self.people = people
        self.groups = groups
        self.store = people[0].server.application.store
        self.chats = Chats(self.store)
        self.done = 0

    async def act(self, count: int) -> None:
        """So many attempts, a few at a time; a refusal is an answer, anything else an error."""
        acts = [self._rename, self._add, self._add, self._remove, self._hand_over, self._set, self._say]
        for _ in range(count):
            together = [self._try(self.chance.choice(acts)) for _ in range(self.chance.randrange(1, 4))]
            await asyncio.gather(*together)

    async def _try(self, act: Callable[[int, int], Awaitable[object]]) -> None:
        person, group = self.chance.choice(self.people), self.chance.choice(self.groups)
        try:
            await act(person.id, group.id)
            self.done += 1
        except ChatError as refusal:
            assert refusal.code in {"notMember", "notOwner", "memberNotFound"}, refusal

    def _someone(self) -> int:
        return self.chance.choice(self.people).id

    async def _rename(self, user_id: int, chat_id: int) -> None:
        word = self.chance.choice(["Tea", "Jam", "Milk"])
        wanted = GroupPatch(title=word) if self.chance.random() < 0.5 else GroupPatch(topic=word)
        await self.chats.describe(user_id, chat_id, wanted)

    async def _add(self, user_id: int, chat_id: int) -> None:
        await self.chats.add_members(user_id, chat_id, [self._someone(), self._someone()])

    async def _remove(self, user_id: int, chat_id: int) -> None:
        await self.chats.remove_member(user_id, chat_id, self._someone())

    async def _hand_over(self, user_id: int, chat_id: int) -> None:
        await self.chats.hand_over(user_id, chat_id, self._someone())

    async def _set(self, user_id: int, chat_id: int) -> None:
        wanted = SettingsPatch(pinned=self.chance.random() < 0.5, muted_until=self.chance.randrange(3))
        await self.chats.set_own(user_id, chat_id, wanted)

    async def _say(self, user_id: int, chat_id: int) -> None:
        author = next(person.user for person in self.people if person.id == user_id)
        await self.store.append([new_message(author, "text", chat_id=chat_id)])


@pytest.mark.parametrize("seed", range(4))
async def test_views_of_groups_end_as_the_truth(anna: Person, ben: Person, eve: Person, seed: int) -> None:
    """Memberships, owners, titles and settings, whoever was away when: after a resume all is as on the server."""
    chance = random.Random(seed)
    people = [anna, ben, eve, await anna.server.person("Kim")]
    crowd = Crowd(chance, people, [await people[n].group(f"G{n}", *people) for n in range(3)])
    views = [View(person) for person in people]
    acting = asyncio.ensure_future(crowd.act(150))

    async def watch(view: View) -> None:
        while not acting.done():
            await view.follow(frames=chance.randrange(5))

    async with asyncio.timeout(WAIT_S):
        watching = [asyncio.ensure_future(watch(view)) for view in views]
        await acting
        for task in watching:
            task.cancel()
        await asyncio.wait(watching)
        for task in watching:
            assert task.cancelled() or task.exception() is None, task.exception()
        assert crowd.done > 80
        assert all(view.connections > 1 for view in views)
        for view in views:
            await view.follow(frames=0)
            await agree(view)


async def agree(view: View) -> None:
    """The view is what the server would say now, and no log goes on after its owner was removed."""
    store = view.person.server.application.store
    truth = {chat.id: chat for chat in await store.chats(view.person.id, 0, 100)}
    assert set(view.logs) == set(view.settings) == set(truth)
    for chat_id, chat in truth.items():
        assert (chat.pinned, chat.muted_until, chat.archived) == view.settings[chat_id]
        events, more = await store.events(chat_id, after_seq=0, limit=1_000)
        assert not more
        assert view.logs[chat_id] == events
        assert [event.seq for event in events] == list(range(1, chat.head + 1))
        folded = Folded()
        for event in events:
            folded.take(event)
        members = {member.user_id for member in await store.members(view.person.id, chat_id, 0, 100)}
        assert folded == Folded(chat.title, chat.topic, chat.owner_id, members)
        assert chat.member_count == len(members)
        assert chat.owner_id in members
