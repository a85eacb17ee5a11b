"""Groups and settings on several devices: what each is told, in which order, and what the removed are not told."""

import asyncio
from typing import Any

import pytest

from chatproto import limits
from chatproto.errors import CODES, ChatError
from chatproto.frames import (
    Ack,
    ChatSettings,
    Error,
    Events,
    Fetch,
    Hello,
    Joined,
    Left,
    MarkSeen,
    Seen,
    Send,
    ServerFrame,
    Welcome,
)
from chatproto.models import Chat, ChatChanged, LogEvent, MembersChanged, Message
from chatproto.rest import Member, MembersAdded, MembersPage
from chatserver.services.membership import read_as_member
from tests.server.test_rest import read, refused
from tests.support.server import Person, Socket, outgoing


@pytest.fixture
async def tea(anna: Person, ben: Person) -> Chat:
    """Anna's group, with Ben."""
    return await anna.group("Tea", ben)


async def next_event(socket: Socket, chat: Chat) -> Any:
    """The one event of the next frame."""
    frame = await socket.expect(Events)
    assert frame.chat_id == chat.id
    [event] = frame.events
    return event


async def heard_of(chat: Chat, person: Person, socket: Socket) -> list[ServerFrame]:
    """All that the session hears of a chat before the event of a note that the person writes now."""
    notes = await person.direct(person)
    await socket.send(Send(id=99, messages=[outgoing("mine", chat_id=notes.id)]))
    heard: list[ServerFrame] = []
    while True:
        frame = await socket.next()
        if isinstance(frame, Events) and frame.chat_id == notes.id:
            return heard
        if isinstance(frame, Events | Left | ChatSettings) and frame.chat_id == chat.id:
            heard.append(frame)
        else:
            assert isinstance(frame, Ack | Joined), frame


async def test_a_title_and_a_topic_reach_every_device(anna: Person, ben: Person, tea: Chat) -> None:
    """As one event that holds what changed; the same again is no event, and only the owner may."""
    async with anna.socket() as first, anna.socket() as second, ben.socket() as third:
        wanted = {"title": "  Tea  time ", "topic": "ｇｒｅｅｎ"}
        changed = read(await anna.http.patch(f"/chats/{tea.id}", json=wanted), Chat)
        assert (changed.title, changed.topic, changed.head, changed.owner_id) == ("Tea time", "green", 2, anna.id)
        assert read(await anna.http.patch(f"/chats/{tea.id}", json=wanted), Chat) == changed
        assert read(await anna.http.patch(f"/chats/{tea.id}", json={}), Chat) == changed
        refused(await ben.http.patch(f"/chats/{tea.id}", json={"title": "Mine"}), "notOwner")
        cleared = read(await anna.http.patch(f"/chats/{tea.id}", json={"topic": " "}), Chat)
        assert (cleared.title, cleared.topic, cleared.head) == ("Tea time", "", 3)
        for socket in (first, second, third):
            event = await next_event(socket, tea)
            assert isinstance(event, ChatChanged)
            assert (event.seq, event.sender_id, event.title, event.topic) == (2, anna.id, "Tea time", "green")
            event = await next_event(socket, tea)
            assert (event.seq, event.title, event.topic) == (3, None, "")


async def test_a_new_member_hears_of_the_chat_before_its_events(
    anna: Person, ben: Person, eve: Person, tea: Chat
) -> None:
    """Added by a member who is not the owner; the whole log may be read, and counts as seen."""
    async with ben.socket() as member, eve.socket() as newcomer:
        await member.say(tea, "before")
        await member.until(Events)
        answer = await ben.http.post(f"/chats/{tea.id}/members", json={"memberIds": [eve.id, anna.id]})
        assert read(answer, MembersAdded) == MembersAdded(added=[eve.id], member_count=3)
        joined = await newcomer.expect(Joined)
        assert (joined.chat.id, joined.chat.head, joined.chat.seen, joined.chat.unread) == (tea.id, 3, 3, 0)
        for socket in (member, newcomer):
            event = await next_event(socket, tea)
            assert isinstance(event, MembersChanged)
            assert (event.seq, event.sender_id, event.added, event.removed) == (3, ben.id, [eve.id], [])
        again = await anna.http.post(f"/chats/{tea.id}/members", json={"memberIds": [eve.id]})
        assert read(again, MembersAdded) == MembersAdded(added=[], member_count=3)
        assert (await newcomer.say(tea, "hello")).seq == 4
        page = read(await eve.http.get(f"/chats/{tea.id}/members", params={"limit": 2}), MembersPage)
        rest = read(
            await eve.http.get(f"/chats/{tea.id}/members", params={"after": page.members[-1].user_id}), MembersPage
        )
        assert (page.has_more, rest.has_more) == (True, False)
        joined_at = {anna.id: 0, ben.id: 0, eve.id: 3}
        everybody = [Member(user_id=user_id, joined_seq=joined_at[user_id]) for user_id in sorted(joined_at)]
        assert [*page.members, *rest.members] == everybody


