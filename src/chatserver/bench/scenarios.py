"""The scenarios of `chatserver bench`: each measures one thing on a server, and says in which unit."""

import asyncio
import json
import os
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chatserver.bench.load import Load, broadcast_reference, fan_out, idle_connection, open_all, pairs, rested
from chatserver.bench.pace import latency, paced_pairs
from chatserver.bench.requests import NextRequest, closed, get, paced, post
from chatserver.bench.servers import ServerOnCore, Target, Usage
from chatserver.bench.world import Account, World
from chatserver.services.passwords import PasswordPool

_SHARES: Final = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}
_SAMPLES_ABOVE: Final = 5
"""A quantile is told only if so many samples lie above it: the highest of few is luck."""
_SYNCS: Final = 100
PASSWORD: Final = "a password of the benchmark"  # noqa: S105 - of a user who exists as long as the benchmark

Figures = dict[tuple[str, str], float]
"""Value by name and unit."""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """How large the world and the loads are. `outstanding` None: 32 for fan-out, 16 for each pair."""

    members: int = 200
    pairs: int = 50
    outstanding: int | None = None
    connections: int = 1_000
    messages: int = 50_000


@dataclass(frozen=True)
class Scene:
    """What the scenarios stand on. `folder` is where an fsync is timed."""

    folder: Path
    world: World
    visitor: Account
    group: int
    directs: list[int]
    long: int
    seconds: float
    sizes: Sizes


Scenario = Callable[[Scene, Target], Awaitable[Figures]]


async def build(folder: Path, world: World, seconds: float, sizes: Sizes, names: Sequence[str]) -> Scene:
    """Users, a group, pairs and, for those scenarios that need one, a chat with a long history, stored directly."""
    await world.add_users(max(sizes.members, 2 * sizes.pairs) + 1)
    accounts = world.accounts
    visitor = accounts.pop()  # who signs in often, and so loses earlier sessions
    group = await world.group("Benchmark", accounts[: sizes.members])
    directs = [await world.direct(accounts[2 * n], accounts[2 * n + 1]) for n in range(sizes.pairs)]
    long = await world.group("Benchmark, long", [accounts[0], accounts[1]])
    if {"history", "search"} & set(names):
        await world.fill(long, accounts[0], sizes.messages)
    passwords = PasswordPool()
    hashed = await passwords.hash(PASSWORD)
    passwords.close()
    await world.store.set_password_hash(visitor.user.id, hashed, revoke_sessions=False)
    return Scene(folder, world, visitor, group, directs, long, seconds, sizes)


async def measure_fan_out(scene: Scene, server: Target) -> Figures:
    """As much as the server takes, then half of that at a fixed rate for latencies."""
    members = scene.world.accounts[: scene.sizes.members]
    load = await fan_out(server, members, scene.group, scene.seconds, outstanding=scene.sizes.outstanding or 32)
    acks: list[float] = []
    half = load.messages / 2
    frames = await latency(server, members, scene.group, rate=half, seconds=scene.seconds, acks=acks)
    return {
        **_load(load),
        ("deliveries", "1/s"): load.deliveries,
        **_each(load.used, "a delivery", load.deliveries * scene.seconds),
        **_quantiles("due to ack, at half the rate", acks),
        **_quantiles("due to delivery, at half the rate", frames),
        **_memory(server, load.used),
    }


async def measure_pairs(scene: Scene, server: Target) -> Figures:
    """Two people in each chat, with one message outstanding and with more, then half of that at a fixed rate."""
    one = await pairs(server, scene.world, scene.directs, 1, scene.seconds)
    many = await pairs(server, scene.world, scene.directs, scene.sizes.outstanding or 16, scene.seconds)
    half = many.messages / 2
    timed = await paced_pairs(server, scene.world.accounts, scene.directs, rate=half, seconds=scene.seconds)
    return {
        ("messages, 1 outstanding", "1/s"): one.messages,
        **_load(many),
        **_quantiles("due to ack, at half the rate", timed.acks),
        **_quantiles("due to delivery, at half the rate", timed.deliveries),
        **_memory(server, many.used),
    }


async def measure_connections(scene: Scene, server: Target) -> Figures:
    """What a greeted connection that does nothing costs, and how long one takes to be greeted."""
    figures: Figures = {}
    if isinstance(server, ServerOnCore):  # of another's, nobody knows what else it does meanwhile
        figures["an idle connection", "KiB"] = await idle_connection(server, scene.world, scene.sizes.connections)
    times: list[float] = []
    accounts = scene.world.accounts
    began = time.perf_counter()
    opened = await open_all(server, [accounts[n % len(accounts)] for n in range(scene.sizes.connections)], times=times)
    rate = len(opened) / (time.perf_counter() - began)
    for client in opened:
        client.close()
    return figures | {
        ("opened and greeted, 50 at a time", "1/s"): rate,
        **_quantiles("to the greeting", times),
    }


