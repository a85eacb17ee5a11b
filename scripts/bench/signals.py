"""Signals: what typing and presence cost the server, with nobody looking and with watchers. Runs alone, too."""

import asyncio
import tempfile
import time
from pathlib import Path

import uvloop

from chatproto import codec
from chatproto.frames import Away, ClientFrame, TypingNow, Watch
from chatserver.bench.load import open_all
from chatserver.bench.servers import ServerOnCore, chat_server, pin_generator
from chatserver.bench.wire import LeanClient
from chatserver.bench.world import Account, new_world
from scripts.bench.report import Report

RATE = 1_000
"""Changes per second."""
_SENDERS = 200
_WATCHERS = 100


def _typing_frames(chat_id: int) -> tuple[bytes, bytes]:
    return _pair(TypingNow(chat_id=chat_id), TypingNow(chat_id=chat_id, on=False))


def _away_frames() -> tuple[bytes, bytes]:
    return _pair(Away(), Away(away=False))


def _pair(on: ClientFrame, off: ClientFrame) -> tuple[bytes, bytes]:
    return codec.encode(on), codec.encode(off)


async def _load(server: ServerOnCore, senders: list[LeanClient], frames: tuple[bytes, bytes], seconds: float) -> float:
    """Every sender in turn begins, then every one ends, so that each frame changes something; the share of a core."""
    sent, begin, cpu = 0, time.perf_counter(), server.cpu_s()
    while (passed := time.perf_counter() - begin) < seconds:
        while sent < passed * RATE:
            senders[sent % len(senders)].send(frames[sent // len(senders) % 2])
            sent += 1
        await asyncio.sleep(0.002)
    return (server.cpu_s() - cpu) / (time.perf_counter() - begin)


async def measure_signals(
    report: Report, server: ServerOnCore, accounts: list[Account], chat_id: int, seconds: float
) -> None:
    """`accounts` are members of the chat; those that send are not those that watch."""
    senders = await open_all(server, accounts[_WATCHERS : _WATCHERS + _SENDERS])
    kinds = {"typing": _typing_frames(chat_id), "presence": _away_frames()}
    before = server.cpu_s()
    await asyncio.sleep(1.0)
    idle = server.cpu_s() - before
    for name, frames in kinds.items():
        share = await _load(server, senders, frames, seconds)
        note = f"idle: {idle:.1%}; target: 10"
        report.add(f"{RATE:,} {name} changes/s, nobody looking", 100 * share, "% of a core", note)
    watched = [account.user.id for account in accounts[_WATCHERS : _WATCHERS + _SENDERS]]
    watch = codec.encode(Watch(user_ids=watched, chat_ids=[chat_id]))
    watchers = await open_all(server, accounts[:_WATCHERS])
    for watcher in watchers:
        watcher.send(watch)
    for name, frames in kinds.items():
        told = sum(watcher.frames for watcher in watchers)
        share = await _load(server, senders, frames, seconds)
        told = sum(watcher.frames for watcher in watchers) - told
        note = f"{told / seconds:,.0f} frames/s"
        report.add(f"{RATE:,} {name} changes/s, {_WATCHERS} watchers", 100 * share, "% of a core", note)
    for client in senders + watchers:
        client.close()


async def main(data: Path) -> None:
    async with new_world(data) as world:
        await world.add_users(_WATCHERS + _SENDERS)
        chat_id = await world.group("everybody", world.accounts)
    with chat_server(data) as server:
        await measure_signals(Report(), server, world.accounts, chat_id, 4.0)


if __name__ == "__main__":
    pin_generator()
    with tempfile.TemporaryDirectory(prefix="bench-signals-") as folder:
        uvloop.run(main(Path(folder) / "data"))
