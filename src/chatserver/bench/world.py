"""The world of a benchmark: a database made directly, a server process on its own core, tokens without passwords."""

import asyncio
import contextlib
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from typing import Final

from chatproto import codec
from chatproto.frames import Hello
from chatproto.models import User
from chatserver.backends import open_store
from chatserver.clock import now_us
from chatserver.services.tokens import AccessTokens
from chatserver.store.base import NewMessage, Store
from chatserver.store.interfaces.sessions import SessionRecord

SERVER_CORE: Final = 0
GENERATOR_CORE: Final = 1
_START_S: Final = 30.0


class Account:
    """A user who can greet the server."""

    def __init__(self, user: User, token: str) -> None:
        self.user = user
        self.token = token
        self.hello = codec.encode_text(Hello(token=token))


class World:
    """Users, chats and messages, written straight into the store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.accounts: list[Account] = []

    async def add_users(self, count: int) -> None:
        access = AccessTokens(await self.store.secret("access-token"))

        async def add(number: int) -> Account:
            user = await self.store.create_user(f"user{number}@example.org", f"User {number}", "!")
            now, session_id, digest = now_us(), secrets.randbits(48) or 1, secrets.token_bytes(32)
            await self.store.create_session(SessionRecord(session_id, user.id, "", digest, None, now, now, None))
            return Account(user, access.make(user.id, session_id, now_us=now, ttl_s=3_600)[0])

        for start in range(0, count, 500):
            self.accounts += await asyncio.gather(*map(add, range(start, min(count, start + 500))))

    async def group(self, title: str, members: Iterable[Account]) -> int:
        first, *others = [account.user.id for account in members]
        return (await self.store.create_group(first, title, others)).id

    async def direct(self, one: Account, other: Account) -> int:
        return (await self.store.open_direct(one.user.id, other.user.id)).id

    async def fill(self, chat_id: int, sender: Account, count: int) -> None:
        for start in range(0, count, 1_000):
            batch = [
                NewMessage(sender.user.id, secrets.token_bytes(16), f"message {number} " + "x" * 180, chat_id=chat_id)
                for number in range(start, min(count, start + 1_000))
            ]
            await self.store.append(batch)


@contextlib.asynccontextmanager
async def new_world(data: Path) -> AsyncIterator[World]:
    """A fresh database in `data`, open for as long as the block."""
    store = await open_store(data, serving=False)
    try:
        yield World(store)
    finally:
        await store.close()


class ServerOnCore:
    """A process pinned to the server's core that prints its URL when it accepts connections."""

    def __init__(self, code: str, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
        self._code = code
        self._arguments = arguments
        self._environment = environment or {}

    def __enter__(self) -> "ServerOnCore":
        """Start it and wait for its URL; `started_s` is the time from exec to there."""
        begin = time.perf_counter()
        pin = f"import os; os.sched_setaffinity(0, {{{core(SERVER_CORE)}}})\n"
        self._log = tempfile.TemporaryFile()
        self._process = subprocess.Popen(  # noqa: S603 - code and arguments are our own
            [sys.executable, "-c", pin + self._code, *self._arguments],
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env={**os.environ, **self._environment},
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        self.started_s = time.perf_counter() - begin
        if not line.startswith("http://"):
            self._process.wait(_START_S)
            self._log.seek(0)
            raise RuntimeError(f"the server did not start: {line!r} {self._log.read().decode()}")
        self.port = int(line.rpartition(":")[2])
        self.pid = self._process.pid
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate(timeout=_START_S)
        self._log.close()

    def rss_kib(self) -> int:
        """Resident memory."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        raise RuntimeError("this system does not tell resident memory")

    def cpu_s(self) -> float:
        """Processor time used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


_WATCHED: Final = {
    "CHATSERVER_LOG_LEVEL": "info",
    "CHATSERVER_METRICS_ADDRESS": "127.0.0.1:0",
    "CHATSERVER_ADDRESS_SOCKETS": "100000",
    **{
        f"CHATSERVER_LIMIT_{name}": "100000/second"
        for name in (
            "READ",
            "WRITE",
            "SEARCH",
            "UPLOAD",
            "ADDRESS",
            "CONNECT",
            "MESSAGES",
            "FRAMES",
            "SIGN_IN",
            "ACCOUNT",
        )
    },
}
"""As an owner runs it, but with rates that the generator, which is one address, does not reach."""
_BARE: Final = {"CHATSERVER_LOG_LEVEL": "error", "CHATSERVER_LIMITS_ENABLED": "false"}


def chat_server(data: Path, *, watched: bool = True) -> ServerOnCore:
    """`chatserver serve` on a free port, with limits, log and metrics unless it is not to be `watched`."""
    code = "import sys; from chatserver.cli import main; sys.exit(main())"
    environment = _WATCHED if watched else _BARE
    where = ("--data", str(data), "--host", "127.0.0.1", "--port", "0")
    return ServerOnCore(code, "serve", *where, environment=environment)


def broadcast_server() -> ServerOnCore:
    """The reference: `websockets.broadcast()` of every message to everybody, storing nothing."""
    return ServerOnCore(_BROADCAST)


def pin_generator() -> None:
    """Keep this process off the server's core, where there is another."""
    os.sched_setaffinity(0, {core(GENERATOR_CORE)})


def core(wanted: int) -> int:
    """The processor of this number, among those that this process may use; the last one if there are fewer."""
    cores = sorted(_ALL_CORES)
    return cores[min(wanted, len(cores) - 1)]


_ALL_CORES: Final = os.sched_getaffinity(0)

_BROADCAST: Final = """
import asyncio, uvloop
from websockets.asyncio.server import broadcast, serve

async def main():
    connections = set()
    async def handle(connection):
        connections.add(connection)
        try:
            async for message in connection:
                broadcast(connections, message)
        finally:
            connections.discard(connection)
    async with serve(handle, "127.0.0.1", 0, compression=None, max_queue=None) as server:
        print("http://127.0.0.1:%d" % server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

uvloop.run(main())
"""
