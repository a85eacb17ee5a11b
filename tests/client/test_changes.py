"""Changes of messages, groups and settings through a real server: what a client shows is what the server holds."""

from chatproto.frames import Delete, Done, Edit, React, TypingNow
from chatproto.models import Chat, Message
from chatterm.client.model import Enclosed, EntryRef, OutboxState, PresenceState, Target
from tests.client.conftest import Connect
from tests.support.client import Client
from tests.support.server import Person, Socket


async def done(socket: Socket, frame: Edit | Delete | React) -> None:
    await socket.send(frame)
    await socket.until(Done)


async def change_all(socket: Socket, chat: Chat) -> None:
    """Messages "one" to "three" are edited, deleted and reacted to."""
    await done(socket, Edit(id=1, chat_id=chat.id, seq=1, text="edited"))
    await done(socket, Delete(id=2, chat_id=chat.id, seq=2))
    await done(socket, React(id=3, chat_id=chat.id, seq=3, emoji="👍"))


def check_changed(client: Client, chat: Chat) -> None:
    first, second, third = client.session.cache.events(chat.id, 1, 3)
    assert isinstance(first, Message)
    assert isinstance(second, Message)
    assert isinstance(third, Message)
    assert (first.text, bool(first.edited_at)) == ("edited", True)
    assert (second.text, second.deleted) == ("", True)
    assert [each.emoji for each in third.reactions] == ["👍"]


async def has_all(client: Client, chat: Chat) -> None:
    """Wait for the six events of the chat."""
    await client.until(lambda: not client.session.cache.holes(chat.id, 1, 6))


async def test_changes_arrive_live_and_after_an_absence(anna: Person, ben: Person, connect: Connect) -> None:
    """A client that was there, one that had the messages and was away, and a new one hold the same."""
    chat = await anna.direct(ben)
    async with anna.socket() as socket:
        live, away = await connect(ben, "live"), await connect(ben, "away")
        for text in ("one", "two", "three"):
            await socket.say(chat, text)
        await live.has_texts(chat, "one", "two", "three")
        await away.has_texts(chat, "one", "two", "three")
        await away.session.stop()
        await change_all(socket, chat)
        await live.until(lambda: live.session.cache.head(chat.id) == 6)
        check_changed(live, chat)
        again = await (await connect(ben, "away")).synced()
        fresh = await (await connect(ben, "fresh")).synced()
        for client in (again, fresh):
            await has_all(client, chat)
            assert client.log(chat.id) == live.log(chat.id)
            assert client.entry(chat).unread == live.entry(chat).unread == 2


async def test_a_removed_member_keeps_what_they_have_and_their_outbox_says_why(
    anna: Person, ben: Person, connect: Connect
) -> None:
    """Live and on resume; a message written meanwhile fails with its text; being added again mends all."""
    tea = await anna.group("Tea", ben)
    client = await (await connect(ben)).synced()
    await client.until(lambda: client.session.cache.head(tea.id) == 1)
    assert (await anna.http.patch(f"/chats/{tea.id}", json={"topic": "Leaves"})).status_code == 200
    assert (await anna.http.delete(f"/chats/{tea.id}/members/{ben.id}")).status_code == 204
    cache = client.session.cache
    await client.until(lambda: cache.has_left(tea.id))
    chat = cache.chat(tea.id)
    assert chat is not None
    assert (chat.topic, chat.member_count, client.entry(tea).has_left) == ("Leaves", 1, True)
    await client.say(tea, "too late")
    await client.until(lambda: client.session.outbox.counts() == (0, 1))
    row = client.session.outbox.rows()[0]
    assert (row.text, row.state, row.error is not None and row.error.code) == (
        "too late",
        OutboxState.FAILED,
        "notMember",
    )
    assert (await anna.http.post(f"/chats/{tea.id}/members", json={"memberIds": [ben.id]})).status_code == 200
    await client.until(lambda: not cache.has_left(tea.id) and not cache.holes(tea.id, 1, cache.head(tea.id)))
    await client.session.retry(row.client_id)
    await client.outbox_empty()
    assert client.texts(tea.id) == ["too late"]


