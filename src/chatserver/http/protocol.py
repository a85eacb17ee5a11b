"""The server's HTTP protocol for uvicorn: bounds on the request head, and on waiting for a client that does nothing."""

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from chatproto import codec
from chatproto.errors import ChatError
from chatproto.rest import ErrorBody
from chatserver.http.headers import SECURITY

HEAD_MAX_BYTES: Final = 65_536
"""Bytes of request line and headers."""
_ARRIVAL_TIMEOUT_S: Final = 30.0
"""Seconds a request's head may take to arrive, and each `_PROGRESS_BYTES` of its body."""
_PROGRESS_BYTES: Final = 16_384
_STALL_TIMEOUT_S: Final = 60.0
"""Seconds in which a client has to take some of the answer that waits for it."""
_BUFFER_BYTES: Final = 65_536
"""Above so many bytes that the system has not taken, the application is asked to wait."""
_FRESH_S: Final = 1.0
"""Seconds after which a connection that has asked nothing is idle."""


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's protocol, which alone would collect headers without end and wait for them for ever."""

    _in_head = True
    _head_bytes = 0
    _body_bytes = 0
    _arrival_timer: asyncio.TimerHandle | None = None
    _stall_timer: asyncio.TimerHandle | None = None
    _opened_at = 0.0
    _asked = False
    _last = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's own
        """A connection is open and owes a request."""
        super().connection_made(transport)
        # The event loop's own mark for TLS is eight times that for TCP: a slow reader would cost as much more memory.
        transport.set_write_buffer_limits(_BUFFER_BYTES)
        self._opened_at = self.loop.time()
        self._await_arrival()

    def shutdown(self) -> None:
        """The server ends: close at once if idle, else after the answer, which one who has only just come gets too."""
        if self._asked or self.loop.time() - self._opened_at > _FRESH_S:
            super().shutdown()
        else:
            self._last = True

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._arrived()
        self._taken()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes have arrived; the parser keeps an unfinished head in memory, so its size is bounded here."""
        if self._in_head:
            self._head_bytes += len(data)
        else:
            self._body_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > HEAD_MAX_BYTES and not self.transport.is_closing():
            self.send_400_response(f"The request head is larger than {HEAD_MAX_BYTES} bytes.")

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = 0
        self._await_arrival()

    def on_headers_complete(self) -> None:
        """The head has arrived."""
        self._in_head = False
        self._asked = True
        super().on_headers_complete()
        if self._last and self.cycle is not None:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """The request has arrived."""
        self._arrived()
        super().on_message_complete()

    def pause_writing(self) -> None:
        """The client takes the answer more slowly than it is sent."""
        super().pause_writing()
        self._taken()
        self._stall_timer = self.loop.call_later(_STALL_TIMEOUT_S, self._give_up)

    def resume_writing(self) -> None:
        """The client has taken what was sent."""
        self._taken()
        super().resume_writing()

    def handle_websocket_upgrade(self) -> None:
        """The connection becomes a WebSocket."""
        self._arrived()
        super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP, in the form of every other refusal."""
        body = codec.encode(ErrorBody(error=ChatError("invalidFrame", msg).info()))
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
            *SECURITY,
        ]
        lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\n" + lines + b"\r\n" + body)
        self.transport.close()

    def _await_arrival(self) -> None:
        self._arrived()
        self._body_bytes = 0
        self._arrival_timer = self.loop.call_later(_ARRIVAL_TIMEOUT_S, self._check_arrival)

    def _check_arrival(self) -> None:
        receiving = not self._in_head and not (self.cycle is None or self.cycle.response_complete)
        # A server that is busy with what it has does not read, and the client is not to blame.
        if receiving and (self._body_bytes >= _PROGRESS_BYTES or self.flow.read_paused):
            self._await_arrival()
        else:
            self._give_up()

    def _arrived(self) -> None:
        if self._arrival_timer is not None:
            self._arrival_timer.cancel()
            self._arrival_timer = None

    def _taken(self) -> None:
        if self._stall_timer is not None:
            self._stall_timer.cancel()
            self._stall_timer = None

    def _give_up(self) -> None:
        transport: Any = self.transport
        transport.abort()
