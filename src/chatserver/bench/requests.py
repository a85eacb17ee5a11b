"""REST requests of a benchmark over kept connections: as many as are answered, and at a rate of their own."""

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from chatserver.bench.servers import Target, Usage
from chatserver.bench.wire import RefusedError

WORKERS: Final = 8
"""Connections that requests are made over."""
_TIMEOUT_S: Final = 30.0
_LENGTH: Final = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
_CODE: Final = re.compile(rb'"code":"(\w+)"')

NextRequest = Callable[[int], bytes]
"""The request of this number, as bytes."""


class LeanHttp:
    """One kept connection that makes one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, server: Target) -> "LeanHttp":
        """Raises `OSError`."""
        return cls(*await asyncio.open_connection(server.host, server.port, ssl=server.tls))

    async def ask(self, request: bytes) -> None:
        """Wait for the answer to its last byte. Raises `RefusedError` if it is none of success, else `OSError`."""
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                self._writer.write(request)
                head = await self._reader.readuntil(b"\r\n\r\n")
                length = _LENGTH.search(head)
                body = await self._reader.readexactly(int(length[1]) if length else 0)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            raise ConnectionError("the server's answer ended early") from None
        except TimeoutError:
            raise ConnectionError(f"the server does not answer within {_TIMEOUT_S:.0f} s") from None
        if head[9:12] != b"200":
            code = _CODE.search(body)
            raise RefusedError(code[1].decode() if code else head[9:12].decode(errors="replace"))

    def close(self) -> None:
        """Abort it."""
        self._writer.transport.abort()


def get(server: Target, path: str, token: str) -> bytes:
    """A GET with a token."""
    return f"GET {path} HTTP/1.1\r\nHost: {server.host}:{server.port}\r\nAuthorization: Bearer {token}\r\n\r\n".encode()


def post(server: Target, path: str, body: bytes) -> bytes:
    """A POST of JSON."""
    head = f"POST {path} HTTP/1.1\r\nHost: {server.host}:{server.port}\r\nContent-Type: application/json\r\n"
    return head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body


@dataclass
class Answered:
    """What a stretch of requests came to."""

    rate: float
    """Requests answered a second."""
    generator: float
    """The share of its core that the generator used."""
    used: Usage | None
    """What the server used meanwhile, if it tells."""
    count: int
    times: list[float] = field(default_factory=list)
    """Milliseconds of each, from when it was due."""


async def closed(server: Target, request: NextRequest, seconds: float) -> Answered:
    """As many as are answered: a new request for every answer, on each connection."""
    return await _stretch(server, request, seconds, rate=None)


async def paced(server: Target, request: NextRequest, seconds: float, rate: float) -> Answered:
    """So many a second whatever becomes of them; each is timed from when it was due, also if it has to wait."""
    return await _stretch(server, request, seconds, rate=rate)


async def _stretch(server: Target, request: NextRequest, seconds: float, *, rate: float | None) -> Answered:
    connections = [await LeanHttp.connect(server) for _ in range(WORKERS)]
    numbers = iter(range(1 << 40))
    times: list[float] = []
    try:
        for connection in connections:
            await connection.ask(request(next(numbers)))  # what is done once is done before
        before = await server.usage_or_none()
        begin, own = time.perf_counter(), time.process_time()

        async def work(connection: LeanHttp) -> None:
            for number in numbers:
                due = begin + (number - WORKERS) / rate if rate else time.perf_counter()
                if due > begin + seconds:
                    return
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                await connection.ask(request(number))
                times.append((time.perf_counter() - due) * 1e3)

        await asyncio.gather(*map(work, connections))
        wall, own = time.perf_counter() - begin, time.process_time() - own
        after = await server.usage_or_none()
    finally:
        for connection in connections:
            connection.close()
    used = after.since(before) if after and before else None
    return Answered(len(times) / wall, own / wall, used, len(times), times)
