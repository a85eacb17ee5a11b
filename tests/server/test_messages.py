"""Sending over the WebSocket: acks, fan-out, order, duplicates and refusals."""

import asyncio

import pytest

from chatproto import limits
from chatproto.frames import Ack, Error, Events, Fetch, Joined, Page, Send
from chatproto.models import ChatCreated, Message
from tests.support.server import Person, Socket, outgoing


async def test_a_message_is_acknowledged_and_delivered_to_both(anna: Person, ben: Person) -> None:
    """The author gets an ack first and then, like the other member, the event with the same place."""
    chat = await anna.direct(ben)
    async with anna.socket() as first, ben.socket() as second:
        message = outgoing("hello", chat_id=chat.id)
        await first.send(Send(id=7, messages=[message]))
        ack = await first.expect(Ack)
        assert ack.id == 7
        assert ack.results[0].seq == 1
        for socket in (first, second):
            events = await socket.expect(Events)
            (event,) = events.events
            assert isinstance(event, Message)
            assert (events.chat_id, event.seq, event.text) == (chat.id, 1, "hello")
            assert (event.sender_id, event.client_id) == (anna.id, message.client_id)
            assert event.at == ack.results[0].at


async def test_pipelined_sends_are_acknowledged_in_order_and_stored_in_order(anna: Person, ben: Person) -> None:
    """Many sends without waiting: acks come in the order of the frames, and so do the events, without holes."""
    chat = await anna.direct(ben)
    count = 300
    async with anna.socket() as author, ben.socket() as reader:
        for number in range(count):
            await author.send(Send(id=number, messages=[outgoing(f"text {number}", chat_id=chat.id)]))
        acks = [await author.until(Ack) for _ in range(count)]
        assert [ack.id for ack in acks] == list(range(count))
        assert [ack.results[0].seq for ack in acks] == list(range(1, count + 1))
        texts = await _read_texts(reader, count)
        assert texts == [f"text {number}" for number in range(count)]


async def test_the_events_of_one_commit_travel_in_one_frame(anna: Person, ben: Person) -> None:
    """A list of messages to one chat costs its readers one frame."""
    chat = await anna.direct(ben)
    async with anna.socket() as author, ben.socket() as reader:
        await author.send_messages(*(outgoing(f"text {number}", chat_id=chat.id) for number in range(100)))
        events = await reader.expect(Events)
        assert [event.seq for event in events.events] == list(range(1, 101))


async def test_a_large_commit_leaves_in_several_frames(anna: Person, ben: Person) -> None:
    """No frame carries more text than the protocol allows, and nothing is lost or out of order between frames."""
    chat = await anna.direct(ben)
    count = 2 * limits.EVENTS_MAX_TEXT_BYTES // limits.MESSAGE_MAX_BYTES
    async with anna.socket() as author, ben.socket() as reader:
        for start in range(0, count, 8):
            batch = [outgoing("x" * limits.MESSAGE_MAX_BYTES, chat_id=chat.id) for _ in range(8)]
            await author.send(Send(id=start, messages=batch))
        author_reads = asyncio.ensure_future(author.closed())
        seen: list[int] = []
        while len(seen) < count:
            frame = await reader.expect(Events)
            texts = [event.text for event in frame.events if isinstance(event, Message)]
            assert sum(map(len, texts)) <= limits.EVENTS_MAX_TEXT_BYTES
            seen.extend(event.seq for event in frame.events)
        assert seen == list(range(1, count + 1))
        await author.raw.close()
        await author_reads


async def test_sending_again_returns_the_first_place(anna: Person, ben: Person) -> None:
    """The same client id is stored once, within a frame, between frames and between connections."""
    chat = await anna.direct(ben)
    message = outgoing("once", chat_id=chat.id)
    async with anna.socket() as socket, ben.socket() as reader:
        first, again = await socket.send_messages(message, message)
        (later,) = await socket.send_messages(message)
        assert not first.duplicate
        for result in (again, later):
            assert result.duplicate
            assert (result.seq, result.at, result.chat_id) == (first.seq, first.at, first.chat_id)
        async with anna.socket() as other:
            assert (await other.send_messages(message))[0].duplicate
        await socket.send_messages(outgoing("next", chat_id=chat.id))
        assert await _read_texts(reader, 2) == ["once", "next"]


async def test_a_client_id_cannot_be_used_for_other_content(anna: Person, ben: Person) -> None:
    """Another text under a known client id is refused for good, and changes nothing."""
    chat = await anna.direct(ben)
    message = outgoing("one", chat_id=chat.id)
    async with anna.socket() as socket:
        await socket.send_messages(message)
        other = outgoing("two", chat_id=chat.id)
        conflict = type(message)(client_id=message.client_id, text="two", chat_id=chat.id)
        results = await socket.send_messages(conflict, other)
    assert results[0].error is not None
    assert (results[0].error.code, results[0].error.temporary) == ("clientIdConflict", False)
    assert results[1].seq == 2