async def test_a_removal_while_away_is_known_after_the_greeting(anna: Person, ben: Person, connect: Connect) -> None:
    tea = await anna.group("Tea", ben)
    client = await (await connect(ben)).synced()
    await client.until(lambda: client.session.cache.head(tea.id) == 1)
    await client.session.stop()
    assert (await anna.http.delete(f"/chats/{tea.id}/members/{ben.id}")).status_code == 204
    again = await (await connect(ben)).synced()
    assert again.session.cache.has_left(tea.id)
    assert len(again.log(tea.id)) == 1


async def test_settings_follow_on_every_device(anna: Person, ben: Person, connect: Connect) -> None:
    chat = await anna.direct(ben)
    client = await (await connect(ben)).synced()
    assert (await ben.http.patch(f"/chats/{chat.id}/settings", json={"pinned": True})).status_code == 200

    def pinned(one: Client) -> bool:
        known = one.session.cache.chat(chat.id)
        return known is not None and known.pinned

    await client.until(lambda: pinned(client))
    assert pinned(await (await connect(ben, "new")).synced())


async def test_what_is_enclosed_survives_a_restart_and_is_sent(anna: Person, ben: Person, connect: Connect) -> None:
    """A reply with a mention, queued offline: it arrives as such, once, and the author's own copy has it all."""
    tea = await anna.group("Tea", ben)
    async with anna.socket() as socket:
        said = await socket.say(tea, "who brings milk?")
    client = await (await connect(ben)).synced()
    await client.session.stop()
    offline = await connect(ben, sends=False)
    enclosed = Enclosed(reply_to=said.seq or 0, mentions=(anna.id,))
    await offline.session.send(Target(chat_id=tea.id), "me", enclosed)
    await offline.session.stop()
    again = await connect(ben)
    await again.outbox_empty()
    await again.until(lambda: "me" in again.texts(tea.id))
    reply = again.log(tea.id)[-1]
    assert isinstance(reply, Message)
    assert (reply.text, reply.reply_to, reply.mentions) == ("me", said.seq, [anna.id])
    other = await (await connect(anna)).synced()
    await other.until(lambda: other.log(tea.id) == again.log(tea.id))
    assert other.entry(tea).mentions == 1


async def test_writing_and_being_away_are_seen_by_the_other_side(anna: Person, ben: Person, connect: Connect) -> None:
    chat = await anna.direct(ben)
    a, b = await connect(anna), await connect(ben)
    await a.until(lambda: a.session.cache.entry(EntryRef("chat", chat.id)))
    a.session.watch([ben.id], [chat.id])
    await a.until(lambda: a.session.is_online(ben.id))
    b.session.write_in(chat.id, on=True)
    await a.until(lambda: a.session.typing(chat.id) == (ben.id,))
    await b.say(chat, "hello")
    await a.until(lambda: a.session.typing(chat.id) == ())
    b.session.be_away(True)
    await a.until(lambda: a.session.presence(ben.id).state is PresenceState.AWAY)
    b.session.be_away(False)
    await a.until(lambda: a.session.is_online(ben.id))


async def test_own_writing_on_another_device_is_not_shown(anna: Person, ben: Person, connect: Connect) -> None:
    chat = await anna.direct(ben)
    client = await connect(anna)
    await client.until(lambda: client.session.cache.entry(EntryRef("chat", chat.id)))
    client.session.watch([], [chat.id])
    async with anna.socket() as device, ben.socket() as other:
        await device.send(TypingNow(chat_id=chat.id))
        await other.send(TypingNow(chat_id=chat.id))
        await client.until(lambda: client.session.typing(chat.id))
        assert client.session.typing(chat.id) == (ben.id,)
