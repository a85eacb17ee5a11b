"""Whatever a client went through, its copy is the one that a fresh client gets."""

import asyncio
from pathlib import Path

from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from chatproto.frames import Delete, Done, Edit, Error, React
from chatproto.models import Chat, LogEvent
from chatterm.client.model import Entry
from tests.support.client import Client, running_client
from tests.support.proxy import Proxy, proxied
from tests.support.server import QUIET, Person, RunningServer, Socket, running_server

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.integers(0, 2), st.integers(1, 40)),
        st.tuples(st.just("change"), st.integers(0, 2), st.integers(1, 60)),
        st.tuples(st.just("cut"), st.just(0), st.just(0)),
        st.tuples(st.just("down"), st.just(0), st.just(0)),
        st.tuples(st.just("up"), st.just(0), st.just(0)),
        st.tuples(st.just("own"), st.integers(0, 2), st.integers(1, 5)),
        st.tuples(st.just("seen"), st.integers(0, 2), st.integers(1, 60)),
        st.tuples(st.just("join"), st.just(0), st.just(0)),
        st.tuples(st.just("remove"), st.integers(0, 2), st.integers(1, 60)),
    ),
    max_size=12,
)

Copy = tuple[list[Entry], dict[int, tuple[Chat | None, list[LogEvent]]]]


def copy_of(client: Client) -> Copy:
    """All that the cache says about chats and people."""
    entries = client.entries()
    chat_ids = [entry.ref.id for entry in entries if entry.ref.kind == "chat"]
    return entries, {chat_id: (client.session.cache.chat(chat_id), client.log(chat_id)) for chat_id in chat_ids}


async def live_through(
    steps: list[tuple[str, int, int]], server: RunningServer, anna: Person, ben: Person, home: Path
) -> None:
    chats = [await anna.direct(ben), await anna.group("one", ben), await ben.group("two", anna)]
    async with (
        proxied(server.url) as proxy,
        running_client(home / "old", ben, url=proxy.url) as client,
        anna.socket() as socket,
    ):
        for kind, which, count in steps:
            chat = chats[which % len(chats)]
            match kind:
                case "say":
                    await _say(socket, chat, count)
                case "change":
                    await _change(socket, chat, count)
                case "own":
                    for n in range(count):
                        await client.say(chat, f"own {n}")
                case "seen":
                    await client.session.mark_seen(chat.id, min(count, client.session.cache.head(chat.id)))
                case "join":
                    chats.append(await anna.group(f"group {len(chats)}", ben))
                case "remove":
                    await _remove(server, chat, count)
                case _:
                    _disturb(kind, proxy, client)
        proxy.refusing = False
        client.session.retry_now()
        await client.outbox_empty()
        await client.until(lambda: not client.session.cache.pending_seen())
        heads = {chat.id: await _head(server, chat) for chat in chats}
        cache = client.session.cache
        await client.until(lambda: all(not cache.holes(chat_id, 1, head) for chat_id, head in heads.items()))
        async with running_client(home / "new", ben) as fresh:
            await fresh.synced()
            await client.until(lambda: copy_of(client) == copy_of(fresh))


def _disturb(kind: str, proxy: Proxy, client: Client) -> None:
    """Cut the connection; `down` also refuses new ones, until `up`."""
    if kind != "cut":
        proxy.refusing = kind == "down"
    proxy.cut()
    if kind != "cut":
        client.session.retry_now()


async def _say(socket: Socket, chat: Chat, count: int) -> None:
    for n in range(count):
        await socket.say(chat, f"said {n}")


async def _change(socket: Socket, chat: Chat, seq: int) -> None:
    """Edit, take back or react to what lies at a seq; whatever the server refuses is no change."""
    if seq % 3:
        await socket.send(React(id=seq, chat_id=chat.id, seq=seq, emoji="👍", on=seq % 2 == 0))
    elif seq % 2:
        await socket.send(Edit(id=seq, chat_id=chat.id, seq=seq, text=f"edited {seq}"))
    else:
        await socket.send(Delete(id=seq, chat_id=chat.id, seq=seq))
    while not isinstance(await socket.next(), Done | Error):
        pass


async def _remove(server: RunningServer, chat: Chat, count: int) -> None:
    """Remove the oldest events of a log, as many or all."""
    events, _ = await server.application.store.events(chat.id, after_seq=0, limit=count)
    if events:
        await server.application.store.remove_before(chat.id, events[-1].at + 1, 30, count)


async def _head(server: RunningServer, chat: Chat) -> int:
    events, _ = await server.application.store.events(chat.id, limit=1)
    return events[-1].seq if events else (await server.application.store.floor(chat.id)).floor


@settings(
    max_examples=8,
    # Not shrunk: each example runs servers and clients, and a failing one waits long before it fails.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@example(steps=[("say", 0, 1), ("say", 0, 1), ("seen", 0, 1)])
@example(steps=[("say", 0, 7), ("down", 0, 0), ("change", 0, 3), ("change", 0, 6), ("change", 0, 4), ("up", 0, 0)])
@example(steps=[("say", 1, 9), ("down", 0, 0), ("say", 1, 30), ("remove", 1, 25), ("say", 1, 2), ("up", 0, 0)])
@given(steps=STEPS)
def test_a_client_that_lived_through_breaks_holds_what_a_fresh_client_gets(
    steps: list[tuple[str, int, int]], tmp_path_factory: object
) -> None:
    """Random sends, changes, joins, removals, seen markers and cuts: cached client + events == fresh client."""

    async def run() -> None:
        home: Path = tmp_path_factory.mktemp("life")  # type: ignore[attr-defined] # pytest's factory
        async with running_server(home / "data", QUIET) as server:
            anna, ben = await server.person("Anna"), await server.person("Ben")
            await live_through(steps, server, anna, ben, home)

    asyncio.run(run())
