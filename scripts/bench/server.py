"""Benchmark of the server: fan-out, pairs, latency, memory, pages, start. Loopback only; stops by itself."""

import argparse
import asyncio
import gc
import json
import resource
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import uvloop

from scripts.bench.report import Report, open_all
from scripts.bench.signals import measure_signals
from scripts.bench.wire import LeanClient, send_frame
from scripts.bench.world import (
    Account,
    ServerOnCore,
    World,
    broadcast_server,
    chat_server,
    new_world,
    page_server,
    pin_generator,
)

TEXT = "x" * 200
_REST_MAX_S = 240.0
_RESTING = 0.02
"""Share of a core below which a server is at rest."""


@dataclass
class Load:
    """What one measured stretch came to, per second; `generator` is the share of its core the generator used."""

    messages: float
    deliveries: float
    generator: float
    server: float

    def note(self) -> str:
        full = ", generator full" if self.generator > 0.95 else ""
        return f"server {self.server:.0%}, generator {self.generator:.0%}{full}"


async def measure(server: ServerOnCore, seconds: float, readers: list[LeanClient], sent: Callable[[], int]) -> Load:
    """Counts over `seconds`, after a warm-up of a quarter of that."""
    await asyncio.sleep(seconds / 4)
    counts, events = sent(), sum(reader.events for reader in readers)
    begin, own, cpu = time.perf_counter(), time.process_time(), server.cpu_s()
    await asyncio.sleep(seconds)
    wall = time.perf_counter() - begin
    return Load(
        messages=(sent() - counts) / wall,
        deliveries=(sum(reader.events for reader in readers) - events) / wall,
        generator=(time.process_time() - own) / wall,
        server=(server.cpu_s() - cpu) / wall,
    )


def keep_outstanding(author: LeanClient, chat_id: int, outstanding: int) -> Callable[[], None]:
    """Sends a new message for every ack; returns the function that ends it."""
    number = 0
    running = True

    def another() -> None:
        nonlocal number
        if running:
            number += 1
            author.send(send_frame(number, chat_id, TEXT))

    def stop() -> None:
        nonlocal running
        running = False

    author.on_ack = another
    for _ in range(outstanding):
        another()
    return stop


async def settled(author: LeanClient) -> None:
    """Wait until the answers have stopped coming."""
    before = -1
    while before != author.acks:
        before = author.acks
        await asyncio.sleep(0.2)


async def rested(server: ServerOnCore) -> None:
    """Wait until the server has nothing to do: the search index has followed a history that was stored directly."""
    async with asyncio.timeout(_REST_MAX_S):
        busy = 1.0
        while busy > _RESTING:
            before = server.cpu_s()
            await asyncio.sleep(1)
            busy = server.cpu_s() - before


async def fan_out(server: ServerOnCore, members: list[Account], chat_id: int, seconds: float) -> Load:
    clients = await open_all(server.port, members)
    stop = keep_outstanding(clients[0], chat_id, 32)
    load = await measure(server, seconds, clients, lambda: clients[0].acks)
    stop()
    await settled(clients[0])
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


async def pairs(server: ServerOnCore, world: World, chats: list[int], outstanding: int, seconds: float) -> Load:
    accounts = world.accounts[: 2 * len(chats)]
    clients = await open_all(server.port, accounts)
    authors = clients[::2]
    stops = [keep_outstanding(author, chat, outstanding) for author, chat in zip(authors, chats, strict=True)]
    load = await measure(server, seconds, clients, lambda: sum(author.acks for author in authors))
    for stop in stops:
        stop()
    await settled(authors[0])
    for client in clients:
        client.close()
    return load


