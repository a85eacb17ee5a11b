"""Changing messages over the WebSocket and over REST: answers, order, fan-out, refusals, strangers."""

import asyncio
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import pytest

from chatproto import codec, limits
from chatproto.errors import CODES
from chatproto.frames import Ack, ClientFrame, Delete, Done, Edit, Error, Events, Fetch, Pin, React, Seen, Send
from chatproto.models import Chat, Message, MessageChanged, MessageRef, Reaction, event_id
from chatproto.rest import MessagesPage, PinnedMessages, SeenAnswer, SeenByPage, SeenMarkersPage
from tests.support.files import put
from tests.support.server import Person, Socket, outgoing


@pytest.fixture
async def group(anna: Person, ben: Person) -> Chat:
    """Anna's group, with Ben."""
    return await anna.group("garden", ben)


async def ask(socket: Socket, frame: ClientFrame) -> Done | Error:
    """Send a frame and wait for its answer; other frames are dropped."""
    await socket.send(frame)
    while True:
        answer = await socket.next()
        if isinstance(answer, Done | Error):
            return answer


def message_of(answer: httpx.Response, status: int = 200) -> Message:
    assert answer.status_code == status, answer.text
    return codec.decode_body(answer.content, Message)


def code_of(answer: httpx.Response) -> str:
    """The code of a refusal, which must have the code's status."""
    code = str(answer.json()["error"]["code"])
    assert answer.status_code == CODES[code].http_status
    return code


# --- frames


async def test_every_change_is_answered_and_reaches_all_members(anna: Person, ben: Person, group: Chat) -> None:
    """The event's seq is the answer's, and its message is whole."""
    async with anna.socket() as author, ben.socket() as reader:
        place = await author.say(group, "frist")
        at: dict[str, Any] = {"chat_id": group.id, "seq": place.seq or 0}
        frames: list[ClientFrame] = [
            Edit(id=1, text="first", mentions=[ben.id], **at),
            React(id=2, emoji="👍", **at),
            Pin(id=3, **at),
            React(id=4, emoji="👍", on=False, **at),
            Pin(id=5, on=False, **at),
            Delete(id=6, **at),
        ]
        for number, frame in enumerate(frames, start=1):
            answer = await ask(author, frame)
            assert answer == Done(id=number, seq=(place.seq or 0) + number)
        events: list[MessageChanged] = []
        while len(events) < len(frames):
            got = await reader.until(Events)
            events += [event for event in got.events if isinstance(event, MessageChanged)]
    assert [(event.change, event.emoji) for event in events] == [
        ("edited", ""),
        ("reacted", "👍"),
        ("pinned", ""),
        ("unreacted", "👍"),
        ("unpinned", ""),
        ("deleted", ""),
    ]
    assert all(event.message.rev == event.seq for event in events)
    edited, reacted, pinned, *_, deleted = [event.message for event in events]
    assert (edited.text, edited.mentions, edited.edited_at) == ("first", [ben.id], events[0].at)
    assert reacted.reactions == [Reaction(emoji="👍", user_ids=[anna.id])]
    assert pinned.pinned
    assert deleted.deleted
    assert (deleted.text, deleted.mentions, deleted.client_id) == ("", [], place.client_id)


async def test_a_change_takes_effect_after_the_sends_before_it(anna: Person, group: Chat) -> None:
    """Nothing is waited for between sends and the changes of what they store."""
    seqs = range(2, 42)
    async with anna.socket() as socket:
        for seq in seqs:
            await socket.send(Send(id=seq, messages=[outgoing("x", chat_id=group.id)]))
        for seq in seqs:
            await socket.send(Edit(id=seq, chat_id=group.id, seq=seq, text=f"edited {seq}"))
        assert [(await socket.until(Done)).id for _ in seqs] == list(seqs)
    stored, _ = await anna.server.application.store.messages(group.id, limit=50)
    assert [message.text for message in stored] == [f"edited {seq}" for seq in seqs]


