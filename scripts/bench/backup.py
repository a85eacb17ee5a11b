"""Benchmark of backups: how fast, in how much memory, and what they cost those who send meanwhile; on one core."""

import argparse
import asyncio
import itertools
import json
import os
import random
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import uvloop

from chatserver.backup.job import Job, encode_job
from chatserver.bench.load import rested
from chatserver.bench.pace import latency
from chatserver.bench.servers import SERVER_CORE, ServerOnCore, chat_server, pin_generator
from chatserver.bench.world import Account, new_world
from chatserver.settings import Settings
from chatserver.store.base import NewMessage
from scripts.bench.files import answered
from scripts.bench.report import Report

MIB = 1_048_576
MEMBERS = 20
RATE = 200.0
"""Messages a second, each to 20 members."""


@dataclass
class Scene:
    """A server's data folder, and who writes there meanwhile."""

    data: Path
    members: list[Account]
    chat_id: int


async def prepare(data: Path, messages: int) -> Scene:
    """A group with words as frequent as words are (Zipf), and another for the load."""
    rng = random.Random(1)
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    words = ["".join(rng.choices(letters, k=rng.randint(2, 9))) for _ in range(20_000)]
    cumulative = list(itertools.accumulate(1 / (rank + 1) for rank in range(len(words))))
    text = rng.choices(words, cum_weights=cumulative, k=500_000)
    async with new_world(data) as world:
        await world.add_users(MEMBERS)
        history = await world.group("history", world.accounts)
        chat_id = await world.group("now", world.accounts)
        for _ in range(0, messages, 1_000):
            places = [rng.randrange(len(text) - 40) for _ in range(1_000)]
            batch = [
                NewMessage(
                    rng.choice(world.accounts).user.id,
                    secrets.token_bytes(16),
                    " ".join(text[place : place + rng.randint(3, 40)]),
                    chat_id=history,
                )
                for place in places
            ]
            await world.store.append(batch)
        return Scene(data, world.accounts, chat_id)


def upload_all(port: int, account: Account, mib: int) -> None:
    """Files of a mebibyte that do not compress, as pictures do not."""
    http = HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"authorization": f"Bearer {account.token}"}
    for number in range(mib):
        body = json.dumps({"name": f"{number}.bin", "size": MIB})
        http.request("POST", "/uploads", body, {**headers, "content-type": "application/json"})
        begun = answered(http.getresponse())
        piece = {"content-type": "application/offset+octet-stream", "upload-offset": "0"}
        http.request("PATCH", f"/uploads/{begun['id']}", os.urandom(MIB), {**headers, **piece})
        answered(http.getresponse())
    http.close()


class Watched:
    """A process on the server's core, whose memory is looked at until its end."""

    def __init__(self, words: Sequence[str], given: bytes = b"") -> None:
        self._began = time.perf_counter()
        self._process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        os.sched_setaffinity(self._process.pid, {SERVER_CORE})
        assert self._process.stdin is not None
        self._process.stdin.write(given)
        self._process.stdin.close()
        self.rss_mib = 0.0
        self.seconds = 0.0

    async def ended(self) -> bytes:
        """Wait for its end; what it printed."""
        status = Path(f"/proc/{self._process.pid}/status")
        while self._process.poll() is None:
            for line in status.read_text().splitlines():
                if line.startswith("VmHWM:"):
                    self.rss_mib = max(self.rss_mib, int(line.split()[1]) / 1_024)
            await asyncio.sleep(0.02)
        self.seconds = time.perf_counter() - self._began
        assert self._process.stdout is not None
        out = self._process.stdout.read()
        if self._process.returncode:
            raise RuntimeError(f"ended with {self._process.returncode}: {out.decode()}")
        return out


def by_hand(*words: str) -> Watched:
    """A command of `chatserver`."""
    return Watched([sys.executable, "-m", "chatserver", *words])


def scheduled(scene: Scene, folder: Path, passphrase: Path) -> Watched:
    """What the server starts when a backup is due."""
    polite = ("ionice", "-t", "-c", "3") if shutil.which("ionice") else ()
    job = Job(
        settings=Settings(data=scene.data, backup_dir=folder, backup_passphrase_file=passphrase), config_file=None
    )
    return Watched([*polite, sys.executable, "-m", "chatserver.backup.worker"], encode_job(job))