async def test_a_removed_member_hears_of_it_and_of_nothing_after_it(
    anna: Person, ben: Person, eve: Person, tea: Chat
) -> None:
    """On every device the event, then `left`; whatever is asked afterwards is refused as for a chat that is not."""
    await anna.server.application.store.add_members(anna.id, tea.id, [eve.id])
    async with anna.socket() as owner, ben.socket() as first, ben.socket() as second, eve.socket() as other:
        refused(await eve.http.delete(f"/chats/{tea.id}/members/{ben.id}"), "notOwner")
        assert (await anna.http.delete(f"/chats/{tea.id}/members/{ben.id}")).status_code == 204
        assert (await anna.http.delete(f"/chats/{tea.id}/members/{ben.id}")).status_code == 204
        assert (await owner.say(tea, "he is gone")).seq == 4
        for socket in (first, second, other):
            event = await next_event(socket, tea)
            assert isinstance(event, MembersChanged)
            assert (event.seq, event.sender_id, event.removed) == (3, anna.id, [ben.id])
        for socket in (first, second):
            assert (await socket.expect(Left)).chat_id == tea.id
        assert isinstance(await next_event(other, tea), Message)
        await first.send(Fetch(id=1, chat_id=tea.id))
        refusal = await first.expect(Error)
        assert (refusal.id, refusal.error.code) == (1, "notMember")
        await first.send(MarkSeen(chat_id=tea.id, seq=2))
        assert (await first.expect(Error)).error.code == "notMember"
        result = await first.say(tea, "am I?")
        assert result.error is not None
        assert result.error.code == "notMember"
        refused(await ben.http.get(f"/chats/{tea.id}"), "notMember")
        refused(await ben.http.get(f"/chats/{tea.id}/messages"), "notMember")
        refused(await ben.http.delete(f"/chats/{tea.id}/members/{ben.id}"), "notMember")
        assert await heard_of(tea, ben, first) == []


async def test_a_removal_and_messages_of_the_same_moment(anna: Person, ben: Person, eve: Person) -> None:
    """However they fall into commits: the removed hear every event up to the removal, `left`, and no event more."""
    for round_ in range(10):
        group = await anna.group(f"Round {round_}", ben, eve)
        async with anna.socket() as author, ben.socket() as removed, eve.socket() as stays:
            sending = [asyncio.ensure_future(stays.say(group, "one"))]
            sending.append(asyncio.ensure_future(author.say(group, "two")))
            await asyncio.gather(*sending, anna.http.delete(f"/chats/{group.id}/members/{ben.id}"))
            await author.say(group, "after")
            seqs: list[int] = []
            while not isinstance(frame := await removed.next(), Left):
                assert isinstance(frame, Events)
                seqs += [event.seq for event in frame.events]
                last = frame.events[-1]
            assert isinstance(last, MembersChanged)
            assert seqs == list(range(2, last.seq + 1))
            assert await heard_of(group, ben, removed) == []


async def test_a_page_that_is_read_across_a_removal_is_refused(anna: Person, ben: Person, tea: Chat) -> None:
    """What was read may be newer than the end of the membership, so none of it is given."""
    store = anna.server.application.store

    async def read_late() -> list[LogEvent]:
        await store.remove_member(anna.id, tea.id, ben.id)
        return (await store.events(tea.id, limit=5))[0]

    with pytest.raises(ChatError) as caught:
        await read_as_member(store, ben.id, tea.id, read_late)
    assert caught.value.code == "notMember"
    events = await read_as_member(store, anna.id, tea.id, lambda: store.events(tea.id, limit=5))
    assert len(events[0]) == 2


async def test_leaving_and_coming_back(anna: Person, ben: Person, tea: Chat) -> None:
    """The owner leaves and the other owns the group; who comes back reads what was written meanwhile."""
    async with anna.socket() as leaver, ben.socket() as stays:
        assert (await anna.http.delete(f"/chats/{tea.id}/members/{anna.id}")).status_code == 204
        for socket in (leaver, stays):
            event = await next_event(socket, tea)
            assert (event.seq, event.removed, event.owner_id) == (2, [anna.id], ben.id)
        left = await leaver.expect(Left)
        await stays.say(tea, "alone")
        read(await ben.http.post(f"/chats/{tea.id}/members", json={"memberIds": [anna.id]}), MembersAdded)
        joined = await leaver.expect(Joined)
        assert (joined.chat.head, joined.chat.owner_id, joined.useq) == (4, ben.id, left.useq + 1)
        assert (await next_event(leaver, tea)).added == [anna.id]
        refused(await anna.http.post(f"/chats/{tea.id}/owner", json={"userId": anna.id}), "notOwner")
        refused(await ben.http.post(f"/chats/{tea.id}/owner", json={"userId": 1}), "memberNotFound")
        given = read(await ben.http.post(f"/chats/{tea.id}/owner", json={"userId": anna.id}), Chat)
        assert given.owner_id == anna.id
        assert (await next_event(leaver, tea)).owner_id == anna.id
    page = (await anna.http.get(f"/chats/{tea.id}/messages")).json()
    assert [message["text"] for message in page["messages"]] == ["alone"]


