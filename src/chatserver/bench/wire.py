"""A WebSocket client so lean that it is not what a benchmark measures: it counts events instead of reading them."""

import asyncio
import base64
import os
import re
import ssl
import struct
from collections.abc import Callable
from typing import Final, cast

_STAMP: Final = re.compile(rb'"@(\d+) ')
_SEQ: Final = re.compile(rb'"seq":(\d+)')
_SEQ_KEY: Final = b'"seq":'
_CHAT: Final = re.compile(rb'\{"type":"events","chatId":(\d+)')
_CODE: Final = re.compile(rb'"code":"(\w+)"')
_CONNECT_MAX_S: Final = 30.0


class RefusedError(ConnectionError):
    """The server refused what it was asked; the text is its code."""


class LeanClient(asyncio.Protocol):
    """One connection: counts events (by their `"seq":`), acks and frames.

    The callbacks are for each ack, each `events` frame, and each time stamp within one.
    """

    def __init__(self) -> None:
        self.chat_id = 0
        """The chat whose events count; 0: all do."""
        self.events = 0
        self.sent = 0
        """Messages that were sent and want an answer, as whoever sends them counts."""
        self.acks = 0
        self.frames = 0
        self.first = 0
        """The seq of the first event that came; 0: none."""
        self.last = 0
        """The seq of the last one."""
        self.faults = 0
        """Frames of events that did not go on where the one before had ended, or had holes."""
        self.first_acked = 0
        self.last_acked = 0
        self.refused = 0
        self.refusal = ""
        """The code of the last refusal."""
        self.on_ack: Callable[[], None] | None = None
        self.on_event: Callable[[], None] | None = None
        self.on_stamp: Callable[[int], None] | None = None
        self.closed = False
        self._buffer = b""
        self._opened = False
        self._transport: asyncio.Transport | None = None
        self._ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @classmethod
    async def connect(
        cls,
        port: int,
        path: str,
        hello: str | None,
        *,
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
    ) -> "LeanClient":
        """Open a WebSocket on this machine; with `hello`, wait until it is welcome.

        Raises `OSError`, also after thirty seconds without an answer and where the greeting is refused.
        """
        try:
            async with asyncio.timeout(_CONNECT_MAX_S):
                return await cls._connect(port, path, hello, host, tls)
        except TimeoutError:
            raise ConnectionError(f"the server does not answer within {_CONNECT_MAX_S:.0f} s") from None

    @classmethod
    async def _connect(
        cls, port: int, path: str, hello: str | None, host: str, tls: ssl.SSLContext | None
    ) -> "LeanClient":
        loop = asyncio.get_running_loop()
        _, client = await loop.create_connection(cls, host, port, ssl=tls)
        key = base64.b64encode(os.urandom(16)).decode()
        client.raw(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        await client._ready
        if hello is not None:
            client._ready = loop.create_future()
            client.send(hello.encode())
            await client._ready
        return client

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        if not self._ready.done():
            self._ready.set_exception(exc or ConnectionError("the server closed the connection"))

    def raw(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(data)

    def send(self, payload: bytes) -> None:
        """A text frame, masked with zeros: legal (RFC 6455 section 5.3), and costs nothing."""
        size = len(payload)
        head = struct.pack("!BB", 0x81, 0x80 | size) if size < 126 else struct.pack("!BBH", 0x81, 0xFE, size)
        self.raw(head + b"\0\0\0\0" + payload)

    def close(self) -> None:
        self.on_ack = self.on_event = self.on_stamp = None
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        if not self._opened:
            head, found, buffer = buffer.partition(b"\r\n\r\n")
            if not found:
                self._buffer = head
                return
            if b" 101 " not in head[:20]:
                self._fail(head)
                return
            self._opened = True
            self._ready.set_result(None)
        start, end = 0, len(buffer)
        while end - start >= 2:
            size, body = buffer[start + 1], start + 2
            if size == 126:
                if end - start < 4:
                    break
                size, body = int.from_bytes(buffer[start + 2 : start + 4], "big"), start + 4
            elif size == 127:
                if end - start < 10:
                    break
                size, body = int.from_bytes(buffer[start + 2 : start + 10], "big"), start + 10
            if end - body < size:
                break
            self._frame(buffer, buffer[start] & 0x0F, body, body + size)
            start = body + size
        self._buffer = buffer[start:]

    def _fail(self, head: bytes) -> None:
        text = head.partition(b"\r\n")[0].decode(errors="replace")
        if not self._ready.done():
            refused = " 429 " in text
            told = ConnectionError(f"the server answers a connection with: {text}")
            self._ready.set_exception(RefusedError("rateLimited") if refused else told)
        self.close()

    def _acked(self, buffer: bytes, start: int, end: int) -> None:
        """Note the place of an ack's one message; an author's messages take places in a row."""
        found = _SEQ.search(buffer, start, end)
        if found is None:
            self.refused += 1
            code = _CODE.search(buffer, start, end)
            self.refusal = code[1].decode() if code else "unknown"
            return
        seq = int(found[1])
        self.faults += self.last_acked not in {0, seq - 1}
        self.first_acked = self.first_acked or seq
        self.last_acked = seq

    def _come(self, buffer: bytes, start: int, end: int) -> None:
        if self.chat_id:
            found = _CHAT.match(buffer, start)
            if found is None or int(found[1]) != self.chat_id:
                return
        self._follow(buffer, start, end)
        if self.on_event is not None:
            self.on_event()
        if self.on_stamp is not None:
            for stamp in _STAMP.findall(buffer, start, end):
                self.on_stamp(int(stamp))

    def _follow(self, buffer: bytes, start: int, end: int) -> None:
        """Count a frame's events; they must go on where those before ended, one by one."""
        count = buffer.count(_SEQ_KEY, start, end)
        first = _number(buffer, buffer.find(_SEQ_KEY, start, end))
        last = _number(buffer, buffer.rfind(_SEQ_KEY, start, end))
        self.faults += self.last not in {0, first - 1} or last - first + 1 != count
        self.first = self.first or first
        self.last = last
        self.events += count

    def _frame(self, buffer: bytes, opcode: int, start: int, end: int) -> None:
        if opcode == 9:
            self.raw(struct.pack("!BB", 0x8A, 0x80 | (end - start)) + b"\0\0\0\0" + buffer[start:end])
            return
        self.frames += 1
        if buffer.startswith(b'{"type":"ack"', start):
            self.acks += 1
            self._acked(buffer, start, end)
            if self.on_ack is not None:
                self.on_ack()
        elif buffer.startswith(b'{"type":"events"', start):
            self._come(buffer, start, end)
        if not self._ready.done():
            if buffer.startswith(b'{"type":"error"', start):
                text = buffer[start:end].decode(errors="replace")
                self._ready.set_exception(ConnectionError(f"the server refuses a connection: {text}"))
            else:
                self._ready.set_result(None)


def _number(buffer: bytes, place: int) -> int:
    found = _SEQ.match(buffer, place)
    return int(found[1]) if found else 0


def send_frame(request_id: int, chat_id: int, text: str) -> bytes:
    """The payload of a `send` with one message and a fresh client id."""
    client_id = base64.b64encode(os.urandom(16)).decode()
    return (
        f'{{"type":"send","id":{request_id},"messages":[{{"clientId":"{client_id}","text":"{text}","chatId":{chat_id}}}]}}'
    ).encode()
