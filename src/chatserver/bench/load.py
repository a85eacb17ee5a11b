"""Loads on a server: fan-out, pairs, latency at a fixed rate, idle connections, pages; each stops by itself."""

import asyncio
import http.client
import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chatserver.bench.servers import ServerOnCore, Target, Usage, broadcast_server
from chatserver.bench.wire import LeanClient, RefusedError, send_frame
from chatserver.bench.world import Account, World

TEXT = "x" * 200
_REST_MAX_S = 240.0
_ARRIVAL_MAX_S = 10.0
_REQUEST_TIMEOUT_S = 30.0
_RESTING = 0.02
"""Share of a core below which a server is at rest."""


@dataclass
class Load:
    """What one measured stretch came to, per second; `generator` is the share of its core the generator used."""

    messages: float
    deliveries: float
    generator: float
    server: float
    used: Usage | None = None
    """What the server used meanwhile, if it tells."""

    def note(self) -> str:
        full = ", generator full" if self.generator > 0.95 else ""
        if len(os.sched_getaffinity(0)) == 1 and os.cpu_count() == 1:
            full = ", on one core for both"
        return f"server {self.server:.0%}, generator {self.generator:.0%}{full}"


async def measure(server: Target, seconds: float, readers: list[LeanClient], sent: Callable[[], int]) -> Load:
    """Counts over `seconds`, after a warm-up of a quarter of that."""
    await asyncio.sleep(seconds / 4)
    before = await server.usage_or_none()
    counts, events = sent(), sum(reader.events for reader in readers)
    begin, own, cpu = time.perf_counter(), time.process_time(), _cpu_s(server)
    await asyncio.sleep(seconds)
    wall, own = time.perf_counter() - begin, time.process_time() - own
    counts, events, cpu = sent() - counts, sum(reader.events for reader in readers) - events, _cpu_s(server) - cpu
    after = await server.usage_or_none()
    used = after.since(before) if after and before else None
    if used and not cpu:
        cpu = used.cpu_s
    return Load(counts / wall, events / wall, own / wall, cpu / wall, used)


def _cpu_s(server: Target) -> float:
    return server.cpu_s() if isinstance(server, ServerOnCore) else 0.0


def keep_outstanding(author: LeanClient, chat_id: int, outstanding: int) -> Callable[[], None]:
    """Sends a new message for every ack; returns the function that ends it."""
    number = 0
    running = True

    def another() -> None:
        nonlocal number
        if running:
            number += 1
            author.sent += 1
            author.send(send_frame(number, chat_id, TEXT))

    def stop() -> None:
        nonlocal running
        running = False

    author.on_ack = another
    for _ in range(outstanding):
        another()
    return stop


async def settled(author: LeanClient) -> None:
    """Wait until every message has its answer. Raises `ConnectionError` if one has none after ten seconds."""
    deadline = time.monotonic() + _ARRIVAL_MAX_S
    while author.acks < author.sent and not author.closed:
        if time.monotonic() > deadline:
            raise ConnectionError(f"{author.sent - author.acks:,} of {author.sent:,} messages have no answer")
        await asyncio.sleep(0.02)
    if author.acks < author.sent:
        raise ConnectionError("the server ended a connection that had messages under way")


class BrokenPromiseError(Exception):
    """A message that was acknowledged was lost, doubled or reordered, or a connection ended; the text counts them."""


async def verify(author: LeanClient, readers: Sequence[LeanClient]) -> int:
    """Wait until every reader has what the author was acknowledged, exactly once and in order; how many that were.

    The readers must have been there before the author's first message, and nobody else may write. Raises
    `BrokenPromiseError`, or `RefusedError` if all is well but for messages that were refused.
    """
    deadline = time.monotonic() + _ARRIVAL_MAX_S
    while any(reader.last < author.last_acked and not reader.closed for reader in readers):
        if time.monotonic() > deadline:
            break
        await asyncio.sleep(0.02)
    count = author.last_acked - author.first_acked + 1 if author.last_acked else 0
    whole = (author.first_acked, author.last_acked, count)
    lacking = [reader for reader in readers if (reader.first, reader.last, reader.events) != whole]
    closed = sum(reader.closed for reader in readers)
    faults = author.faults + sum(reader.faults for reader in readers if reader is not author)
    if lacking or closed or faults:
        raise BrokenPromiseError(
            f"of {count:,} acknowledged messages {len(lacking)} of {len(readers)} members do not have each exactly "
            f"once; {faults} frames out of order, {closed} connections ended"
        )
    if author.refused:
        raise RefusedError(author.refusal)
    return count


