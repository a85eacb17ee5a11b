"""The proof that nobody is refused, and nothing lost, doubled or reordered, while the server is replaced under load."""

import asyncio
import contextlib
import os
import random
import signal
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from chatserver.listening import listen
from tests.support.homes import command, sign_in
from tests.support.kill import SenderProcess, check_copy, check_log, log_of_server, pressure
from tests.support.manager import Manager, managed
from tests.support.server import WAIT_S

_ASKED_EVERY_S: Final = 0.01
_REQUEST: Final = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


@dataclass(slots=True)
class RestartVerdict:
    """What was counted."""

    replaced: int = 0
    """New programs in the same process, by SIGUSR2."""
    restarted: int = 0
    """Ends of the process, and new ones with the same sockets."""
    asked: int = 0
    """Connections of their own, all of them answered."""
    stored: int = 0
    reported: int = 0
    """Messages that senders had reported as queued."""
    slowest_s: float = 0.0
    """The longest that one of those who connected waited for its answer."""


@dataclass(slots=True)
class _Proof:
    folder: Path
    chance: random.Random
    say: Callable[[str], None]
    verdict: RestartVerdict = field(default_factory=RestartVerdict)
    crew: list[SenderProcess] = field(default_factory=list)
    url: str = ""

    @contextlib.asynccontextmanager
    async def served(self, manager: Manager, sockets: Mapping[str, socket.socket]) -> AsyncIterator["_Server"]:
        """A server that is ready."""
        log = self.folder / "server.log"
        place = ("--port", self.url.rpartition(":")[2]) if self.url else ()
        limits = {"CHATSERVER_LIMITS_ENABLED": "false"}
        async with managed(
            self.folder, manager, sockets, arguments=("--host", "127.0.0.1", *place), log=log, environment=limits
        ) as process:
            await manager.told("READY=1")
            assert process.stdout is not None
            self.url = (await process.stdout.readline()).decode().strip()
            yield _Server(process, manager)

    async def enlist(self, number: int) -> None:
        """Let so many people sign in, make a group, and begin to send."""
        people = [
            await sign_in(self.url, self.folder / "data", self.folder / f"home{n}", f"s{n}@example.org", f"Sender {n}")
            for n in range(number)
        ]
        others = [person.email for person in people[1:]]
        chat_id = int(await command("chatterm", "group", "proof", *others, home=people[0].home))
        self.crew = [SenderProcess(n, person, chat_id) for n, person in enumerate(people)]
        for sender in self.crew:
            await sender.start()

    async def replace(self, server: "_Server", number: int) -> None:
        """SIGUSR2 at some point of the work."""
        await pressure(self.crew, self.chance)
        async with self.asking():
            await server.replace()
            await pressure(self.crew, self.chance)
        self.verdict.replaced += 1
        self.say(f"round {number}: replaced by SIGUSR2; {self.queued} queued, {self.verdict.asked} answered")

    @property
    def queued(self) -> int:
        return sum(len(sender.queued) for sender in self.crew)

    @contextlib.asynccontextmanager
    async def asking(self) -> AsyncIterator[None]:
        """Somebody connects all the while, and must be answered each time."""
        ended = asyncio.Event()
        task = asyncio.create_task(self._ask(ended))
        try:
            yield
        finally:
            ended.set()
            await task

    async def _ask(self, ended: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        port = int(self.url.rpartition(":")[2])
        while not ended.is_set():
            begun = loop.time()
            async with asyncio.timeout(WAIT_S):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(_REQUEST)
                answer = await reader.read()
                writer.close()
            assert answer.startswith(b"HTTP/1.1 200 "), f"somebody was answered with {answer[:100]!r}"
            self.verdict.asked += 1
            self.verdict.slowest_s = max(self.verdict.slowest_s, loop.time() - begun)
            await asyncio.sleep(_ASKED_EVERY_S)

    async def check(self) -> None:
        """Let the senders end, and look at the log and at what each of them holds."""
        await asyncio.gather(*(sender.finish() for sender in self.crew))
        events, floor = await log_of_server(self.url, self.crew[0].person, self.crew[0].chat_id)
        self.verdict.stored = check_log(events, self.crew, first_seq=2)
        for sender in self.crew:
            check_copy(sender, events, floor)
        self.verdict.reported = self.queued

    async def end(self) -> None:
        for sender in self.crew:
            await sender.kill()


@dataclass(frozen=True, slots=True)
class _Server:
    process: asyncio.subprocess.Process
    manager: Manager

    async def replace(self) -> None:
        pid = self.process.pid
        self.process.send_signal(signal.SIGUSR2)
        await self.manager.told("RELOADING=1")
        await self.manager.told("READY=1")
        os.kill(pid, 0)  # the same process still

    async def stop(self) -> None:
        self.process.terminate()
        await self.manager.told("STOPPING=1")
        assert await self.process.wait() == 0


async def prove_restarts(
    folder: Path, *, rounds: int, own_rounds: int, senders: int, seed: int, say: Callable[[str], None]
) -> RestartVerdict:
    """Replace the server under load, and check everything at the end.

    Each of `rounds` is a SIGUSR2, and an end with a new start, of a server with the sockets of a service manager; each
    of `own_rounds` a SIGUSR2 of another server on the same data with sockets of its own. Raises `AssertionError` with
    what was lost, doubled or reordered, and if anybody was refused.
    """
    proof = _Proof(folder, random.Random(seed), say)
    manager = Manager(folder)
    with contextlib.closing(manager):
        try:
            with listen("127.0.0.1", 0) as main:
                await _held(proof, manager, {"chatserver.socket": main}, rounds, senders)
            async with proof.served(manager, {}) as server:
                for number in range(own_rounds):
                    await proof.replace(server, rounds + number + 1)
                await proof.check()
        finally:
            await proof.end()
    return proof.verdict


async def _held(
    proof: _Proof, manager: Manager, sockets: Mapping[str, socket.socket], rounds: int, senders: int
) -> None:
    """Sockets that stay open while there is no server: who connects then waits for it."""
    for number in range(rounds):
        async with contextlib.AsyncExitStack() as asking:
            async with proof.served(manager, sockets) as server:
                if not proof.crew:
                    await proof.enlist(senders)
                await proof.replace(server, number + 1)
                await asking.enter_async_context(proof.asking())
                await server.stop()
            async with proof.served(manager, sockets):
                await pressure(proof.crew, proof.chance)
                proof.verdict.restarted += 1
                proof.say(f"round {number + 1}: ended and started; {proof.verdict.asked} answered")
                await asking.aclose()
