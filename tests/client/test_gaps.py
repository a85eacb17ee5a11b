"""Gaps below cached events are found and filled, however they came about."""

from pathlib import Path

from chatproto.models import Chat, LogEvent
from chatterm.client.cache import Cache
from chatterm.client.context import Context
from chatterm.client.model import EventsStored
from chatterm.client.outbox import Outbox
from chatterm.client.paths import account_files
from chatterm.client.plan import PageJob
from chatterm.client.storage import Storage
from tests.client.conftest import Connect
from tests.support.client import at_home, sign_in
from tests.support.server import Person, RunningServer


async def written(server: RunningServer, anna: Person, chat: Chat, count: int) -> list[LogEvent]:
    """Events of a chat as the server has them."""
    async with anna.socket() as socket:
        for n in range(count):
            await socket.say(chat, f"{n}")
    events, _ = await server.application.store.events(chat.id, limit=count)
    return events


async def test_a_gap_left_by_an_earlier_process_is_filled(
    server: RunningServer, anna: Person, ben: Person, connect: Connect, tmp_path: Path
) -> None:
    """The newest event is cached and the server has nothing newer: the gap is found all the same."""
    chat = await anna.direct(ben)
    events = await written(server, anna, chat, 5)
    account = sign_in(tmp_path / "Ben", ben)
    with at_home(tmp_path / "Ben"):
        cache = Cache.open(account_files(account.key).cache)
    cache.adopt(server.application.store.epoch, ben.user)
    cache.store_chats(await server.application.store.chats(ben.id, 0, 10))
    cache.store_events(chat.id, [events[0], events[4]])
    cache.close()
    client = await connect(ben)
    await client.has_texts(chat, "0", "1", "2", "3", "4")


async def test_who_asked_for_a_gap_is_told_when_another_process_fills_it(
    server: RunningServer, anna: Person, ben: Person, connect: Connect
) -> None:
    """Two commands share a cache: the other one may have fetched just what a reader here waits for."""
    chat = await anna.direct(ben)
    await written(server, anna, chat, 3)
    client = await connect(ben)
    await client.has_texts(chat, "0", "1", "2")
    client.notices.clear()
    client.session.fill(chat.id, 1, 2)
    await client.told_of(EventsStored(chat.id, 1, 2, live=False))


async def test_own_messages_above_missing_events_put_the_gap_on_the_plan(
    server: RunningServer, anna: Person, ben: Person, tmp_path: Path
) -> None:
    """An ack may come before the events that others wrote just before it."""
    chat = await anna.direct(ben)
    events = await written(server, anna, chat, 5)
    account = sign_in(tmp_path / "Anna", anna)
    with at_home(tmp_path / "Anna"):
        files = account_files(account.key)
    cache, outbox, storage = Cache.open(files.cache), Outbox.open(files.outbox), Storage(files)
    context = Context(account, cache, outbox, storage, lambda _: None)
    await context.store_events(chat.id, events[4:], live=True)
    assert context.plan.next_job(cache, 0) == PageJob(chat.id, 5, 4, eager=True)
    assert context.plan_changed.is_set()
    await storage.close()
    cache.close()
    outbox.close()