REFUSED: list[tuple[dict[str, object], str]] = [
    ({"text": ""}, "textEmpty"),
    ({"text": " \n\t "}, "textEmpty"),
    ({"text": "bell\x07"}, "textNotAllowed"),
    ({"text": "x" * (limits.MESSAGE_MAX_BYTES + 1)}, "textTooLong"),
    ({"text": "€" * (limits.MESSAGE_MAX_BYTES // 3 + 1)}, "textTooLong"),
    ({"chat_id": None}, "invalidFrame"),
    ({"user_id": 5}, "invalidFrame"),
    ({"chat_id": 1}, "notMember"),
    ({"chat_id": None, "user_id": 1}, "userNotFound"),
    ({"chat_id": None, "email": "nobody@example.org"}, "userNotFound"),
    ({"chat_id": None, "email": "no address"}, "emailInvalid"),
]
"""What is wrong with a message, and the code of the refusal."""


async def test_a_final_refusal_concerns_one_message_only(anna: Person, ben: Person) -> None:
    """The messages before and after the refused one are stored."""
    chat = await anna.direct(ben)
    async with anna.socket() as socket:
        for number, (fields, code) in enumerate(REFUSED):
            target: dict[str, object] = {"chat_id": chat.id, **fields}
            refused = outgoing(str(target.pop("text", "hello")), **target)
            before, result, after = await socket.send_messages(
                outgoing("before", chat_id=chat.id), refused, outgoing("after", chat_id=chat.id)
            )
            assert result.error is not None, fields
            assert (result.error.code, result.error.temporary) == (code, False), fields
            assert result.client_id == refused.client_id
            assert (before.seq, after.seq) == (2 * number + 1, 2 * number + 2)


async def test_a_temporary_refusal_refuses_the_rest_of_the_list(anna: Person, ben: Person) -> None:
    """Nothing overtakes a message that has to be sent again; final refusals stay what they are."""
    chat = await anna.direct(ben)
    async with anna.socket() as socket:
        await anna.server.application.store.close()
        results = await socket.send_messages(
            outgoing("", chat_id=chat.id), outgoing("one", chat_id=chat.id), outgoing("two", chat_id=chat.id)
        )
    errors = [result.error for result in results]
    assert [error.code if error else None for error in errors] == ["textEmpty", "shuttingDown", "refusedBefore"]
    assert [error.temporary if error else None for error in errors] == [False, True, True]


@pytest.mark.parametrize("by", ["user_id", "email"])
async def test_writing_to_a_person_makes_the_direct_chat(anna: Person, ben: Person, by: str) -> None:
    """Both sides join the chat before its first event; the next message goes to the same chat."""
    target = {"user_id": ben.id} if by == "user_id" else {"email": "  BEN@Example.org "}
    async with anna.socket() as author, ben.socket() as reader:
        await author.send(Send(id=1, messages=[outgoing("hello", **target), outgoing("again", **target)]))
        ack = await author.expect(Ack)
        for socket, peer in ((author, ben), (reader, anna)):
            joined = await socket.expect(Joined)
            assert (joined.chat.kind, joined.chat.peer_id) == ("direct", peer.id)
            events = await socket.expect(Events)
            assert [event.seq for event in events.events] == [1, 2]
            assert events.chat_id == joined.chat.id == ack.results[0].chat_id
        (third,) = await author.send_messages(outgoing("third", **target))
        assert (third.chat_id, third.seq) == (ack.results[0].chat_id, 3)


async def test_a_message_to_oneself_is_a_note(anna: Person) -> None:
    """The direct chat with oneself works like any other."""
    async with anna.socket() as socket:
        first, second = await socket.send_messages(
            outgoing("note", user_id=anna.id), outgoing("another", email=anna.user.email)
        )
        assert (first.seq, second.seq) == (1, 2)
        assert first.chat_id == second.chat_id


async def test_a_new_group_reaches_its_members_live(anna: Person, ben: Person, eve: Person) -> None:
    """Every member joins and reads the creation; everybody else hears nothing."""
    async with ben.socket() as member, eve.socket() as stranger:
        answer = await anna.http.post("/chats", json={"kind": "group", "title": " Tea ", "memberIds": [ben.id]})
        assert answer.status_code == 201
        joined = await member.expect(Joined)
        assert (joined.chat.id, joined.chat.title, joined.chat.member_count) == (answer.json()["id"], "Tea", 2)
        (created,) = (await member.expect(Events)).events
        assert isinstance(created, ChatCreated)
        assert (created.seq, created.title, created.sender_id) == (1, "Tea", anna.id)
        assert sorted(created.member_ids) == sorted([anna.id, ben.id])
        await stranger.send(Fetch(id=1, chat_id=joined.chat.id))
        assert (await stranger.expect(Error)).error.code == "notMember"


async def test_fetch_pages_through_the_log_in_both_directions(anna: Person, ben: Person) -> None:
    """Pages ascend, `hasMore` is exact in the direction asked for, and the answer names its request."""
    chat = await anna.direct(ben)
    async with anna.socket() as socket:
        await socket.send_messages(*(outgoing(f"text {n}", chat_id=chat.id) for n in range(1, 11)))

        async def fetch(**bounds: int) -> tuple[list[int], bool]:
            await socket.send(Fetch(id=99, chat_id=chat.id, **bounds))
            page = await socket.until(Page)
            assert (page.id, page.chat_id) == (99, chat.id)
            return [event.seq for event in page.events], page.has_more

        assert await fetch() == (list(range(1, 11)), False)
        assert await fetch(limit=3) == ([8, 9, 10], True)
        assert await fetch(before_seq=8, limit=7) == (list(range(1, 8)), False)
        assert await fetch(before_seq=8, limit=6) == (list(range(2, 8)), True)
        assert await fetch(after_seq=7, limit=3) == ([8, 9, 10], False)
        assert await fetch(after_seq=7, limit=2) == ([8, 9], True)
        assert await fetch(after_seq=10) == ([], False)
        assert await fetch(before_seq=1) == ([], False)
        await socket.send(Fetch(id=5, chat_id=chat.id, before_seq=3, after_seq=1))
        refusal = await socket.expect(Error)
        assert (refusal.id, refusal.error.code) == (5, "invalidFrame")


async def _read_texts(socket: Socket, count: int) -> list[str]:
    texts: list[str] = []
    while len(texts) < count:
        frame = await socket.expect(Events)
        texts.extend(event.text for event in frame.events if isinstance(event, Message))
    return texts