async def test_changes_at_the_same_time_are_answered_in_order(anna: Person, group: Chat) -> None:
    """Far more than wait at once, without waiting for answers; other requests are served in between."""
    async with anna.socket() as socket:
        place = await socket.say(group, "text")
        count = 300
        for number in range(count):
            on = number % 2 == 0
            await socket.send(React(id=number, chat_id=group.id, seq=place.seq or 0, emoji="👍", on=on))
        await socket.send(Fetch(id=count, chat_id=group.id, limit=1))
        done = [await socket.until(Done) for _ in range(count)]
    assert [answer.id for answer in done] == list(range(count))
    assert [answer.seq for answer in done] == list(range((place.seq or 0) + 1, (place.seq or 0) + count + 1))


async def test_what_was_taken_is_carried_out_though_the_line_is_lost(anna: Person, group: Chat) -> None:
    """As with sends: the answer may be lost, the change is not."""
    async with anna.socket() as socket:
        place = await socket.say(group, "text")
        for emoji in "🌱🌿🌳":
            await socket.send(React(id=1, chat_id=group.id, seq=place.seq or 0, emoji=emoji))
        await socket.raw.close()
    async with anna.socket() as socket:
        await socket.say(group, "behind them")
    message = await anna.server.application.store.message(group.id, place.seq or 0)
    assert message is not None
    assert [reaction.emoji for reaction in message.reactions] == ["🌱", "🌿", "🌳"]


NO_CHANGES: list[tuple[ClientFrame, str]] = [
    (Edit(id=7, chat_id=1, seq=2, text=""), "textEmpty"),
    (Edit(id=7, chat_id=1, seq=2, text="\a"), "textNotAllowed"),
    (Edit(id=7, chat_id=1, seq=2, text="x" * 16_385), "textTooLong"),
    (Edit(id=7, chat_id=1, seq=3, text="x"), "notAuthor"),
    (Edit(id=7, chat_id=1, seq=2, text="x", mentions=[1]), "mentionsInvalid"),
    (Edit(id=7, chat_id=1, seq=1, text="x"), "messageNotFound"),
    (Delete(id=7, chat_id=1, seq=99), "messageNotFound"),
    (React(id=7, chat_id=1, seq=2, emoji="a"), "reactionInvalid"),
    (React(id=7, chat_id=1, seq=2, emoji="👍👍"), "reactionInvalid"),
    (React(id=7, chat_id=1, seq=99, emoji="👍"), "messageNotFound"),
    (Pin(id=7, chat_id=1, seq=99), "messageNotFound"),
]
"""Changes that are refused, and with which code."""


async def test_a_refused_change_says_why_and_changes_nothing(anna: Person, ben: Person, group: Chat) -> None:
    """The refusal names its request; the log stays as it was."""
    async with anna.socket() as socket, ben.socket() as other:
        await socket.say(group, "mine")
        await other.say(group, "Ben's")
        for change, code in NO_CHANGES:
            answer = await ask(socket, msgspec.structs.replace(change, chat_id=group.id))
            assert isinstance(answer, Error)
            assert (answer.id, answer.error.code) == (7, code), change
            chat = await anna.server.application.store.chat(anna.id, group.id)
            assert chat is not None
            assert chat.head == 3, change


async def test_strangers_cannot_change_what_they_cannot_see(anna: Person, eve: Person, group: Chat) -> None:
    """A foreign chat looks exactly like one that does not exist, in frames and over REST."""
    async with anna.socket() as socket:
        place = await socket.say(group, "between us")
    async with eve.socket() as stranger:
        for chat_id in (group.id, 1):
            at: dict[str, Any] = {"chat_id": chat_id, "seq": place.seq or 0}
            for frame in (
                Edit(id=1, text="x", **at),
                Delete(id=1, **at),
                React(id=1, emoji="👍", **at),
                Pin(id=1, **at),
            ):
                refusal = await ask(stranger, frame)
                assert isinstance(refusal, Error)
                assert refusal.error.code == "notMember"
            forward = outgoing("", user_id=eve.id, forward=MessageRef(**at))
            (result,) = await stranger.send_messages(forward)
            assert result.error is not None
            assert result.error.code == "messageNotFound"
    for chat_id in (group.id, 1):
        base = f"/chats/{chat_id}"
        one = f"{base}/messages/{place.seq}"
        calls: list[tuple[str, str, object]] = [
            *[("GET", path, None) for path in (one, f"{one}/seen", f"{base}/seen", f"{base}/pins")],
            ("GET", f"{base}/messages?around=2", None),
            ("POST", f"{base}/messages", {"text": "x"}),
            ("POST", f"{base}/messages/seen", {"messageIds": [event_id(chat_id, place.seq or 0)]}),
            ("PATCH", one, {"text": "x"}),
            *[("DELETE", path, None) for path in (one, f"{one}/pin", f"{one}/reactions/%F0%9F%91%8D")],
            *[("PUT", path, None) for path in (f"{one}/pin", f"{one}/reactions/%F0%9F%91%8D")],
        ]
        for method, path, body in calls:
            answer = await eve.http.request(method, path, json=body)
            assert (code_of(answer), method, path) == ("notMember", method, path)
            assert "between us" not in answer.text