async def test_what_is_ones_own_reaches_ones_own_devices(anna: Person, ben: Person, tea: Chat) -> None:
    """Each device of the user is told; nobody else is, and a device that was away finds it in the heads."""
    async with anna.socket() as first, anna.socket() as second, ben.socket() as other:
        assert first.welcome is not None
        useq = first.welcome.useq
        wanted = {"pinned": True, "mutedUntil": limits.TIME_MAX}
        chat = read(await anna.http.patch(f"/chats/{tea.id}/settings", json=wanted), Chat)
        assert (chat.pinned, chat.muted_until, chat.archived, chat.head) == (True, limits.TIME_MAX, False, 1)
        read(await anna.http.patch(f"/chats/{tea.id}/settings", json=wanted), Chat)
        read(await anna.http.patch(f"/chats/{tea.id}/settings", json={"archived": True, "pinned": False}), Chat)
        for socket in (first, second):
            told = await socket.expect(ChatSettings)
            assert (told.useq, told.pinned, told.muted_until, told.archived) == (useq + 1, True, limits.TIME_MAX, False)
            told = await socket.expect(ChatSettings)
            assert (told.useq, told.pinned, told.muted_until, told.archived) == (useq + 2, False, limits.TIME_MAX, True)
        assert await heard_of(tea, ben, other) == []
    epoch = anna.server.application.store.epoch
    async with anna.socket(epoch=epoch, useq=useq, cursors=[(tea.id, 1)]) as back:
        assert back.welcome is not None
        [head] = back.welcome.heads
        assert (head.pinned, head.muted_until, head.archived) == (False, limits.TIME_MAX, True)
        assert back.welcome.useq == useq + 2
    async with anna.socket(epoch=epoch, useq=useq + 2, cursors=[(tea.id, 1)]) as back:
        assert back.welcome is not None
        assert back.welcome.heads == []


async def test_what_happened_to_memberships_while_away(anna: Person, ben: Person, tea: Chat) -> None:
    """A greeting names the chats left since then, once; not those one is in again, and none to a new device."""
    store = anna.server.application.store
    jam = await anna.group("Jam", ben)
    cursors = [(tea.id, 1), (jam.id, 1)]
    for group in (tea, jam):
        await store.remove_member(anna.id, group.id, ben.id)
    async with ben.socket(epoch=store.epoch, useq=2, cursors=cursors) as back:
        assert back.welcome is not None
        assert (set(back.welcome.left), back.welcome.heads, back.welcome.useq) == ({tea.id, jam.id}, [], 4)
    await store.add_members(anna.id, tea.id, [ben.id])
    async with ben.socket(epoch=store.epoch, useq=2, cursors=cursors) as back:
        assert back.welcome is not None
        assert back.welcome.left == [jam.id]
        assert [(head.chat_id, head.head, head.seen) for head in back.welcome.heads] == [(tea.id, 3, 3)]
    async with ben.socket(epoch=store.epoch, useq=5, cursors=[(tea.id, 3)]) as back:
        assert back.welcome is not None
        assert (back.welcome.left, back.welcome.heads, back.welcome.useq) == ([], [], 5)
    async with ben.socket() as new:
        assert new.welcome is not None
        assert (new.welcome.left, [head.chat_id for head in new.welcome.heads]) == ([], [tea.id])


async def test_a_removal_between_the_list_of_chats_and_its_use(anna: Person, ben: Person, tea: Chat) -> None:
    """The steps of a greeting, with a removal at the worst moment: the list is outdated, and nothing is heard."""
    hub, store = anna.server.application.hub, anna.server.application.store
    jam = await anna.group("Jam", ben)
    async with anna.socket() as author, ben.socket() as socket:
        (session,) = hub._by_user[ben.id]
        hub.detach(session)
        hub.attach(session)
        chat_ids = await store.chat_ids(ben.id)
        await store.remove_member(anna.id, tea.id, ben.id)
        await author.until(Events)
        hub.subscribe(session, chat_ids)
        await author.say(tea, "between us")
        await author.say(jam, "for all")
        assert (await socket.expect(Left)).chat_id == tea.id
        assert isinstance(await next_event(socket, jam), Message)
        assert await heard_of(tea, ben, socket) == []