async def rested(server: Target) -> None:
    """Wait until the server has nothing to do: the search index has followed a history that was stored directly.

    Raises `ConnectionError` if it does not come to rest.
    """
    deadline = time.monotonic() + _REST_MAX_S
    busy = 1.0
    while busy > _RESTING:
        if time.monotonic() > deadline:
            raise ConnectionError(f"the server was not at rest after {_REST_MAX_S:.0f} s")
        before = await _busy_s(server)
        await asyncio.sleep(1)
        busy = await _busy_s(server) - before


async def _busy_s(server: Target) -> float:
    return server.cpu_s() if isinstance(server, ServerOnCore) else (await server.usage()).cpu_s


async def fan_out(
    server: Target, members: list[Account], chat_id: int, seconds: float, *, outstanding: int = 32
) -> Load:
    """One author with so many messages outstanding, everybody reading. Raises `BrokenPromiseError`."""
    clients = await open_all(server, members, chat_id)
    stop = keep_outstanding(clients[0], chat_id, outstanding)
    load = await measure(server, seconds, clients, lambda: clients[0].acks)
    stop()
    await settled(clients[0])
    await verify(clients[0], clients)
    for client in clients:
        client.close()
    return load


async def broadcast_reference(members: int, seconds: float) -> Load:
    """32 messages outstanding, as for the chat server; the author's own delivery is its ack."""
    payload = json.dumps({"type": "events", "seq": 1, "text": TEXT}, separators=(",", ":")).encode()
    with broadcast_server() as server:
        clients = [await LeanClient.connect(server.port, "/", None) for _ in range(members)]
        author = clients[0]
        author.on_event = lambda: author.send(payload)
        for _ in range(32):
            author.send(payload)
        load = await measure(server, seconds, clients, lambda: author.events)
        for client in clients:
            client.close()
    return load


async def pairs(server: Target, world: World, chats: list[int], outstanding: int, seconds: float) -> Load:
    """As many authors as chats, each with so many messages outstanding. Raises `BrokenPromiseError`."""
    accounts = world.accounts[: 2 * len(chats)]
    clients = await open_all(server, accounts)
    authors = clients[::2]
    for index, client in enumerate(clients):
        client.chat_id = chats[index // 2]
    stops = [keep_outstanding(author, chat, outstanding) for author, chat in zip(authors, chats, strict=True)]
    load = await measure(server, seconds, clients, lambda: sum(author.acks for author in authors))
    for stop in stops:
        stop()
    for author in authors:
        await settled(author)
    for author, reader in zip(authors, clients[1::2], strict=True):
        await verify(author, [author, reader])
    for client in clients:
        client.close()
    return load


async def idle_connection(server: ServerOnCore, world: World, connections: int) -> float:
    """KiB of resident memory for each greeted connection that does nothing."""
    warm = await open_all(server, world.accounts[:100])
    for client in warm:
        client.close()
    await asyncio.sleep(0.5)
    before = server.rss_kib()
    accounts = [world.accounts[number % len(world.accounts)] for number in range(connections)]
    clients = await open_all(server, accounts)
    await asyncio.sleep(0.5)
    grown = server.rss_kib() - before
    for client in clients:
        client.close()
    return grown / connections


def pages(port: int, token: str, paths: list[str], rounds: int) -> list[float]:
    """Median milliseconds of each path, asked in turn over one connection that is kept open. Raises `OSError`."""
    times: list[list[float]] = [[] for _ in paths]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_REQUEST_TIMEOUT_S)
    try:
        for _ in range(rounds):
            for path, taken in zip(paths, times, strict=True):
                begin = time.perf_counter()
                connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
                answer = connection.getresponse()
                body = answer.read()
                if answer.status != http.client.OK:
                    raise ConnectionError(f"the server answers {answer.status}: {body[:200].decode(errors='replace')}")
                taken.append((time.perf_counter() - begin) * 1e3)
    except http.client.HTTPException as error:
        raise ConnectionError(f"the server's answer ended early: {error}") from error
    finally:
        connection.close()
    return [statistics.median(taken) for taken in times]


async def open_all(
    server: Target, accounts: list[Account], chat_id: int = 0, *, times: list[float] | None = None
) -> list[LeanClient]:
    """A greeted connection for each account, fifty at a time; only events of `chat_id` count, if it is not 0.

    `times` gets the milliseconds that each took.
    """

    async def one(account: Account) -> LeanClient:
        begin = time.perf_counter()
        client = await LeanClient.connect(server.port, "/ws", account.hello, host=server.host, tls=server.tls)
        client.chat_id = chat_id
        if times is not None:
            times.append((time.perf_counter() - begin) * 1e3)
        return client

    clients: list[LeanClient] = []
    for start in range(0, len(accounts), 50):
        clients += await asyncio.gather(*map(one, accounts[start : start + 50]))
    return clients
