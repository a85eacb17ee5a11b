"""Messages at a rate of their own: each has its time whatever became of those before, and is timed from it."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from chatserver.bench.load import TEXT, open_all, settled, verify
from chatserver.bench.servers import Target
from chatserver.bench.wire import LeanClient, send_frame
from chatserver.bench.world import Account

_TICK_S = 0.002


@dataclass
class Timed:
    """Milliseconds from each message's due time to its ack, and to its delivery at those who were watched."""

    acks: list[float] = field(default_factory=list)
    deliveries: list[float] = field(default_factory=list)

    def watch(self, client: LeanClient) -> None:
        """Time what comes to this client."""
        client.on_stamp = lambda stamp: self.deliveries.append((time.perf_counter_ns() - stamp) / 1e6)


class _Author:
    """Writes to one chat when told to, and times the acks, which come in the order of the messages."""

    def __init__(self, client: LeanClient, chat_id: int, timed: Timed) -> None:
        self.client = client
        self._chat_id = chat_id
        self._acks = timed.acks
        self._due: deque[int] = deque()
        client.on_ack = self._acked

    def write(self, number: int, due: float) -> None:
        stamp = int(due * 1e9)
        self._due.append(stamp)
        self.client.sent += 1
        self.client.send(send_frame(number, self._chat_id, f"@{stamp} {TEXT}"))

    def _acked(self) -> None:
        self._acks.append((time.perf_counter_ns() - self._due.popleft()) / 1e6)


async def latency(
    server: Target,
    members: list[Account],
    chat_id: int,
    *,
    rate: float,
    seconds: float,
    acks: list[float] | None = None,
) -> list[float]:
    """Milliseconds from a message's due time to the frame at ten of the members, at a fixed rate; `acks` gets those to
    the ack.

    A server that stalls is charged for all that had to wait (coordinated omission: Gil Tene, wrk2). Raises
    `BrokenPromiseError`.
    """
    clients = await open_all(server, members, chat_id)
    timed = Timed() if acks is None else Timed(acks)
    for client in clients[1 :: max(1, len(members) // 10)]:
        timed.watch(client)
    await _write([_Author(clients[0], chat_id, timed)], rate, seconds)
    await settled(clients[0])
    await verify(clients[0], clients)
    _close(clients)
    return timed.deliveries


async def paced_pairs(
    server: Target, accounts: list[Account], chats: list[int], *, rate: float, seconds: float
) -> Timed:
    """Many authors by turns, one in each chat, whose partner reads. Raises `BrokenPromiseError`."""
    clients = await open_all(server, accounts[: 2 * len(chats)])
    timed = Timed()
    for reader in clients[1::2]:
        timed.watch(reader)
    for index, client in enumerate(clients):
        client.chat_id = chats[index // 2]
    authors = [_Author(client, chat, timed) for client, chat in zip(clients[::2], chats, strict=True)]
    await _write(authors, rate, seconds)
    for author, reader in zip(clients[::2], clients[1::2], strict=True):
        await settled(author)
        await verify(author, [author, reader])
    _close(clients)
    return timed


async def _write(authors: Sequence[_Author], rate: float, seconds: float) -> None:
    begin, sent = time.perf_counter(), 0
    while (passed := time.perf_counter() - begin) < seconds:
        while sent < passed * rate:
            due = begin + sent / rate
            sent += 1
            authors[sent % len(authors)].write(sent, due)
        await asyncio.sleep(_TICK_S)


def _close(clients: Sequence[LeanClient]) -> None:
    for client in clients:
        client.close()
