"""What the server removes because of its age is gone from clients, whether they were there or come back later."""

from pathlib import Path

from msgspec.structs import replace

from chatproto.models import Chat
from chatterm.client.model import Target
from chatterm.client.paths import account_files
from tests.client.conftest import Connect
from tests.support.client import Client, at_home
from tests.support.server import Person, RunningServer, outgoing

DAY_US = 86_400_000_000


async def remove(server: RunningServer, chat: Chat, seq: int) -> None:
    """Remove the log up to a seq, as a round of retention does."""
    store = server.application.store
    page, _ = await store.events(chat.id, after_seq=seq - 1, limit=1)
    while (await store.remove_before(chat.id, page[0].at + 1, 7, 3)).events:
        pass


async def forgot(client: Client, chat: Chat, floor: int) -> None:
    """Wait until a client knows the floor and holds nothing below it."""
    cache = client.session.cache
    await client.until(lambda: cache.floor(chat.id) == floor and not cache.messages(chat.id, range(1, floor + 1)))


async def test_who_is_there_forgets_at_once(server: RunningServer, anna: Person, ben: Person, connect: Connect) -> None:
    """The rows go, counts follow, and nothing is asked for that is not there any more."""
    chat = await anna.direct(ben)
    client = await connect(ben)
    async with anna.socket() as socket:
        for n in range(8):
            await socket.say(chat, f"{n}")
    await client.has_texts(chat, *map(str, range(8)))
    assert client.session.cache.chat(chat.id).unread == 8  # type: ignore[union-attr] # it is there
    await remove(server, chat, 5)
    await forgot(client, chat, 5)
    await client.has_texts(chat, "5", "6", "7")
    known = client.session.cache.chat(chat.id)
    assert known is not None
    assert (known.floor, known.floor_days, known.unread) == (5, 7.0, 3)
    assert client.session.cache.holes(chat.id, 1, 8) == []


async def test_who_comes_back_later(server: RunningServer, anna: Person, ben: Person, connect: Connect) -> None:
    """The copy loses what is gone, titles that were changed meanwhile are asked for, and the outbox still goes."""
    group = await anna.group("Old title", ben)
    store = server.application.store
    client = await connect(ben)
    async with anna.socket() as socket:
        for n in range(4):
            await socket.say(group, f"{n}")
        await client.has_texts(group, *map(str, range(4)))
        await client.session.stop()
        await store.describe_group(anna.id, group.id, title="New title")
        for n in range(4, 300):
            await socket.say(group, f"{n}")
    await remove(server, group, 250)
    client = await connect(ben)
    await forgot(client, group, 250)
    cache = client.session.cache
    await client.until(lambda: (chat := cache.chat(group.id)) is not None and chat.title == "New title")
    await client.until(lambda: cache.holes(group.id, 1, cache.head(group.id)) == [])
    await client.session.send(Target(chat_id=group.id), "still here")
    await client.until(lambda: client.session.outbox.counts() == (0, 0))
    chat = cache.chat(group.id)
    told = await store.chat(ben.id, group.id)
    assert chat is not None and told is not None
    assert (chat.unread, chat.member_count, chat.floor) == (told.unread, 2, 250)


async def test_a_message_that_was_removed_is_not_doubled(
    server: RunningServer, anna: Person, ben: Person, connect: Connect, tmp_path: Path
) -> None:
    """Its author's client was killed before the answer came, and comes back after the message is gone."""
    chat = await anna.direct(ben)
    client = await connect(anna, sends=False)
    row = await client.session.send(Target(chat_id=chat.id), "once")
    async with anna.socket() as socket:
        await socket.send_messages(replace(outgoing("once", chat_id=chat.id), client_id=row.client_id))
        await socket.say(chat, "two")
    await client.session.stop()
    await remove(server, chat, 1)
    client = await connect(anna)
    await client.outbox_empty()
    await client.has_texts(chat, "two")
    events, _ = await server.application.store.events(chat.id, limit=10)
    assert [event.seq for event in events] == [2]


async def test_removed_text_is_in_no_file_of_the_client(
    server: RunningServer, anna: Person, ben: Person, connect: Connect, tmp_path: Path
) -> None:
    """Neither in the cache nor in the index for search."""
    chat = await anna.direct(ben)
    client = await connect(ben)
    async with anna.socket() as socket:
        await socket.say(chat, "unmistakable secret")
        await socket.say(chat, "remains")
    await client.has_texts(chat, "unmistakable secret", "remains")
    storage = client.session._context.storage
    await storage.index(lambda index: index.follow(5))
    await remove(server, chat, 1)
    await forgot(client, chat, 1)
    await storage.index(lambda index: index.follow(5))
    await storage.index(lambda index: [index.merge_step() for _ in range(9)])
    await client.session.stop()
    with at_home(tmp_path / "Ben"):
        folder = account_files(client.session.account.key).cache.parent
    holding = [path.name for path in folder.iterdir() if path.is_file() and b"unmistakable" in path.read_bytes()]
    assert holding == []
    assert any(b"remains" in path.read_bytes() for path in folder.iterdir() if path.is_file())
