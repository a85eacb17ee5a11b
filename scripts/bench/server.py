"""Benchmark of the server: fan-out, pairs, latency, memory, pages, start. Loopback only; stops by itself."""

import argparse
import asyncio
import gc
import json
import resource
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvloop

from chatserver.bench.load import broadcast_reference, fan_out, idle_connection, pages, pairs, rested
from chatserver.bench.pace import latency
from chatserver.bench.servers import ServerOnCore, chat_server, pin_generator
from chatserver.bench.world import World, new_world
from scripts.bench.maintenance import measure_maintenance
from scripts.bench.report import Report
from scripts.bench.signals import measure_signals
from scripts.bench.tls import measure_tls

_PAGES: Final = """
import sys
from litestar import Response
from chatproto import codec
from chatserver.cli import main
from chatserver.services.messages import Messages

made = Messages.page
body = b""

async def page(self, *args, limit, **bounds):
    global body
    if limit == 1:
        return Response(body, media_type="application/json")
    result = await made(self, *args, limit=limit, **bounds)
    if not body:
        body = codec.encode(result)
    return result

Messages.page = page
sys.exit(main())
"""


def page_server(data: Path) -> ServerOnCore:
    """`chatserver serve`, but a page of one message is the body of the last longer page, as it was: the reference."""
    return ServerOnCore(_PAGES, "serve", "--data", str(data), "--host", "127.0.0.1", "--port", "0")


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
    parser.add_argument(
        "--maintenance",
        action="store_true",
        help="only sends beside 'user erase' and 'retention run', against sends without: about 100 s",
    )
    parser.add_argument(
        "--tls", action="store_true", help="only TLS against none, and sends beside floods of handshakes: about 150 s"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    arguments = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 16_384)), hard))
    pin_generator()
    gc.freeze()
    report = Report()
    with tempfile.TemporaryDirectory(prefix="bench-server-") as folder:
        data = Path(folder) / "data"
        if arguments.maintenance:
            uvloop.run(measure_maintenance(report, data, 2.0 if arguments.quick else 8.0))
        elif arguments.tls:
            uvloop.run(measure_tls(report, Path(folder), 1.0 if arguments.quick else 4.0))
        else:
            uvloop.run(run(data, report, quick=arguments.quick))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(report.figures, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