async def test_a_removal_during_the_greeting(anna: Person, ben: Person) -> None:
    """Whenever it falls, a session that was greeted meanwhile hears nothing that came after the removal."""
    async with anna.socket() as author:
        for number in range(30):
            group = await anna.group(f"Round {number}", ben)
            async with ben.server.socket() as socket:
                removing = asyncio.ensure_future(anna.server.application.store.remove_member(anna.id, group.id, ben.id))
                await socket.send(Hello(token=ben.tokens.access_token))
                await socket.expect(Welcome)
                await removing
                await author.say(group, "between us")
                heard = await heard_of(group, ben, socket)
                events = [event for frame in heard if isinstance(frame, Events) for event in frame.events]
                assert [type(event) for event in events] in ([], [MembersChanged])
                assert not events or isinstance(heard[-1], Left)


NO_CHANGES: list[tuple[tuple[str, str, object], str]] = [
    (("PATCH", "", {"title": ""}), "titleInvalid"),
    (("PATCH", "", {"title": "a\u202eb"}), "titleInvalid"),
    (("PATCH", "", {"topic": "a\u202eb"}), "topicInvalid"),
    (("PATCH", "", {"topic": "x" * 257}), "invalidFrame"),
    (("PATCH", "", {"title": 7}), "invalidFrame"),
    (("PATCH", "", []), "invalidFrame"),
    (("PATCH", "/settings", {"mutedUntil": -1}), "invalidFrame"),
    (("PATCH", "/settings", {"pinned": "yes"}), "invalidFrame"),
    (("POST", "/members", {"memberIds": []}), "invalidFrame"),
    (("POST", "/members", {"memberIds": [1] * 2_001}), "invalidFrame"),
    (("POST", "/members", {"memberIds": [1]}), "membersInvalid"),
    (("POST", "/members", {"memberIds": list(range(1, 2_000))}), "groupFull"),
    (("POST", "/members", {}), "invalidFrame"),
    (("GET", "/members?limit=501", None), "invalidFrame"),
    (("GET", "/members?after=-1", None), "invalidFrame"),
    (("DELETE", "/members/0", None), "userNotFound"),
    (("DELETE", f"/members/{limits.ID_MAX + 1}", None), "userNotFound"),
    (("POST", "/owner", {"userId": 0}), "invalidFrame"),
    (("POST", "/owner", {"userId": 5}), "memberNotFound"),
]
"""Calls about a group that are refused, and with which code."""


async def test_changes_that_cannot_be_made(anna: Person, tea: Chat) -> None:
    """The answer says why, and nothing has changed."""
    before = read(await anna.http.get(f"/chats/{tea.id}"), Chat)
    for (method, path, body), code in NO_CHANGES:
        refused(await anna.http.request(method, f"/chats/{tea.id}{path}", json=body), code)
        assert read(await anna.http.get(f"/chats/{tea.id}"), Chat) == before, (method, path, body)
        assert CODES[code].temporary is False


async def test_a_direct_chat_has_the_same_people_for_ever(anna: Person, ben: Person, eve: Person) -> None:
    """It cannot be renamed, left, added to or owned; its settings are one's own as everywhere."""
    for peer in (ben, anna):
        chat = await anna.direct(peer)
        refused(await anna.http.patch(f"/chats/{chat.id}", json={"title": "Us"}), "notGroup")
        refused(await anna.http.post(f"/chats/{chat.id}/members", json={"memberIds": [eve.id]}), "notGroup")
        refused(await anna.http.delete(f"/chats/{chat.id}/members/{anna.id}"), "notGroup")
        refused(await anna.http.post(f"/chats/{chat.id}/owner", json={"userId": anna.id}), "notGroup")
        changed = read(await anna.http.patch(f"/chats/{chat.id}/settings", json={"pinned": True}), Chat)
        assert (changed.pinned, changed.peer_id, changed.unread) == (True, peer.id, 0)
        page = read(await anna.http.get(f"/chats/{chat.id}/members"), MembersPage)
        assert [member.user_id for member in page.members] == sorted({anna.id, peer.id})


async def test_notes_to_oneself(anna: Person) -> None:
    """A direct chat with oneself works as any other: on every device, never unread."""
    async with anna.socket() as first, anna.socket() as second:
        notes = read(await anna.http.post("/chats", json={"kind": "direct", "userId": anna.id}), Chat)
        assert (notes.peer_id, notes.member_count) == (anna.id, 1)
        for socket in (first, second):
            assert (await socket.expect(Joined)).chat == notes
        assert (await first.say(notes, "milk")).seq == 1
        assert (await next_event(second, notes)).text == "milk"
        assert (await next_event(first, notes)).text == "milk"
        await second.send(MarkSeen(chat_id=notes.id, seq=1))
        for socket in (first, second):
            seen = await socket.expect(Seen)
            assert (seen.seq, seen.unread) == (1, 0)
