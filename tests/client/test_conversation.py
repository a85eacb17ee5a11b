"""Two engines and a real server: what one sends, the other has."""

from chatproto.models import ChatCreated, Message
from chatterm.client.model import EntryRef, EventsStored, Target
from tests.client.conftest import Connect
from tests.support.server import Person


async def test_a_new_client_learns_people_chats_and_their_newest_messages(
    anna: Person, ben: Person, connect: Connect
) -> None:
    """After the first connection, names and logs are cached as the server has them."""
    chat = await anna.direct(ben)
    group = await ben.group("garden", anna)
    async with anna.socket() as socket:
        results = [await socket.say(chat, f"message {n}") for n in range(5)]
    client = await (await connect(ben)).synced()
    cache = client.session.cache
    user = cache.user(anna.id)
    assert user is not None
    assert (user.email, user.display_name) == ("anna@example.org", "Anna")
    assert client.texts(chat.id) == [f"message {n}" for n in range(5)]
    assert [event.seq for event in client.log(chat.id)] == [result.seq for result in results]
    assert isinstance(client.log(group.id)[0], ChatCreated)
    assert {entry.ref for entry in client.entries()} == {EntryRef("chat", chat.id), EntryRef("chat", group.id)}
    assert client.entry(chat).unread == 5


async def test_a_message_reaches_the_other_client_live(anna: Person, ben: Person, connect: Connect) -> None:
    """One notice of it, once, on each side; both hold the same event."""
    chat = await anna.direct(ben)
    a, b = await (await connect(anna)).synced(), await (await connect(ben)).synced()
    await a.say(chat, "hello")
    await b.until(lambda: b.texts(chat.id) == ["hello"])
    await a.outbox_empty()
    assert a.log(chat.id) == b.log(chat.id)
    live = EventsStored(chat.id, 1, 1, live=True)
    await b.say(chat, "and back")
    await a.until(lambda: a.texts(chat.id) == ["hello", "and back"])
    assert a.notices.count(live) == 1
    assert b.notices.count(live) == 1


async def test_the_first_message_to_a_person_makes_the_chat_on_both_sides(
    anna: Person, ben: Person, connect: Connect
) -> None:
    """Writing to an email needs no chat beforehand; the person's row in the list becomes the chat's."""
    a, b = await (await connect(anna)).synced(), await (await connect(ben)).synced()
    assert [entry.ref for entry in a.entries()] == [EntryRef("user", ben.id)]
    await a.session.send(Target(email="ben@example.org"), "first")
    await a.outbox_empty()
    chat_id = a.session.cache.direct_chat(ben.id)
    assert chat_id is not None
    await b.until(lambda: b.texts(chat_id) == ["first"])
    await a.until(lambda: [entry.ref for entry in a.entries()] == [EntryRef("chat", chat_id)])
    assert [entry.ref for entry in b.entries()] == [EntryRef("chat", chat_id)]


async def test_an_acknowledged_message_is_the_event_that_others_get(
    anna: Person, ben: Person, connect: Connect
) -> None:
    """What the author builds from the ack equals what the server stored, normal form included."""
    chat = await anna.direct(ben)
    a = await (await connect(anna)).synced()
    await a.say(chat, "cafe\u0301\r\nsecond line  ")
    await a.outbox_empty()
    own = a.log(chat.id)
    fresh = await (await connect(anna, home="second")).synced()
    await fresh.until(lambda: fresh.log(chat.id) == own)
    assert isinstance(own[0], Message)
    assert own[0].text == "caf\u00e9\nsecond line"
