"""A TCP proxy that misbehaves on demand: it cuts, refuses, holds back and swallows what passes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_CHUNK = 65_536


@dataclass
class Flow:
    """One direction of all connections."""

    swallowing: bool = False
    """Take bytes and forget them, as a network does that is gone without a word."""
    passed: int = 0
    """Bytes that went through."""
    hold_at: int | None = None
    """Keep bytes back once this many went through."""
    held: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when bytes are kept back because of `hold_at`."""
    _open: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._open.set()

    def hold(self) -> None:
        """Keep bytes back until `release`."""
        self._open.clear()

    def release(self) -> None:
        self.hold_at = None
        self.held.clear()
        self._open.set()

    async def pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK):
            await self._open.wait()
            if not self.swallowing:
                writer.write(data)
                await writer.drain()
                self.passed += len(data)
            if self.hold_at is not None and self.passed >= self.hold_at:
                self.hold()
                self.held.set()


class Proxy:
    """Listens on a free port and forwards to a server."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = (parts.hostname or "", parts.port or 0)
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self.refusing = False
        """New connections are closed at once."""
        self.to_server = Flow()
        self.to_client = Flow()
        self.accepted = 0

    @property
    def url(self) -> str:
        assert self._server is not None
        host, port = self._server.sockets[0].getsockname()
        return f"http://{host}:{port}"

    def cut(self) -> None:
        """Break all connections now."""
        for task in self._connections:
            task.cancel()

    def blackhole(self, on: bool = True) -> None:
        """Nothing passes any more, and nothing is closed."""
        self.to_server.swallowing = self.to_client.swallowing = on

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        writers = [writer]
        try:
            if self.refusing:
                return
            upstream_reader, upstream = await asyncio.open_connection(*self._target)
            writers.append(upstream)
            pumps = [
                asyncio.ensure_future(self.to_server.pump(reader, upstream)),
                asyncio.ensure_future(self.to_client.pump(upstream_reader, writer)),
            ]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass  # the server is down, or `cut`: both ends learn it by the abort
        finally:
            for each in writers:
                each.transport.abort()
            self._connections.discard(task)

    async def __aenter__(self) -> "Proxy":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        if self._connections:
            await asyncio.wait(set(self._connections))
        await self._server.wait_closed()


@contextlib.asynccontextmanager
async def proxied(url: str) -> AsyncIterator[Proxy]:
    """A proxy before the server at `url`."""
    async with Proxy(url) as proxy:
        yield proxy
