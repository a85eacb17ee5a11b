"""What is measured: a server process of the benchmark's own on a core of its own, or the one that runs here."""

import os
import select
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from chatserver.ops import whereabouts
from chatserver.ops.reading import Reading
from chatserver.settings import Settings
from chatserver.top.source import Source, SourceError, local_address

SERVER_CORE: Final = 0
GENERATOR_CORE: Final = 1
_START_S: Final = 60.0
_STOP_S: Final = 30.0


@dataclass(frozen=True)
class Usage:
    """What a server has used since its start: seconds, KiB, and how often it committed and synced."""

    cpu_s: float
    rss_kib: float
    commits: int
    syncs: int
    sync_s: float

    def since(self, before: "Usage") -> "Usage":
        """The difference; memory is that of now."""
        return Usage(
            self.cpu_s - before.cpu_s,
            self.rss_kib,
            self.commits - before.commits,
            self.syncs - before.syncs,
            self.sync_s - before.sync_s,
        )


class Target:
    """A server on the loopback interface, and what it tells of itself."""

    def __init__(self, port: int, *, host: str = "127.0.0.1", tls: bool = False) -> None:
        self.port = port
        self.host = host
        self.tls: ssl.SSLContext | None = _loopback_tls() if tls else None
        self.metrics: str | None = None
        """Where readings are had; None if the server gives none."""

    async def usage(self) -> Usage:
        """What it has used so far. Raises `SourceError`."""
        if self.metrics is None:
            raise SourceError("it tells nothing of what it uses")
        source = Source(self.metrics)
        try:
            return _usage(await source.read())
        finally:
            await source.close()

    async def usage_or_none(self) -> Usage | None:
        """The same; None if it tells nothing."""
        try:
            return await self.usage()
        except SourceError:
            return None


def _usage(reading: Reading) -> Usage:
    def histogram(name: str) -> tuple[int, float]:
        series = reading.histograms[name].series if name in reading.histograms else []
        return sum(sum(one.counts) for one in series), sum(one.sum for one in series)

    commits, syncs = histogram("chatserver_commit_seconds"), histogram("chatserver_commit_sync_seconds")
    process = reading.process
    return Usage(process.cpu_seconds, process.resident_bytes / 1_024, commits[0], *syncs)


class RunningServer(Target):
    """The server of a data folder on this machine; it stays as it is."""

    def __init__(self, settings: Settings) -> None:
        """Raises `ConnectionError` if none serves it."""
        here = whereabouts.find(Path(settings.data))
        none = f"no server runs on {settings.data}; without --running the benchmark starts its own"
        if here is None:
            raise ConnectionError(none)
        parts = urlsplit(here.url)
        host = (parts.hostname or "").replace("0.0.0.0", "127.0.0.1")  # noqa: S104 - what it listens on, not we
        tls = parts.scheme == "https"
        # Certificates are for names that need not lead here; it is this machine's own server all the same.
        super().__init__(parts.port or (443 if tls else 80), host="127.0.0.1" if tls else host, tls=tls)
        self.metrics = local_address(settings)
        try:
            socket.create_connection((self.host, self.port), timeout=_START_S).close()
        except OSError:
            raise ConnectionError(none) from None


class ServerOnCore(Target):
    """A process pinned to the server's core that prints its URL when it accepts connections."""

    def __init__(
        self, code: str, *arguments: str, environment: Mapping[str, str] | None = None, data: Path | None = None
    ) -> None:
        super().__init__(0)
        self._code = code
        self._arguments = arguments
        self._environment = environment or {}
        self._data = data

    def __enter__(self) -> "ServerOnCore":
        """Start it and wait for its URL; `started_s` is the time from exec to there. Raises `RuntimeError`."""
        begin = time.perf_counter()
        self._log = tempfile.TemporaryFile()
        self._process = subprocess.Popen(  # noqa: S603 - code and arguments are our own
            [sys.executable, "-c", _begin(SERVER_CORE) + self._code, *self._arguments],
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env={**os.environ, **self._environment},
        )
        line = self._first_line()
        self.started_s = time.perf_counter() - begin
        if not line.startswith(("http://", "https://")):
            self.__exit__()
            raise RuntimeError(f"the server did not start: {line!r} {self._said}")
        self.tls = _loopback_tls() if line.startswith("https:") else None
        self.port = int(line.rpartition(":")[2])
        self.pid = self._process.pid
        if self._data is not None:
            self.metrics = local_address(Settings(data=self._data))
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it, if need be with SIGKILL after thirty seconds."""
        self._process.terminate()
        try:
            self._process.communicate(timeout=_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
        self._log.seek(0)
        self._said = self._log.read(4_096).decode(errors="replace")
        self._log.close()

    def _first_line(self) -> str:
        out = self._process.stdout
        assert out is not None
        readable, _, _ = select.select([out], [], [], _START_S)
        return out.readline().strip() if readable else ""

    def rss_kib(self) -> int:
        """Resident memory."""
        return self._status("VmRSS:")

    def peak_kib(self) -> int:
        """The most resident memory it has had."""
        return self._status("VmHWM:")

    def _status(self, name: str) -> int:
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(name):
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


def chat_server(data: Path, *, watched: bool = True, settings: Mapping[str, str] | None = None) -> ServerOnCore:
    """`chatserver serve` on a free port, with limits, log and metrics unless it is not to be `watched`.

    `settings` are more variables, such as CHATSERVER_TLS_CERTIFICATE.
    """
    code = "import sys; from chatserver.cli import main; sys.exit(main())"
    environment = (_WATCHED if watched else _BARE) | dict(settings or {})
    where = ("--data", str(data), "--host", "127.0.0.1", "--port", "0")
    return ServerOnCore(code, "serve", *where, environment=environment, data=data)


def broadcast_server() -> ServerOnCore:
    """The reference: `websockets.broadcast()` of every message to everybody, storing nothing."""
    return ServerOnCore(_BROADCAST)


def pin_generator() -> None:
    """Keep this process off the server's core, where there is another."""
    os.sched_setaffinity(0, {core(GENERATOR_CORE)})


def _begin(number: int) -> str:
    """What the process does first: take its core, and end with whoever started it, however that ends (prctl(2))."""
    return (
        f"import ctypes, os, signal; os.sched_setaffinity(0, {{{core(number)}}})\n"
        "ctypes.CDLL(None).prctl(1, signal.SIGTERM)\n"
        f"os.getppid() == {os.getpid()} or os._exit(1)\n"
    )


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


def _loopback_tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