async def measure_alone(scene: Scene, report: Report, folder: Path, passphrase: Path) -> None:
    """Speed and memory while the server is at rest."""
    for name, secret in (("plain", ()), ("encrypted", ("--passphrase-file", str(passphrase)))):
        target = folder / f"{name}.backup"
        made = by_hand("backup", str(target), "--data", str(scene.data), "--json", *secret)
        header = json.loads(await made.ended())["header"]
        mib = (header["databaseBytes"] + header["contentBytes"]) / MIB
        packed = f"{mib:,.0f} MiB become {target.stat().st_size / MIB:,.0f}"
        report.add(f"backup, {name}", mib / made.seconds, "MiB/s", packed)
        report.add(f"backup, {name}: memory at its peak", made.rss_mib, "MiB")
        checked = by_hand("verify", str(target), *secret)
        await checked.ended()
        report.add(f"verify, {name}", mib / checked.seconds, "MiB/s")
        report.add(f"verify, {name}: memory at its peak", checked.rss_mib, "MiB")


async def sends(server: ServerOnCore, scene: Scene, until: asyncio.Task[bytes] | None, seconds: float) -> list[float]:
    """Milliseconds from a message's due time to its ack, for so long, or until something has ended."""
    acks: list[float] = []
    began = time.perf_counter()
    while (not until.done()) if until else (time.perf_counter() - began < seconds):
        await latency(server, scene.members, scene.chat_id, rate=RATE, seconds=2.0, acks=acks)
    return acks


async def measure_sends(server: ServerOnCore, scene: Scene, report: Report, folder: Path, passphrase: Path) -> None:
    """The same load without a backup, beside one as the server makes it, and beside one by hand."""
    alone = await sends(server, scene, None, 10)
    polite = scheduled(scene, folder / "scheduled", passphrase)
    task = asyncio.create_task(polite.ended())
    beside = await sends(server, scene, task, 0)
    outcome = json.loads(await task)
    assert not outcome["error"], outcome
    manual = by_hand("backup", str(folder / "beside.backup"), "--data", str(scene.data))
    task = asyncio.create_task(manual.ended())
    beside_manual = await sends(server, scene, task, 0)
    await task
    alone += await sends(server, scene, None, 10)
    quiet = percentiles(alone)
    report.add("send to ack without a backup, p99", quiet[1], "ms", f"p50 {quiet[0]:.2f} ms, {len(alone):,} messages")
    for name, taken, seconds in (
        ("a scheduled backup and its verification", beside, polite.seconds),
        ("a backup by hand", beside_manual, manual.seconds),
    ):
        p50, p99 = percentiles(taken)
        note = f"p50 {p50:.2f} ms, most {max(taken):.0f} ms, {len(taken):,} messages in {seconds:.0f} s"
        report.add(f"beside {name}, p99", p99, "ms", note)
        report.add(f"beside {name}, p50 / p99 against none", p50 / quiet[0], "times", f"p99 {p99 / quiet[1]:.2f} times")


def percentiles(samples: list[float]) -> tuple[float, float]:
    """p50 and p99."""
    cuts = statistics.quantiles(samples, n=100)
    return cuts[49], cuts[98]


async def run(folder: Path, messages: int, mib: int) -> None:
    report = Report()
    scene = await prepare(folder / "data", messages)
    passphrase = folder / "passphrase"
    passphrase.write_text(secrets.token_urlsafe() + "\n")
    pin_generator()
    with chat_server(scene.data) as server:
        await asyncio.to_thread(upload_all, server.port, scene.members[0], mib)
        await rested(server)
        print("ready", file=sys.stderr, flush=True)
        await measure_alone(scene, report, folder, passphrase)
        await measure_sends(server, scene, report, folder, passphrase)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=200_000, help="in the database (200000)")
    parser.add_argument("--mib", type=int, default=500, help="of files (500)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chatterm-bench-") as folder:
        uvloop.run(run(Path(folder), arguments.messages, arguments.mib))


if __name__ == "__main__":
    main()