async def latency(
    server: ServerOnCore, members: list[Account], chat_id: int, *, rate: float, seconds: float
) -> list[float]:
    """Milliseconds from the author's write to the frame at ten of the members, at a fixed rate of messages."""
    clients = await open_all(server.port, members)
    samples: list[float] = []

    def on_stamp(stamp: int) -> None:
        samples.append((time.perf_counter_ns() - stamp) / 1e6)

    for client in clients[1 :: max(1, len(members) // 10)]:
        client.on_stamp = on_stamp
    begin, sent = time.perf_counter(), 0
    while (passed := time.perf_counter() - begin) < seconds:
        while sent < passed * rate:
            sent += 1
            clients[0].send(send_frame(sent, chat_id, f"@{time.perf_counter_ns()} {TEXT}"))
        await asyncio.sleep(0.002)
    await settled(clients[0])
    for client in clients:
        client.close()
    return samples


async def idle_connection(server: ServerOnCore, world: World, connections: int) -> float:
    """KiB of resident memory for each greeted connection that does nothing."""
    warm = await open_all(server.port, world.accounts[:100])
    for client in warm:
        client.close()
    await asyncio.sleep(0.5)
    before = server.rss_kib()
    accounts = [world.accounts[number % len(world.accounts)] for number in range(connections)]
    clients = await open_all(server.port, accounts)
    await asyncio.sleep(0.5)
    grown = server.rss_kib() - before
    for client in clients:
        client.close()
    return grown / connections


def pages(port: int, token: str, paths: list[str], rounds: int) -> list[float]:
    """Median milliseconds of each path, asked in turn over one connection that is kept open."""
    times: list[list[float]] = [[] for _ in paths]
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(rounds):
            for path, taken in zip(paths, times, strict=True):
                begin = time.perf_counter()
                sock.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
                data = sock.recv(1 << 20)
                head, _, body = data.partition(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200"), data[:200]
                left = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]) - len(body)
                while left > 0:
                    left -= len(sock.recv(1 << 20))
                taken.append((time.perf_counter() - begin) * 1e3)
    return [statistics.median(taken) for taken in times]


@dataclass
class Scene:
    """What the measurements stand on."""

    data: Path
    report: Report
    seconds: float
    history: int
    world: World
    groups: dict[int, int]
    directs: list[int]
    long: int


async def prepare(data: Path, report: Report, *, quick: bool) -> Scene:
    """Users, groups, pairs and one long chat, stored directly."""
    sizes = [100, 500] if quick else [100, 500, 1_000]
    history = 20_000 if quick else 1_000_000
    async with new_world(data) as world:
        await world.add_users(max(sizes))
        groups = {size: await world.group(f"group of {size}", world.accounts[:size]) for size in sizes}
        directs = [await world.direct(world.accounts[2 * n], world.accounts[2 * n + 1]) for n in range(50)]
        long = await world.direct(world.accounts[0], world.accounts[-1])
        await world.fill(long, world.accounts[0], history)
    return Scene(data, report, 1.0 if quick else 4.0, history, world, groups, directs, long)


def measure_start(scene: Scene, rounds: int) -> None:
    starts = []
    for _ in range(rounds):
        with chat_server(scene.data) as server:
            starts.append(server.started_s)
    scene.report.add("exec to accepting connections", statistics.median(starts), "s")


async def measure_pages(scene: Scene, server: ServerOnCore, rounds: int) -> None:
    newest = f"/chats/{scene.long}/messages"
    deep = f"{newest}?beforeSeq={scene.history // 3}"
    token = scene.world.accounts[0].token
    paths = [newest, deep, f"{newest}?limit=1"]
    newest_ms, deep_ms, constant_ms = await asyncio.to_thread(pages, server.port, token, paths, rounds)
    report = scene.report
    report.add("page of 50, newest, p50", newest_ms, "ms")
    report.add("page of 50, deep, p50", deep_ms, "ms", f"in {scene.history:,} messages")
    report.add("ratio of the two", deep_ms / newest_ms, "x", "target: 1.3")
    report.add("constant body of that size, same server, p50", constant_ms, "ms")
    report.add("ratio of newest to constant", newest_ms / constant_ms, "x", "target: 2")


async def measure_fan_out(scene: Scene, server: ServerOnCore) -> float:
    """Returns the most messages per second to the group of 100."""
    report, seconds = scene.report, scene.seconds
    loads = {}
    for size, chat_id in scene.groups.items():
        load = loads[size] = await fan_out(server, scene.world.accounts[:size], chat_id, seconds)
        report.add(f"durable fan-out to {size}, 32 outstanding", load.deliveries, "deliveries/s", load.note())
    reference = await broadcast_reference(500, seconds)
    report.add("websockets.broadcast() to 500, nothing stored", reference.deliveries, "deliveries/s", reference.note())
    report.add("ratio of the two at 500", loads[500].deliveries / reference.deliveries, "x", "target: 3")
    return loads[100].messages


async def measure_latency(scene: Scene, server: ServerOnCore, most: float) -> None:
    rate = most / 2
    members = scene.world.accounts[:100]
    samples = sorted(await latency(server, members, scene.groups[100], rate=rate, seconds=scene.seconds))
    for share in (50, 99):
        name = f"send to frame, 100 members, half the maximum, p{share}"
        scene.report.add(name, samples[len(samples) * share // 100], "ms", f"at {rate:,.0f} messages/s")


async def measure_watching(scene: Scene, rounds: int) -> None:
    """What limits, log and metrics cost in processor time: the same work with and without them, in turn."""
    costs: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    token, path = scene.world.accounts[0].token, f"/chats/{scene.long}/messages"
    for watched in (False, True) * 2:
        with chat_server(scene.data, watched=watched) as server:
            load = await pairs(server, scene.world, scene.directs, 16, scene.seconds)
            cpu = server.cpu_s()
            await asyncio.to_thread(pages, server.port, token, [path], rounds)
            costs[watched].append((load.server / load.messages * 1e6, (server.cpu_s() - cpu) / rounds * 1e6))
    for index, name in enumerate(("message of 50 pairs, 16 outstanding", "page of 50, newest")):
        bare, kept = (statistics.mean(cost[index] for cost in costs[watched]) for watched in (False, True))
        scene.report.add(f"watched to bare: {name}", kept / bare, "x", f"{kept:,.1f} to {bare:,.1f} us of processor")


async def run(data: Path, report: Report, *, quick: bool) -> None:
    scene = await prepare(data, report, quick=quick)
    measure_start(scene, 3 if quick else 5)
    with chat_server(data) as server:
        await rested(server)
        idle = await idle_connection(server, scene.world, 1_000 if quick else 2_000)
    report.add("idle authenticated connection", idle, "KiB", "target: at most 40")
    with page_server(data) as server:
        await measure_pages(scene, server, 200 if quick else 1_000)
    with chat_server(data) as server:
        most = await measure_fan_out(scene, server)
        await measure_latency(scene, server, most)
        for outstanding in (1, 16):
            load = await pairs(server, scene.world, scene.directs, outstanding, scene.seconds)
            report.add(f"50 pairs, {outstanding} outstanding", load.messages, "messages/s", load.note())
        await rested(server)
        await measure_signals(report, server, scene.world.accounts, scene.groups[500], scene.seconds)
    await measure_watching(scene, 1_000 if quick else 4_000)


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench-server", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter and smaller: about 30 s instead of 150")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    arguments = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 16_384)), hard))
    pin_generator()
    gc.freeze()
    report = Report()
    with tempfile.TemporaryDirectory(prefix="bench-server-") as folder:
        uvloop.run(run(Path(folder) / "data", report, quick=arguments.quick))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(report.figures, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
