"""Sends while `user erase` and `retention run` work on the same database, against sends without; stops by itself."""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from chatserver.bench.load import open_all, rested
from chatserver.bench.pace import latency
from chatserver.bench.servers import SERVER_CORE, ServerOnCore, chat_server, core
from chatserver.bench.world import World, new_world
from scripts.bench.report import Report

MEMBERS: Final = 100
RATE: Final = 200.0
"""Messages per second, each to all members: far from what a server can do, as in most of them."""
MESSAGES: Final = 20_000
REACTIONS: Final = 2_000
HISTORY: Final = 100_000
_ROUNDS: Final = 3
_END_S: Final = 30.0
_AT_ONCE: Final = 100
_COMMAND: Final = """
import os, sys
os.sched_setaffinity(0, {%d})
from chatserver.cli import main
sys.exit(main())
"""
_DUE_NOW: Final = {"CHATSERVER_RETENTION_DAYS": "0.000000001"}
"""For the command alone: the server has no rule, and removes nothing by itself."""


@dataclass(frozen=True)
class Scene:
    """A group that is written to by its members; a talk of others, one of whom is erased; a chat that is too old."""

    data: Path
    world: World
    group: int
    old: int
    commands: Mapping[str, tuple[str, ...]]


@dataclass
class Samples:
    """Milliseconds from the time of each message, to its ack and to frames at ten members."""

    acks: list[float] = field(default_factory=list)
    frames: list[float] = field(default_factory=list)

    def p99(self) -> dict[str, float]:
        named = {"ack": self.acks, "delivery": self.frames}
        return {name: sorted(taken)[len(taken) * 99 // 100] for name, taken in named.items()}


async def prepare(data: Path) -> Scene:
    """All of it stored directly."""
    async with new_world(data) as world:
        store = world.store
        await world.add_users(2 * MEMBERS)
        group = await world.group("written to", world.accounts[:MEMBERS])
        erased, *others = world.accounts[MEMBERS:]
        talk = await world.group("talk", [*others, erased])
        await world.fill(talk, erased, MESSAGES)
        await world.fill(talk, others[0], REACTIONS)
        page, _ = await store.events(talk, limit=1)
        for last in range(page[0].seq, page[0].seq - REACTIONS, -_AT_ONCE):
            places = range(last, last - _AT_ONCE, -1)
            await asyncio.gather(*(store.react(erased.user.id, talk, seq, "👍", on=True) for seq in places))
        old = await world.direct(others[0], others[1])
        await world.fill(old, others[0], HISTORY)
        for kept in (group, talk):
            await store.set_chat_retention(kept, 0)
    erase = ("user", "erase", str(erased.user.id), "--yes")  # by id: it goes on where the round before was stopped
    return Scene(data, world, group, old, {"nothing": (), "user erase": erase, "retention run": ("retention", "run")})


@contextlib.asynccontextmanager
async def beside(data: Path, command: tuple[str, ...]) -> AsyncIterator[None]:
    """A command of `chatserver` on the server's core, as on a machine with one; ended with the block.

    Raises `RuntimeError` if it ends by itself before that.
    """
    if not command:
        yield
        return
    arguments = [sys.executable, "-c", _COMMAND % core(SERVER_CORE), *command, "--data", str(data)]
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, env={**os.environ, **_DUE_NOW})
    try:
        yield
        if process.poll() is not None:
            raise RuntimeError(f"chatserver {' '.join(command)} ended with {process.returncode} before the sends did")
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, _END_S)


async def _sends(scene: Scene, server: ServerOnCore, seconds: float, into: Samples) -> None:
    """Messages to the group at a fixed rate, whatever became of those before."""
    members = scene.world.accounts[:MEMBERS]
    into.frames += await latency(server, members, scene.group, rate=RATE, seconds=seconds, acks=into.acks)


async def _done(scene: Scene) -> tuple[int, int]:
    """How many messages were erased, and how many removed because of their age."""
    async with new_world(scene.data) as world:
        chat = await world.store.chat_retention(scene.old)
        return sum(each.messages for each in await world.store.erasures()), chat.floor if chat is not None else 0


async def measure_maintenance(report: Report, data: Path, seconds: float) -> None:
    """Beside nothing, `user erase` and `retention run` in turn; those who are told of it are connected."""
    scene = await prepare(data)
    found = {name: Samples() for name in scene.commands}
    with chat_server(data) as server:
        await rested(server)
        readers = await open_all(server, scene.world.accounts[MEMBERS + 1 :])
        for _ in range(_ROUNDS):
            for name, command in scene.commands.items():
                async with beside(data, command):
                    await _sends(scene, server, seconds, found[name])
        for reader in readers:
            reader.close()
    bare = found["nothing"].p99()
    passed = _ROUNDS * seconds
    erased, removed = await _done(scene)
    report.add("messages erased meanwhile", erased / passed, "1/s")
    report.add("messages removed because of their age meanwhile", removed / passed, "1/s")
    for name, samples in found.items():
        for what, taken in samples.p99().items():
            ratio = "" if name == "nothing" else f"{taken / bare[what]:.2f} times that beside nothing"
            report.add(f"send to {what} beside {name}, p99", taken, "ms", ratio)
