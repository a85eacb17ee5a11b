"""Sockets from a service manager, what it is told, and restarts at which nobody is refused."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from chatserver.listening import CannotListenError, Listeners, inherited, listen, listen_all
from chatserver.ops.manager import ServiceManager
from tests.support.server import WAIT_S

_START = """
import os, sys
for number, descriptor in enumerate([os.dup(int(text)) for text in sys.argv[1:3]], start=3):
    os.dup2(descriptor, number)
    os.set_inheritable(number, True)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.executable, [sys.executable, *sys.argv[3:]])
"""


class Manager:
    """The end of a service manager at which it is told how the service is."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(str(self.path))

    async def told(self, line: str) -> list[str]:
        """Wait until this line is told; all that came with it."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(WAIT_S):
            while True:
                lines = (await loop.sock_recv(self._socket, 4096)).decode().split("\n")
                if line in lines:
                    return lines

    def close(self) -> None:
        self._socket.close()


@contextlib.asynccontextmanager
async def managed(
    folder: Path, manager: Manager, main: socket.socket, metrics: socket.socket
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A server whose sockets are held by its parent, as systemd does for a socket unit."""
    environment = {
        **os.environ,
        "LISTEN_FDS": "2",
        "LISTEN_FDNAMES": "chatserver.socket:metrics",
        "NOTIFY_SOCKET": str(manager.path),
        "WATCHDOG_USEC": "200000",
    }
    descriptors = (main.fileno(), metrics.fileno())
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-S", "-c", _START, *map(str, descriptors)),
        *("-m", "chatserver", "serve", "--data", str(folder / "data")),
        env=environment,
        pass_fds=descriptors,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def test_nobody_is_refused_while_the_server_is_replaced(tmp_path: Path) -> None:
    """SIGUSR2 puts a new program into the same process; whoever connects meanwhile waits, and is answered by it."""
    manager = Manager(tmp_path)
    with contextlib.closing(manager), listen("127.0.0.1", 0) as main, listen("127.0.0.1", 0) as metrics:
        url = f"http://127.0.0.1:{main.getsockname()[1]}"
        replaced = asyncio.Event()

        async def connect_and_ask() -> int:
            answered = 0
            while not replaced.is_set():
                async with httpx.AsyncClient(timeout=WAIT_S, verify=False) as http:  # a connection of its own
                    assert (await http.get(f"{url}/healthz")).status_code == 200
                answered += 1
                await asyncio.sleep(0.02)  # a stream, not a flood
            return answered

        async with managed(tmp_path, manager, main, metrics) as process:
            ready = await manager.told("READY=1")
            assert any(line.startswith(f"STATUS=Serving {url}") for line in ready)
            asking = asyncio.gather(connect_and_ask(), connect_and_ask())
            await manager.told("WATCHDOG=1")
            process.send_signal(signal.SIGUSR2)
            assert any(line.startswith("MONOTONIC_USEC=") for line in await manager.told("RELOADING=1"))
            await manager.told("READY=1")
            await manager.told("WATCHDOG=1")
            replaced.set()
            assert min(await asking) > 0
            async with httpx.AsyncClient(timeout=WAIT_S, verify=False) as http:
                text = (await http.get(f"http://127.0.0.1:{metrics.getsockname()[1]}/metrics")).text
            assert "chatserver_websockets_open" in text
            process.send_signal(signal.SIGHUP)
            await manager.told("RELOADING=1")
            await manager.told("READY=1")
            process.terminate()
            await manager.told("STOPPING=1")
            assert process.stdout is not None
            assert (await process.stdout.read()).decode() == f"{url}\n" * 2
            assert await process.wait() == 0


async def test_a_manager_that_is_gone_or_absent_stops_nothing(tmp_path: Path) -> None:
    """What cannot be told is dropped."""
    for environ in ({}, {"NOTIFY_SOCKET": str(tmp_path / "none"), "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}):
        manager = ServiceManager(environ)
        manager.ready("Serving")
        manager.stopping()
        assert manager.watchdog_s is None


async def test_the_abstract_namespace(tmp_path: Path) -> None:
    """A manager writes `@` for it; a status has one line, and is told once."""
    name = f"chatserver-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind("\0" + name)
        sock.settimeout(WAIT_S)
        manager = ServiceManager({"NOTIFY_SOCKET": f"@{name}", "WATCHDOG_USEC": "3000000"})
        assert manager.watchdog_s == 1.5
        manager.status("two\nlines")
        manager.status("two\nlines")
        manager.alive()
        assert sock.recv(100) == b"STATUS=two lines"
        assert sock.recv(100) == b"WATCHDOG=1"


@pytest.mark.parametrize(
    "environ",
    [{}, {"LISTEN_FDS": "2", "LISTEN_PID": "1"}, {"LISTEN_FDS": "x", "LISTEN_PID": str(os.getpid())}],
)
def test_sockets_for_another_process_are_not_ours(environ: dict[str, str]) -> None:
    """A program that was started by one with sockets must not take them for its own; nor does the next."""
    assert inherited(environ) == Listeners()
    assert environ == {}


def test_all_addresses_are_both_families() -> None:
    """On one port, so that clients find the server whichever they use."""
    sockets = listen_all("*", 0)
    port = sockets[0].getsockname()[1]
    for address, sock in zip(("127.0.0.1", "::1"), sockets, strict=False):
        with socket.create_connection((address, port), timeout=WAIT_S):
            accepted, peer = sock.accept()
            accepted.close()
            assert peer[0] == address
    for sock in sockets:
        sock.close()
    with listen("0.0.0.0", 0) as taken, pytest.raises(CannotListenError, match="another program listens"):
        listen_all("*", taken.getsockname()[1])