async def test_acks_and_changes_of_other_people_do_not_mix(anna: Person, ben: Person, group: Chat) -> None:
    """Two members react to the same messages while both send: each gets their own answers."""
    async with anna.socket() as one, ben.socket() as two:
        place = await one.say(group, "text")

        async def work(socket: Socket, first: int) -> list[int]:
            for number in range(first, first + 30):
                await socket.send(Send(id=number, messages=[outgoing(f"m{number}", chat_id=group.id)]))
                await socket.send(
                    React(id=number, chat_id=group.id, seq=place.seq or 0, emoji="👍", on=number % 2 == 0)
                )
            answers: list[int] = []
            while len(answers) < 60:
                frame = await socket.next()
                if isinstance(frame, Ack | Done):
                    answers.append(frame.id)
            return answers

        for answers, first in zip(await asyncio.gather(work(one, 0), work(two, 100)), (0, 100), strict=True):
            assert sorted(answers) == sorted([*range(first, first + 30)] * 2)


async def test_a_forwarded_file_is_shown_where_it_was_forwarded_to(
    anna: Person, ben: Person, eve: Person, group: Chat
) -> None:
    """Those who were given it keep it when the first message is deleted; those who were not never get it."""
    file = await put(anna, b"seeds", "seeds.txt")
    url = f"/files/{file.id}"
    async with anna.socket() as author, ben.socket() as reader:
        (place,) = await author.send_messages(outgoing("", chat_id=group.id, file_ids=[file.id]))
        assert code_of(await eve.http.get(url)) == "fileNotFound"
        forward = MessageRef(chat_id=group.id, seq=place.seq or 0)
        (copied,) = await reader.send_messages(outgoing("", user_id=eve.id, forward=forward))
        assert isinstance(await ask(author, Delete(id=1, chat_id=group.id, seq=place.seq or 0)), Done)
    message = message_of(await eve.http.get(f"/chats/{copied.chat_id}/messages/{copied.seq}"))
    assert (message.files, message.text) == ([file], "")
    assert message.forwarded is not None
    assert message.forwarded.sender_id == anna.id
    assert (await eve.http.get(url)).content == b"seeds"
    assert (await ben.http.delete(f"/chats/{copied.chat_id}/messages/{copied.seq}")).status_code == 204
    assert code_of(await eve.http.get(url)) == "fileNotFound"


# --- REST


async def test_a_message_is_sent_once_over_rest(anna: Person, ben: Person, group: Chat) -> None:
    """201 and the message, 200 for the same client id again, 409 for other content under it; readers hear it once."""
    url = f"/chats/{group.id}/messages"
    body = {"text": " hello ", "clientId": "AAECAwQFBgcICQoLDA0ODw==", "mentions": [ben.id]}
    async with ben.socket() as reader:
        first = message_of(await anna.http.post(url, json=body), 201)
        assert (first.seq, first.text, first.sender_id, first.mentions) == (2, " hello", anna.id, [ben.id])
        assert message_of(await anna.http.post(url, json=body), 200) == first
        assert code_of(await anna.http.post(url, json={**body, "mentions": []})) == "clientIdConflict"
        assert message_of(await anna.http.get(f"{url}/2")) == first
        without = [message_of(await anna.http.post(url, json={"text": "twice"}), 201) for _ in range(2)]
        assert [message.seq for message in without] == [3, 4]
        assert without[0].client_id != without[1].client_id
        assert [(await reader.expect(Events)).events for _ in range(3)] == [[first], *[[each] for each in without]]
    refusals = {
        "textEmpty": {"text": ""},
        "textNotAllowed": {"text": "\a"},
        "mentionsInvalid": {"text": "x", "mentions": [1]},
        "fileNotFound": {"fileIds": [1]},
        "messageNotFound": {"text": "x", "replyTo": 99},
        "invalidFrame": {"text": "x", "forward": {"chatId": group.id, "seq": 2}},
    }
    for code, refused in refusals.items():
        assert code_of(await anna.http.post(url, json=refused)) == code
    assert code_of(await anna.http.post(url, json={"text": "x", "clientId": "AAEC"})) == "invalidFrame"
    assert (
        code_of(await anna.http.post(url, json={"fileIds": [1], "forward": {"chatId": 1, "seq": 1}})) == "invalidFrame"
    )


