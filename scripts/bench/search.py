"""Benchmark of search: rare and common words, few and many chats, and what indexing costs those who send."""

import argparse
import asyncio
import itertools
import json
import random
import secrets
import socket
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import uvloop

from chatserver.bench.load import pairs
from chatserver.bench.pace import latency
from chatserver.bench.servers import ServerOnCore, chat_server, pin_generator
from chatserver.bench.world import Account, World, new_world
from chatserver.store.base import NewMessage
from scripts.bench.report import Report

CHATS = 2_000
FEW, MANY = 5, 500
QUERIES = {
    "common word": "common",
    "two common words": "common {frequent}",
    "middling word": "{middling}",
    "rare word": "{rare}",
    "missing word": "qqqqqqqq",
    "phrase": '"common {frequent}"',
    "beginning": "{frequent_beginning}*",
    "common word without another": "common -{frequent}",
    "common word from one user": "common from:me",
}


@dataclass
class Scene:
    """Who searches, and for what."""

    data: Path
    world: World
    few: Account
    many: Account
    words: list[str]
    directs: list[int]
    group: int


def vocabulary(rng: random.Random, size: int) -> list[str]:
    """Words of several lengths, the first the most frequent."""
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    words = dict.fromkeys("".join(rng.choices(letters, k=rng.randint(3, 9))) for _ in range(size))
    return list(words)


async def prepare(data: Path, messages: int) -> Scene:
    """Chats of very different activity, with words as frequent as words are (Zipf)."""
    rng = random.Random(1)
    words = vocabulary(rng, 50_000)
    cumulative = list(itertools.accumulate(1 / (rank + 1) for rank in range(len(words))))
    activity = list(itertools.accumulate(1 / (rank + 10) for rank in range(CHATS)))
    text = rng.choices(words, cum_weights=cumulative, k=1_000_000)
    async with new_world(data) as world:
        await world.add_users(200)
        few, many, *others = world.accounts
        directs = [await world.direct(others[2 * n], others[2 * n + 1]) for n in range(50)]
        group = await world.group("group of 100", others[:100])
        chats = []
        for number in range(CHATS):
            members = [others[number % 100], others[100 + number % 90]]
            members += [few] * (number % (CHATS // FEW) == 7) + [many] * (number % (CHATS // MANY) == 3)
            chats.append((await world.group(f"chat {number}", members), members))
        store = world.store
        for start in range(0, messages, 10_000):
            lists = []
            for _ in range(100):
                chosen = rng.choices(chats, cum_weights=activity, k=100)
                lists.append([_message(rng, chat_id, members, text) for chat_id, members in chosen])
            await asyncio.gather(*(store.append(part) for part in lists))
            if start % 200_000 == 0:
                print(f"{start:,} messages", file=sys.stderr, flush=True)
    return Scene(data, world, few, many, words, directs, group)


def _message(rng: random.Random, chat_id: int, members: list[Account], text: list[str]) -> NewMessage:
    place = rng.randrange(len(text) - 40)
    body = "common " + " ".join(text[place : place + rng.randint(5, 40)])
    return NewMessage(rng.choice(members).user.id, secrets.token_bytes(16), body, chat_id=chat_id)


class Asker:
    """One HTTP connection that is kept open."""

    def __init__(self, port: int, token: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._head = f"HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"

    def ask(self, query: str, sort: str) -> tuple[float, dict[str, object]]:
        """Milliseconds and the answer."""
        begin = time.perf_counter()
        self._socket.sendall(f"GET /search?q={quote(query)}&sort={sort} {self._head}".encode())
        head, _, body = self._socket.recv(1 << 20).partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        while len(body) < length:
            body += self._socket.recv(1 << 20)
        taken = (time.perf_counter() - begin) * 1e3
        assert head.startswith(b"HTTP/1.1 200"), (query, body[:300])
        answer: dict[str, object] = json.loads(body)
        return taken, answer


def measure_searches(scene: Scene, server: ServerOnCore, report: Report, rounds: int) -> None:
    rng = random.Random(2)
    everything: list[float] = []
    for who, account in ((f"{FEW} chats", scene.few), (f"{MANY} chats", scene.many)):
        asker = Asker(server.port, account.token)
        for name, pattern in QUERIES.items():
            for sort in ("newest", "relevance"):
                times, hits = [], 0
                for _ in range(rounds):
                    frequent = scene.words[rng.randrange(3, 40)]
                    query = pattern.format(
                        frequent=frequent,
                        frequent_beginning=frequent[:3],
                        middling=scene.words[rng.randrange(500, 2_000)],
                        rare=scene.words[rng.randrange(20_000, 45_000)],
                    )
                    taken, answer = asker.ask(query, sort)
                    times.append(taken)
                    hits += len(answer["hits"])  # type: ignore[arg-type] # a list by the protocol
                times.sort()
                everything += times
                note = f"p50 {times[len(times) // 2]:.1f} ms, {hits / rounds:.0f} hits"
                report.add(f"{name}, {who}, {sort}, p95", times[len(times) * 95 // 100], "ms", note)
    everything.sort()
    report.add("search, all of these, p95", everything[len(everything) * 95 // 100], "ms", "target: 100, final 30")


def wait_until_indexed(scene: Scene, server: ServerOnCore) -> float:
    """Seconds from now until a user of many chats is told that nothing is missing, and the server is idle."""
    begin, asker = time.perf_counter(), Asker(server.port, scene.many.token)
    cpu = -1.0
    while asker.ask("common", "newest")[1].get("incomplete") or server.cpu_s() - cpu > 0.2:
        cpu = server.cpu_s()
        time.sleep(2)
    return time.perf_counter() - begin


async def measure_sending(scene: Scene, server: ServerOnCore, report: Report, when: str, seconds: float) -> None:
    load = await pairs(server, scene.world, scene.directs, 16, seconds)
    report.add(f"50 pairs, 16 outstanding, {when}", load.messages, "messages/s", load.note())
    others = scene.world.accounts[2:102]
    samples = sorted(await latency(server, others, scene.group, rate=2_000, seconds=seconds))
    report.add(f"send to frame at 2,000/s, {when}, p50", samples[len(samples) // 2], "ms")
    report.add(f"send to frame at 2,000/s, {when}, p99", samples[len(samples) * 99 // 100], "ms")


async def run(data: Path, report: Report, *, messages: int, seconds: float) -> None:
    scene = await prepare(data, messages)
    scene.world.accounts[:] = scene.world.accounts[2:] + scene.world.accounts[:2]
    with chat_server(data) as server:
        await asyncio.sleep(1.5)
        await measure_sending(scene, server, report, "while all is indexed", seconds)
        report.add(
            "indexed in", await asyncio.to_thread(wait_until_indexed, scene, server), "s", f"{messages:,} messages"
        )
        await measure_sending(scene, server, report, "with an index", seconds)
        await asyncio.to_thread(wait_until_indexed, scene, server)
        await asyncio.to_thread(measure_searches, scene, server, report, 20)
        report.add("resident memory", server.rss_kib() / 1024, "MiB")
    report.add("size of the database", (data / "chat.db").stat().st_size / 1e6, "MB")
    report.add("size of the index", (data / "search.db").stat().st_size / 1e6, "MB")


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench-search", description=__doc__)
    parser.add_argument("--messages", type=int, default=1_000_000, help="default: 1,000,000, which takes minutes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    arguments = parser.parse_args()
    pin_generator()
    report = Report()
    with tempfile.TemporaryDirectory(prefix="bench-search-") as folder:
        uvloop.run(run(Path(folder) / "data", report, messages=arguments.messages, seconds=4.0))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(report.figures, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