async def measure_history(scene: Scene, server: Target) -> Figures:
    """A page of fifty messages: the newest, and one deep in the log."""
    token, path = scene.world.accounts[0].token, f"/chats/{scene.long}/messages"
    deep = get(server, f"{path}?beforeSeq={max(2, scene.sizes.messages // 3)}", token)
    newest = get(server, path, token)
    return {
        **await _asked(scene, server, "newest page", lambda _: newest),
        **await _asked(scene, server, "deep page", lambda _: deep),
    }


async def measure_search(scene: Scene, server: Target) -> Figures:
    """A word of every message, and words of one each, once all is indexed."""
    await rested(server)
    token, most = scene.world.accounts[0].token, scene.sizes.messages
    common = get(server, "/search?q=message", token)
    return {
        **await _asked(scene, server, "a word of every message", lambda _: common),
        **await _asked(scene, server, "a word of one message", lambda n: get(server, f"/search?q={n % most}", token)),
    }


async def measure_login(scene: Scene, server: Target) -> Figures:
    """Signing in with a password: what Argon2id takes of this processor, and the rest."""
    body = json.dumps({"email": scene.visitor.user.email, "password": PASSWORD}).encode()
    request = post(server, "/auth/login", body)
    return await _asked(scene, server, "sign in", lambda _: request)


async def measure_reference(scene: Scene, _server: Target) -> Figures:
    """What this machine does without any of it: an fsync on this disk, and a plain broadcast that stores nothing."""
    sync_ms = await asyncio.to_thread(_sync_ms, scene.folder)
    load = await broadcast_reference(scene.sizes.members, scene.seconds)
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
STRETCHES: Final[Mapping[str, float]] = {
    "reference": 1.3,
    "fan-out": 2.3,
    "pairs": 3.6,
    "connections": 0.0,
    "history": 4.0,
    "search": 4.0,
    "login": 2.0,
}
"""How many times `seconds` each takes."""


async def _asked(scene: Scene, server: Target, name: str, request: NextRequest) -> Figures:
    """As many as are answered over eight connections, then half of that at a fixed rate for latencies."""
    most = await closed(server, request, scene.seconds)
    half = await paced(server, request, scene.seconds, most.rate / 2)
    return {
        (name, "1/s"): most.rate,
        **_each(most.used, name, most.count),
        **_quantiles(f"{name}, at half the rate", half.times),
        (f"{name}, generator", "% of a core"): 100 * most.generator,
    }


def _load(load: Load) -> Figures:
    figures: Figures = {
        ("messages", "1/s"): load.messages,
        ("server", "% of a core"): 100 * load.server,
        ("generator", "% of a core"): 100 * load.generator,
    }
    used = load.used
    if used is None or not load.messages or not load.server:
        return figures
    seconds = used.cpu_s / load.server
    return figures | {
        **_each(used, "a message", load.messages * seconds),
        ("commits", "1/s"): used.commits / seconds,
        ("fsyncs", "1/s"): used.syncs / seconds,
        **({("fsync, mean", "ms"): 1e3 * used.sync_s / used.syncs} if used.syncs else {}),
    }


def _each(used: Usage | None, what: str, count: float) -> Figures:
    return {(f"processor time of {what}", "us"): 1e6 * used.cpu_s / count} if used and count else {}


def _memory(server: Target, used: Usage | None) -> Figures:
    figures: Figures = {("resident memory", "MiB"): used.rss_kib / 1_024} if used else {}
    if isinstance(server, ServerOnCore):
        figures |= {("resident memory, most", "MiB"): server.peak_kib() / 1_024}
    return figures


def _quantiles(name: str, samples: Sequence[float]) -> Figures:
    """Exact ones: every sample is kept, and their number is bounded by rate and time."""
    ranked = sorted(samples)
    return {
        (f"{name}, {label}", "ms"): ranked[int(share * len(ranked))]
        for label, share in _SHARES.items()
        if len(ranked) * (1 - share) >= _SAMPLES_ABOVE or (ranked and share <= 0.5)
    }


def _sync_ms(folder: Path) -> float:
    taken = []
    path = folder / "bench.sync"
    with path.open("wb", buffering=0) as file:
        for _ in range(_SYNCS):
            begin = time.perf_counter()
            file.write(b"x" * 4_096)
            os.fdatasync(file.fileno())
            taken.append((time.perf_counter() - begin) * 1e3)
    path.unlink()
    return statistics.median(taken)
