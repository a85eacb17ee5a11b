"""What TLS costs the server, and what a flood of handshakes costs those who chat; stops by itself."""

import asyncio
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chatserver.bench.load import fan_out, idle_connection, open_all
from chatserver.bench.pace import latency
from chatserver.bench.servers import ServerOnCore, chat_server
from chatserver.bench.world import World, new_world
from scripts.bench.report import Report
from tests.support.tls import write_pair

_ROUNDS: Final = 3
_MEMBERS: Final = 100
_IDLE: Final = 1_000
_OPENED: Final = 300
_CHATTING: Final = 20
_RATE: Final = 200.0
"""Messages per second to all who chat, as a busy small server has them."""
_FLOODS: Final = {"half-open": 500.0, "garbage": 500.0, "full": 200.0}
"""Connections per second, from one address."""
_WIDE: Final = {"CHATSERVER_LIMIT_HANDSHAKE": "100000/second"}

Values = dict[str, list[float]]


@dataclass(frozen=True)
class Scene:
    """A group of all and a group of few; `seconds` are those of one load."""

    data: Path
    world: World
    group: int
    few: int
    seconds: float


async def measure_tls(report: Report, folder: Path, seconds: float) -> None:
    """By turns with and without TLS; then with TLS beside each flood, with ordinary limits and with a wide one."""
    data = folder / "data"
    async with new_world(data) as world:
        await world.add_users(_MEMBERS)
        group = await world.group("benchmark", world.accounts)
        few = await world.group("few", world.accounts[:_CHATTING])
    scene = Scene(data, world, group, few, seconds)
    certificate, key = write_pair(folder)
    tls = {"CHATSERVER_TLS_CERTIFICATE": str(certificate), "CHATSERVER_TLS_KEY": str(key)}
    found: dict[str, Values] = {"plain": defaultdict(list), "TLS": defaultdict(list)}
    for _ in range(_ROUNDS):
        for name, settings in (("plain", {}), ("TLS", tls | _WIDE)):
            await _costs(scene, settings, found[name])
    for what, plain in found["plain"].items():
        one, other = statistics.median(plain), statistics.median(found["TLS"][what])
        spread = f"{min(found['TLS'][what]):,.3g} to {max(found['TLS'][what]):,.3g}"
        report.add(f"plain: {what}", one, "")
        report.add(f"TLS: {what}", other, "", f"{other / one:.2f} times plain; {spread}")
    for limits, wider in (("ordinary limits", {}), ("no limit of their rate", _WIDE)):
        await _floods(report, scene, limits, tls | wider)


async def _costs(scene: Scene, settings: Mapping[str, str], into: Values) -> None:
    world = scene.world
    with chat_server(scene.data, settings=settings) as server:
        into["KiB for an idle connection"].append(await idle_connection(server, world, _IDLE))
        before, times = server.cpu_s(), list[float]()
        opened = await open_all(server, [world.accounts[n % _MEMBERS] for n in range(_OPENED)], times=times)
        into["ms of processor to open one, with its greeting"].append(1e3 * (server.cpu_s() - before) / _OPENED)
        for client in opened:
            client.close()
        load = await fan_out(server, world.accounts, scene.group, scene.seconds)
        into["deliveries/s to 100"].append(load.deliveries)
        into["us of processor for a delivery"].append(1e6 * load.server / load.deliveries)


async def _floods(report: Report, scene: Scene, limits: str, settings: Mapping[str, str]) -> None:
    chatting, seconds = scene.world.accounts[:_CHATTING], scene.seconds
    samples: dict[str, list[float]] = defaultdict(list)
    made: dict[str, int] = defaultdict(int)
    with chat_server(scene.data, settings=settings) as server:
        for _ in range(_ROUNDS):
            for kind in ("none", *_FLOODS):
                acks: list[float] = []
                flood = _begin(server, kind, seconds + 2) if kind in _FLOODS else None
                await latency(server, chatting, scene.few, rate=_RATE, seconds=seconds, acks=acks)
                samples[kind] += acks
                if flood is not None:
                    made[kind] += int((await asyncio.to_thread(flood.communicate, timeout=60))[0])
    for kind, taken in samples.items():
        ranked = sorted(taken)
        note = f"{made[kind] / (_ROUNDS * (seconds + 2)):,.0f} connections/s" if kind in made else ""
        for share in (50, 99):
            report.add(f"ack p{share}, flood {kind}, {limits}", ranked[len(ranked) * share // 100], "ms", note)


def _begin(server: ServerOnCore, kind: str, seconds: float) -> "subprocess.Popen[str]":
    """The flood runs on the generator's core, as the server's is the one that is measured."""
    arguments = [sys.executable, "-m", "scripts.bench.flood", kind, str(server.port), str(_FLOODS[kind]), str(seconds)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)