async def test_changes_over_rest(anna: Person, ben: Person, group: Chat) -> None:
    """Each answers with the message as it is now, and may be repeated."""
    url = f"/chats/{group.id}/messages"
    message = message_of(await anna.http.post(url, json={"text": "frist"}), 201)
    one = f"{url}/{message.seq}"
    for _ in range(2):
        edited = message_of(await anna.http.patch(one, json={"text": "first"}))
        assert (edited.text, edited.rev) == ("first", 3)
    assert code_of(await ben.http.patch(one, json={"text": "x"})) == "notAuthor"
    keycap = quote("#\ufe0f\u20e3")
    for _ in range(2):
        reacted = message_of(await ben.http.put(f"{one}/reactions/{keycap}"))
        assert reacted.reactions == [Reaction(emoji="#\ufe0f\u20e3", user_ids=[ben.id])]
    assert message_of(await anna.http.delete(f"{one}/reactions/{keycap}")) == reacted
    assert message_of(await ben.http.delete(f"{one}/reactions/{keycap}")).reactions == []
    for wrong in ("a", "1", "%20", "%E2%80%8D", "%FF", "x" * 17, quote("👍👎")):
        assert code_of(await ben.http.put(f"{one}/reactions/{wrong}")) == "reactionInvalid"
    for _ in range(2):
        pinned = message_of(await ben.http.put(f"{one}/pin"))
        assert pinned.pinned
    answer = await anna.http.get(f"/chats/{group.id}/pins")
    assert codec.decode_body(answer.content, PinnedMessages).messages == [pinned]
    assert not message_of(await anna.http.delete(f"{one}/pin")).pinned
    assert code_of(await ben.http.delete(one)) == "notAuthor"
    for _ in range(2):
        assert (await anna.http.delete(one)).status_code == 204
    gone = message_of(await ben.http.get(one))
    assert (gone.deleted, gone.text, gone.rev) == (True, "", 8)
    page = codec.decode_body((await ben.http.get(url)).content, MessagesPage)
    assert page.messages == [gone]
    for again in (ben.http.put(f"{one}/pin"), anna.http.patch(one, json={"text": "x"})):
        assert code_of(await again) == "messageNotFound"


async def test_the_owner_deletes_in_a_group_of_their_own(anna: Person, ben: Person, group: Chat) -> None:
    """And nobody deletes the other's messages in a direct chat."""
    theirs = message_of(await ben.http.post(f"/chats/{group.id}/messages", json={"text": "x"}), 201)
    assert (await anna.http.delete(f"/chats/{group.id}/messages/{theirs.seq}")).status_code == 204
    direct = await anna.direct(ben)
    theirs = message_of(await ben.http.post(f"/chats/{direct.id}/messages", json={"text": "x"}), 201)
    assert code_of(await anna.http.delete(f"/chats/{direct.id}/messages/{theirs.seq}")) == "notAuthor"


