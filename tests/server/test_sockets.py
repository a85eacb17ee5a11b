"""Sockets from a service manager, what it is told, and restarts at which nobody is refused."""

import asyncio
import contextlib
import os
import signal
import socket
from pathlib import Path

import httpx
import pytest

from chatserver.listening import CannotListenError, Listeners, inherited, listen, listen_all
from chatserver.ops.manager import ServiceManager
from tests.support.manager import Manager, managed
from tests.support.restarts import prove_restarts
from tests.support.server import WAIT_S


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

        async with managed(tmp_path, manager, {"chatserver.socket": main, "metrics": metrics}) as process:
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


async def test_senders_lose_nothing_while_the_server_is_replaced(tmp_path: Path) -> None:
    """By SIGUSR2, and by an end and a new start with the sockets held; the long form is `scripts/prove restart`."""
    verdict = await prove_restarts(tmp_path, rounds=1, own_rounds=1, senders=2, seed=1, say=lambda _: None)
    assert (verdict.replaced, verdict.restarted) == (2, 1)
    assert verdict.stored >= verdict.reported > 0
    assert verdict.asked > 0


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
