"""A service manager for tests: it holds the server's sockets, and is told how the server is."""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from tests.support.server import WAIT_S

_START = """
import os, sys
for number, descriptor in enumerate([os.dup(int(text)) for text in sys.argv[1].split(",") if text], start=3):
    os.dup2(descriptor, number)
    os.set_inheritable(number, True)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
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
    folder: Path,
    manager: Manager,
    sockets: Mapping[str, socket.socket],
    *,
    arguments: Sequence[str] = (),
    log: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A server whose sockets, by their names, are held by its parent, as systemd does for a socket unit.

    Without any it opens its own. Its data are in `folder / "data"`; what it says goes to `log`.
    """
    environ = {**os.environ, "NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "200000", **(environment or {})}
    if sockets:
        environ |= {"LISTEN_FDS": str(len(sockets)), "LISTEN_FDNAMES": ":".join(sockets)}
    descriptors = [sock.fileno() for sock in sockets.values()]
    with contextlib.ExitStack() as files:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-S", "-c", _START, ",".join(map(str, descriptors))),
            *("-m", "chatserver", "serve", "--data", str(folder / "data"), *arguments),
            env=environ,
            pass_fds=descriptors,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=files.enter_context(log.open("ab")) if log else None,
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