async def test_a_page_around_a_message(anna: Person, group: Chat) -> None:
    """Both ends are told exactly, and the bounds exclude each other."""
    async with anna.socket() as socket:
        await socket.send_messages(*(outgoing(f"text {n}", chat_id=group.id) for n in range(2, 12)))

    async def around(seq: int, limit: int) -> tuple[list[int], bool, bool | None, bool | None]:
        answer = await anna.http.get(f"/chats/{group.id}/messages", params={"around": seq, "limit": limit})
        page = codec.decode_body(answer.content, MessagesPage)
        return [each.seq for each in page.messages], page.has_more, page.has_more_before, page.has_more_after

    assert await around(6, 5) == ([4, 5, 6, 7, 8], True, True, True)
    assert await around(2, 4) == ([2, 3], True, False, True)
    assert await around(11, 4) == ([9, 10, 11], True, True, False)
    assert await around(6, 200) == (list(range(2, 12)), False, False, False)
    assert await around(99, 4) == ([10, 11], True, True, False)
    answer = await anna.http.get(f"/chats/{group.id}/messages?around=2&beforeSeq=3")
    assert code_of(answer) == "invalidFrame"


async def test_seen_messages_by_their_ids(anna: Person, ben: Person, group: Chat) -> None:
    """The marker moves to the last known id; unknown and foreign ids are told; repeating changes nothing."""
    direct = await anna.direct(ben)
    async with anna.socket() as socket:
        await socket.send_messages(*(outgoing(f"text {n}", chat_id=group.id) for n in range(3)))
        await socket.say(direct, "elsewhere")
    url = f"/chats/{group.id}/messages/seen"

    async def mark(*ids: str) -> SeenAnswer:
        answer = await ben.http.post(url, json={"messageIds": ids})
        assert answer.status_code == 200, answer.text
        return codec.decode_body(answer.content, SeenAnswer)

    wrong = ["", "x", ".", f"{group.id}.", f"{group.id}.99", f"{group.id}.1", f"{group.id}.+2", f"{group.id}.02"]
    wrong += [event_id(direct.id, 1), event_id(direct.id, 2), f"{group.id}.{'9' * 40}", f"{group.id}.9999999999999999"]
    assert await mark(*wrong) == SeenAnswer(seen=0, unread=3, mentions=0, unknown=wrong)
    async with ben.socket() as device:
        answer = await mark(event_id(group.id, 3), *wrong, event_id(group.id, 2))
        assert answer == SeenAnswer(seen=3, unread=1, mentions=0, unknown=wrong)
        assert (await device.expect(Seen)).unread == 1
    assert await mark(event_id(group.id, 2)) == SeenAnswer(seen=3, unread=1, mentions=0, unknown=[])
    many = [event_id(group.id, seq) for seq in range(1, limits.SEEN_IDS_MAX + 1)]
    answer = await mark(*many)
    assert (answer.seen, answer.unread, len(answer.unknown)) == (4, 0, limits.SEEN_IDS_MAX - 3)
    for ids in (None, [], [*many, "x"], [2], "2", ["x" * 65]):
        assert code_of(await ben.http.post(url, json={"messageIds": ids})) == "invalidFrame"


async def test_who_has_seen_what(anna: Person, ben: Person, group: Chat) -> None:
    """In pages, without the author."""
    url = f"/chats/{group.id}"
    message = message_of(await anna.http.post(f"{url}/messages", json={"text": "x"}), 201)

    async def seen_by(**query: int) -> SeenByPage:
        answer = await anna.http.get(f"{url}/messages/{message.seq}/seen", params=query)
        return codec.decode_body(answer.content, SeenByPage)

    assert await seen_by() == SeenByPage(user_ids=[], has_more=False)
    for person in (anna, ben):
        await person.http.post(f"{url}/messages/seen", json={"messageIds": [message.id]})
    assert await seen_by(limit=1) == SeenByPage(user_ids=[ben.id], has_more=False)
    assert await seen_by(after=ben.id) == SeenByPage(user_ids=[], has_more=False)
    page = codec.decode_body((await ben.http.get(f"{url}/seen", params={"limit": 1})).content, SeenMarkersPage)
    assert ([marker.seen for marker in page.markers], page.has_more) == ([2], True)
    after = page.markers[0].user_id
    rest = codec.decode_body((await ben.http.get(f"{url}/seen", params={"after": after})).content, SeenMarkersPage)
    assert (after, rest.markers[0].user_id) == (min(anna.id, ben.id), max(anna.id, ben.id))
    assert code_of(await anna.http.get(f"{url}/messages/1/seen")) == "messageNotFound"
