"""The scenarios of `chatserver bench`: each measures one thing on a server of its own, and says in which unit."""

import asyncio
import json
import os
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Final

from chatserver.bench.load import Load, broadcast_reference, fan_out, idle_connection, latency, pages, pairs, rested
from chatserver.bench.world import ServerOnCore, World
from chatserver.services.passwords import PasswordPool

MEMBERS: Final = 200
PAIRS: Final = 50
CONNECTIONS: Final = 1_000
HISTORY: Final = 50_000
_SHARES: Final = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}
_SYNCS: Final = 100
_PAGES: Final = 200
_LOGINS: Final = 20
PASSWORD: Final = "a password of the benchmark"  # noqa: S105 - of a user who exists in a scratch folder only

Figures = dict[tuple[str, str], float]
"""Value by name and unit."""


@dataclass(frozen=True)
class Scene:
    """What the scenarios stand on."""

    data: Path
    world: World
    group: int
    directs: list[int]
    long: int
    seconds: float


Scenario = Callable[[Scene, ServerOnCore], Awaitable[Figures]]


async def build(data: Path, world: World, seconds: float, *, history: int) -> Scene:
    """Users, a group, pairs and a chat with a long history, stored directly."""
    await world.add_users(MEMBERS)
    group = await world.group("bench", world.accounts)
    directs = [await world.direct(world.accounts[2 * n], world.accounts[2 * n + 1]) for n in range(PAIRS)]
    long = await world.direct(world.accounts[0], world.accounts[-1])
    await world.fill(long, world.accounts[0], history)
    passwords = PasswordPool()
    hashed = await passwords.hash(PASSWORD)
    passwords.close()
    await world.store.set_password_hash(world.accounts[0].user.id, hashed, revoke_sessions=False)
    return Scene(data, world, group, directs, long, seconds)


async def measure_fan_out(scene: Scene, server: ServerOnCore) -> Figures:
    """As much as the server takes, then half of that at a fixed rate for latencies."""
    load = await fan_out(server, scene.world.accounts, scene.group, scene.seconds)
    acks: list[float] = []
    half = load.messages / 2
    frames = await latency(server, scene.world.accounts, scene.group, rate=half, seconds=scene.seconds, acks=acks)
    return {
        **_load(load),
        ("deliveries", "1/s"): load.deliveries,
        **_quantiles("due to ack, at half the rate", acks),
        **_quantiles("due to delivery, at half the rate", frames),
        ("resident memory", "MiB"): server.rss_kib() / 1_024,
    }


async def measure_pairs(scene: Scene, server: ServerOnCore) -> Figures:
    """Two people in each chat, with one and with sixteen messages outstanding."""
    one = await pairs(server, scene.world, scene.directs, 1, scene.seconds)
    many = await pairs(server, scene.world, scene.directs, 16, scene.seconds)
    return {("messages, 1 outstanding", "1/s"): one.messages, **_load(many)}


async def measure_connections(scene: Scene, server: ServerOnCore) -> Figures:
    """What a greeted connection that does nothing costs."""
    return {("an idle connection", "KiB"): await idle_connection(server, scene.world, CONNECTIONS)}


async def measure_history(scene: Scene, server: ServerOnCore) -> Figures:
    """A page of fifty messages, the newest and one deep in the log, one after another over one connection."""
    newest = f"/chats/{scene.long}/messages"
    paths = [newest, f"{newest}?beforeSeq={HISTORY // 3}"]
    token = scene.world.accounts[0].token
    first, deep = await asyncio.to_thread(pages, server.port, token, paths, _PAGES)
    return {("newest page, p50", "ms"): first, ("deep page, p50", "ms"): deep}


async def measure_search(scene: Scene, server: ServerOnCore) -> Figures:
    """A word of every message and a word of one, in a chat with a long history, once it is indexed."""
    await rested(server)
    paths = ["/search?q=message", f"/search?q={HISTORY // 2}"]
    token = scene.world.accounts[0].token
    common, rare = await asyncio.to_thread(pages, server.port, token, paths, _PAGES)
    return {("a word of every message, p50", "ms"): common, ("a word of one message, p50", "ms"): rare}


async def measure_login(scene: Scene, server: ServerOnCore) -> Figures:
    """Signing in with a password, one after another: what Argon2id takes of this processor, and the rest."""
    taken = sorted(await asyncio.to_thread(_logins, server.port, scene.world.accounts[0].user.email))
    return {
        ("sign in, p50", "ms"): statistics.median(taken),
        ("sign in, slowest", "ms"): taken[-1],
        ("sign-ins, one at a time", "1/s"): 1_000 * len(taken) / sum(taken),
    }


async def measure_reference(scene: Scene, _server: ServerOnCore) -> Figures:
    """What this machine does without any of it: an fsync on this disk, and a plain broadcast that stores nothing."""
    sync_ms = await asyncio.to_thread(_sync_ms, scene.data.parent)
    load = await broadcast_reference(MEMBERS, scene.seconds)
    return {
        ("fdatasync of 4 KiB, p50", "ms"): sync_ms,
        ("websockets.broadcast(), deliveries", "1/s"): load.deliveries,
        ("generator", "% of a core"): 100 * load.generator,
    }


SCENARIOS: Final[Mapping[str, Scenario]] = {
    "reference": measure_reference,
    "fan-out": measure_fan_out,
    "pairs": measure_pairs,
    "connections": measure_connections,
    "history": measure_history,
    "search": measure_search,
    "login": measure_login,
}


def _load(load: Load) -> Figures:
    return {
        ("messages", "1/s"): load.messages,
        ("server", "% of a core"): 100 * load.server,
        ("generator", "% of a core"): 100 * load.generator,
    }


def _quantiles(name: str, samples: list[float]) -> Figures:
    """Exact ones: every sample is kept, and their number is bounded by rate and time."""
    ranked = sorted(samples)
    return {
        (f"{name}, {label}", "ms"): ranked[min(len(ranked) - 1, int(share * len(ranked)))]
        for label, share in _SHARES.items()
        if ranked
    }


def _logins(port: int, email: str) -> list[float]:
    body, taken = json.dumps({"email": email, "password": PASSWORD}), []
    http = HTTPConnection("127.0.0.1", port, timeout=30)
    for _ in range(_LOGINS):
        begin = time.perf_counter()
        http.request("POST", "/auth/login", body, {"content-type": "application/json"})
        answer = http.getresponse()
        answer.read()
        if answer.status != HTTPStatus.OK:
            raise RuntimeError(f"signing in was answered with {answer.status}.")
        taken.append((time.perf_counter() - begin) * 1e3)
    http.close()
    return taken


def _sync_ms(folder: Path) -> float:
    taken = []
    path = folder / "sync"
    with path.open("wb", buffering=0) as file:
        for _ in range(_SYNCS):
            begin = time.perf_counter()
            file.write(b"x" * 4_096)
            os.fdatasync(file.fileno())
            taken.append((time.perf_counter() - begin) * 1e3)
    path.unlink()
    return statistics.median(taken)
