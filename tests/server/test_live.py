"""Live delivery besides messages: presence, seen markers, repeated heads, changes of the users' list, slow readers."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chatproto import codec, limits
from chatproto.errors import CloseCode
from chatproto.frames import Ack, Error, Events, Heads, MarkSeen, Presence, Seen, Send, UsersChanged, Watch
from chatproto.models import ChatHead
from chatserver.app import Timing
from tests.support.server import FAST, WAIT_S, Person, RunningServer, Socket, outgoing, running_server


@pytest.fixture
async def fast(tmp_path: Path) -> AsyncIterator[RunningServer]:
    """A server with short intervals."""
    async with running_server(tmp_path / "data", FAST) as running:
        yield running


async def test_presence_is_told_whole_and_then_in_changes(fast: RunningServer) -> None:
    """Watching names every watched user; afterwards only those who come or go are named."""
    anna, ben, eve = [await fast.person(name) for name in ("Anna", "Ben", "Eve")]
    async with anna.socket() as watcher:
        async with ben.socket():
            await watcher.send(Watch(user_ids=[ben.id, eve.id]))
            first = await watcher.until(Presence)
            assert (first.online, first.offline) == ([ben.id], [eve.id])
            async with eve.socket():
                change = await watcher.until(Presence)
                assert (change.online, change.offline) == ([eve.id], [])
        gone: set[int] = set()
        while gone != {ben.id, eve.id}:
            change = await watcher.until(Presence)
            assert change.online == []
            gone.update(change.offline)


async def test_a_user_is_online_until_the_last_device_is_gone(fast: RunningServer) -> None:
    """Losing one of two connections is no news; the next news is the loss of the second."""
    anna, ben = [await fast.person(name) for name in ("Anna", "Ben")]
    phone = await fast.signed_in(ben.user)
    async with anna.socket() as watcher:
        async with phone.socket():
            async with ben.socket():
                await watcher.send(Watch(user_ids=[ben.id]))
                assert (await watcher.until(Presence)).online == [ben.id]
            await watcher.send(Watch(user_ids=[ben.id]))
            assert (await watcher.until(Presence)).online == [ben.id]
        assert (await watcher.until(Presence)).offline == [ben.id]


async def test_a_quick_reconnect_goes_unnoticed(tmp_path: Path) -> None:
    """Within the grace a lost connection is not told; news about another user comes first."""
    async with running_server(tmp_path / "data", Timing(presence_interval=0.01, presence_grace=3600.0)) as server:
        anna, ben, eve = [await server.person(name) for name in ("Anna", "Ben", "Eve")]
        async with anna.socket() as watcher:
            async with ben.socket():
                await watcher.send(Watch(user_ids=[ben.id, eve.id]))
                assert (await watcher.until(Presence)).online == [ben.id]
            async with ben.socket(), eve.socket():
                change = await watcher.until(Presence)
                assert (change.online, change.offline) == ([eve.id], [])


async def test_a_new_list_replaces_the_watched_users(fast: RunningServer) -> None:
    """Changes of users no longer watched are not told."""
    anna, ben, eve = [await fast.person(name) for name in ("Anna", "Ben", "Eve")]
    async with anna.socket() as watcher:
        await watcher.send(Watch(user_ids=[ben.id]))
        await watcher.until(Presence)
        await watcher.send(Watch(user_ids=[eve.id]))
        await watcher.until(Presence)
        async with ben.socket(), eve.socket():
            change = await watcher.until(Presence)
            assert (change.online, change.offline) == ([eve.id], [])


async def test_seen_markers_reach_the_users_own_devices_only(anna: Person, ben: Person) -> None:
    """Both devices of the reader are told, with what is still unread; a marker never moves back or past the head."""
    chat = await anna.direct(ben)
    phone = await ben.server.signed_in(ben.user)
    async with anna.socket() as author, ben.socket() as first, phone.socket() as second:
        await author.send_messages(*(outgoing(f"text {n}", chat_id=chat.id) for n in range(3)))
        for seq, expected, unread in ((2, 2, 1), (99, 3, 0)):
            await first.send(MarkSeen(chat_id=chat.id, seq=seq))
            for socket in (first, second):
                seen = await socket.until(Seen)
                assert (seen.chat_id, seen.seq, seen.unread) == (chat.id, expected, unread)
        await first.send(MarkSeen(chat_id=chat.id, seq=1))
        await author.say(chat, "last")
        assert isinstance(await first.next(), Events)
        assert isinstance(await author.until(Events, lambda frame: frame.events[-1].seq == 4), Events)
    async with ben.socket() as socket:
        assert socket.welcome is not None
        (head,) = socket.welcome.heads
        assert (head.seen, head.head, head.unread) == (3, 4, 1)


async def test_many_seen_markers_at_once_end_at_the_highest(anna: Person, ben: Person) -> None:
    """Markers of one chat that wait together are stored as one."""
    chat = await anna.direct(ben)
    async with anna.socket() as author, ben.socket() as reader:
        await author.send_messages(*(outgoing(f"text {n}", chat_id=chat.id) for n in range(100)))
        for seq in range(1, 101):
            await reader.send(MarkSeen(chat_id=chat.id, seq=seq))
        await reader.until(Seen, lambda frame: frame.seq == 100)


async def test_heads_of_active_chats_are_repeated(fast: RunningServer) -> None:
    """A session that missed a last event learns of it; chats of others are not named."""
    anna, ben, eve = [await fast.person(name) for name in ("Anna", "Ben", "Eve")]
    chat, other = await anna.direct(ben), await anna.direct(eve)
    async with anna.socket() as author, anna.socket() as phone, ben.socket() as reader:
        first = await author.say(chat, "hello")
        await author.say(other, "hello")
        frame = await reader.until(Heads)
        assert frame.heads == [ChatHead(chat_id=chat.id, head=1, head_at=first.at or 0)]
        named: set[int] = set()
        while named != {chat.id, other.id}:  # not by the author's socket: heads that come before an ack are dropped
            named.update(head.chat_id for head in (await phone.until(Heads)).heads)


async def test_new_users_are_announced_to_everybody(fast: RunningServer) -> None:
    """Several changes are told together, with the newest rev."""
    anna = await fast.person("Anna")
    async with anna.socket() as socket:
        added = [await fast.user(name) for name in ("Ben", "Cleo", "Dora")]
        frame = await socket.until(UsersChanged, lambda frame: frame.rev == added[-1].rev)
        page = (await anna.http.get("/users", params={"since": anna.user.rev})).json()
        assert [user["id"] for user in page["users"]] == [user.id for user in added]
        assert frame.rev == page["users"][-1]["rev"]


async def test_a_slow_reader_is_closed_and_loses_nothing(tmp_path: Path) -> None:
    """Its queue is bounded; others are not held up; it resumes from its cursor and misses nothing."""
    count = 600
    async with running_server(tmp_path / "data", outbox_bytes=65_536) as server:
        anna, ben = await server.person("Anna"), await server.person("Ben")
        chat = await anna.direct(ben)
        async with ben.socket() as slow, anna.socket() as author:
            slow.raw.transport.pause_reading()
            reading = asyncio.ensure_future(_acks(author, count))
            for number in range(count):
                await author.send(Send(id=number, messages=[outgoing("x" * 16_000, chat_id=chat.id)]))
            async with asyncio.timeout(WAIT_S):
                await reading
            slow.raw.transport.resume_reading()
            assert (await slow.closed())[0] == CloseCode.SLOW
        async with ben.socket(cursors=[(chat.id, 0)]) as socket:
            assert socket.welcome is not None
            assert [head.head for head in socket.welcome.heads] == [count]


async def _acks(socket: Socket, count: int) -> None:
    for _ in range(count):
        await socket.until(Ack)


async def test_presence_that_could_not_be_sent_is_told_when_there_is_room(fast: RunningServer) -> None:
    """A reader that falls behind gets the whole state once it has caught up, instead of every change."""
    anna, ben, eve = [await fast.person(name) for name in ("Anna", "Ben", "Eve")]
    chat = await anna.direct(ben)
    async with ben.socket() as reader, anna.socket() as author:
        await reader.send(Watch(user_ids=[eve.id]))
        await reader.until(Presence)
        session = next(iter(fast.application.hub._by_user[ben.id]))
        reader.raw.transport.pause_reading()
        while not session.link.paused:
            await author.say(chat, "x" * 16_000)
        async with eve.socket():
            async with asyncio.timeout(WAIT_S):
                while not session.outbox._lapsed:
                    await author.say(chat, "tick")
            reader.raw.transport.resume_reading()
            assert (await reader.until(Presence)).online == [eve.id]


BAD_FRAMES: list[tuple[str, str, int | None]] = [
    ('{"type":"noSuchThing","id":4}', "unknownType", 4),
    ('{"type":"send","id":5,"messages":[]}', "invalidFrame", 5),
    ('{"type":"send","id":6,"messages":[{"text":"x","clientId":"AAAA","chatId":1}]}', "invalidFrame", 6),
    ('{"type":"send","id":-1,"messages":[]}', "invalidFrame", None),
    ('{"type":"fetch","id":7}', "invalidFrame", 7),
    ('{"type":"fetch","id":8,"chatId":0}', "invalidFrame", 8),
    ('{"type":"fetch","id":9,"chatId":5,"limit":201}', "invalidFrame", 9),
    ('{"type":"fetch","id":"x","chatId":5}', "invalidFrame", None),
    ('{"type":"markSeen","chatId":281474976710656,"seq":1}', "invalidFrame", None),
    ('{"type":"watch","userIds":[' + ",".join(["1"] * 501) + "]}", "invalidFrame", None),
    ('{"type":7}', "invalidFrame", None),
    ("{}", "invalidFrame", None),
    ("[]", "invalidFrame", None),
    ("null", "invalidFrame", None),
    ('"text"', "invalidFrame", None),
]
"""Frames, the code of the refusal, and the request that it names."""


async def test_a_frame_of_the_wrong_shape_is_refused_and_the_connection_goes_on(anna: Person) -> None:
    """The refusal names the request where that can still be read."""
    for seq, (frame, code, request_id) in enumerate(BAD_FRAMES, 1):
        async with anna.socket() as socket:
            await socket.raw.send(frame)
            refusal = await socket.expect(Error)
            assert (refusal.error.code, refusal.id, refusal.error.temporary) == (code, request_id, False), frame
            assert (await socket.send_messages(outgoing("still here", user_id=anna.id)))[0].seq == seq


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("nonsense", "invalidJson"),
        ("", "invalidJson"),
        ('{"type":"send","more":' + "[" * 100_000, "invalidJson"),
        (b'{"type":"watch","userIds":[]}', "invalidFrame"),
        (b"\xff\xfe", "invalidFrame"),
    ],
)
async def test_what_is_no_frame_at_all_ends_the_connection(anna: Person, data: str | bytes, code: str) -> None:
    """A peer that does not speak the protocol is told so, and what it had sent before is acknowledged first."""
    async with anna.socket() as socket:
        await socket.send(Send(id=1, messages=[outgoing("before", user_id=anna.id)]))
        await socket.raw.send(data)
        await socket.until(Ack)
        assert (await socket.until(Error)).error.code == code
        assert (await socket.closed())[0] == CloseCode.BAD_FRAME


async def test_a_frame_above_the_cap_ends_the_connection(anna: Person) -> None:
    """It is refused by its announced size, before it is read (RFC 6455 code 1009)."""
    async with anna.socket() as socket:
        await socket.raw.send("x" * (limits.FRAME_MAX_BYTES + 1))
        assert (await socket.closed())[0] == 1009


async def test_text_that_is_not_utf8_ends_the_connection(anna: Person, caplog: pytest.LogCaptureFixture) -> None:
    """RFC 6455 code 1007, and no traceback in the log."""
    async with anna.socket() as socket:
        await socket.raw.send(b"\xff\xfe", text=True)
        assert (await socket.closed())[0] == 1007
    assert not caplog.records


async def test_fragmented_messages_are_put_together(anna: Person) -> None:
    """A frame may arrive in several WebSocket fragments."""
    text = codec.encode_text(Send(id=3, messages=[outgoing("whole", user_id=anna.id)]))
    async with anna.socket() as socket:
        await socket.raw.send(iter([text[:10], text[10:50], text[50:]]))
        assert (await socket.expect(Ack)).results[0].seq == 1
