"""Accepts connections and lets TLS begin: bounded in number, in time, and in the share of each turn of the loop."""

import asyncio
import contextlib
import errno
import logging
import re
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from chatproto import codec
from chatproto.errors import ChatError
from chatproto.rest import ErrorBody
from chatserver import measures
from chatserver.limits.addresses import address_key

_log = logging.getLogger("chatserver.tls")

HANDSHAKE_S: Final = 10.0
"""Seconds from accepting to the end of the handshake."""
_SHUTDOWN_S: Final = 3.0
"""Seconds for the peer's close_notify."""
PENDING_MAX: Final = 1_024
"""Handshakes under way; the oldest gives way to one more, as most handshakes take a fraction of a second."""
PENDING_PER_ADDRESS: Final = 64
_FRESH_S: Final = 1.0
"""Seconds after which one who has sent nothing is not waited for when the server ends."""
_ACCEPTS_PER_TURN: Final = 4
"""A handshake costs about a millisecond of processor time, which whoever waits in the same turn waits for."""
_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_PAUSE_S: Final = 0.5
_TLS_HANDSHAKE: Final = 0x16
"""The first byte of a ClientHello, see RFC 8446 section 5.1."""
_HTTP: Final = re.compile(rb"[A-Z]{3,7}[ A-Z]")
_PEEK_BYTES: Final = 8
_PLAIN_MAX_BYTES: Final = 65_536

_handshakes = measures.counter("chatserver_tls_handshakes", "TLS handshakes by how they ended.", "outcome")

Admit = Callable[[str], bool]
"""Whether one more connection from an address is welcome."""


@dataclass(eq=False, slots=True)
class _Pending:
    """A connection that has been accepted and not greeted."""

    sock: socket.socket
    address: str
    timer: asyncio.TimerHandle | None = None
    shaking: bool = False


class TlsAcceptor:
    """What uvicorn's server has in place of asyncio's own: it accepts on its sockets until it is closed."""

    def __init__(
        self,
        sockets: list[socket.socket],
        factory: Callable[[], asyncio.Protocol],
        context: Callable[[], ssl.SSLContext],
        admit: Admit,
        *,
        handshake_s: float = HANDSHAKE_S,
        pending_max: int = PENDING_MAX,
        per_address: int = PENDING_PER_ADDRESS,
    ) -> None:
        """`context` gives the certificate in use at each handshake. The bounds are of handshakes under way."""
        self._loop = asyncio.get_running_loop()
        self._sockets = sockets
        self._factory = factory
        self._context = context
        self._admit = admit
        self._handshake_s = handshake_s
        self._pending_max = pending_max
        self._per_address = per_address
        self._pending: dict[_Pending, None] = {}
        self._by_address: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._paused: asyncio.TimerHandle | None = None
        self._closed = False

    def start(self) -> None:
        """Begin to accept."""
        self._paused = None
        for sock in self._sockets:
            sock.setblocking(False)
            self._loop.add_reader(sock.fileno(), self._accept, sock)

    def close(self) -> None:
        """Accept nobody any more; handshakes under way may end. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._stop_reading()
        for sock in self._sockets:
            sock.close()

    def under_way(self) -> bool:
        """Whether a handshake has begun and not ended, or somebody has only just come to begin one."""
        fresh_until = self._loop.time() + self._handshake_s - _FRESH_S
        return any(
            pending.shaking or (pending.timer is not None and pending.timer.when() > fresh_until)
            for pending in self._pending
        )

    def abort(self) -> None:
        """End what is not greeted yet, after `close`."""
        for pending in list(self._pending):
            self._drop(pending, "aborted")

    def _stop_reading(self) -> None:
        if self._paused is not None:
            self._paused.cancel()
            self._paused = None
            return
        for sock in self._sockets:
            self._loop.remove_reader(sock.fileno())

    def _accept(self, sock: socket.socket) -> None:
        for _ in range(_ACCEPTS_PER_TURN):
            try:
                connection, peer = sock.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    self._pause(error)
                    return
                continue  # a connection that ended before it was accepted, see accept(2)
            self._begin(connection, address_key(peer[0]))

    def _pause(self, error: OSError) -> None:
        """The system has no room for more: look again a little later, instead of in every turn."""
        _log.error("no more connections can be accepted: %s", error.strerror)
        self._stop_reading()
        self._paused = self._loop.call_later(_PAUSE_S, self.start)

    def _begin(self, connection: socket.socket, address: str) -> None:
        if self._by_address[address] >= self._per_address or not self._admit(address):
            _handshakes.add(1, "refused")
            connection.close()
            return
        if len(self._pending) >= self._pending_max:
            self._drop(next(iter(self._pending)), "displaced")
        connection.setblocking(False)
        pending = _Pending(connection, address)
        self._pending[pending] = None
        self._by_address[address] += 1
        pending.timer = self._loop.call_later(self._handshake_s, self._drop, pending, "timeout")
        self._loop.add_reader(connection.fileno(), self._look, pending)

    def _look(self, pending: _Pending) -> None:
        """What the client begins with decides: nothing is set up for one that does not begin a handshake."""
        try:
            first = pending.sock.recv(_PEEK_BYTES, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            first = b""
        if not first:
            self._drop(pending, "left")
        elif first[0] != _TLS_HANDSHAKE:
            if _HTTP.match(first):
                _explain(pending.sock)
            self._drop(pending, "not_tls")
        else:
            self._loop.remove_reader(pending.sock.fileno())
            pending.shaking = True
            task = self._loop.create_task(self._shake(pending), name="handshake")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _shake(self, pending: _Pending) -> None:
        try:
            await self._loop.connect_accepted_socket(
                self._factory,
                pending.sock,
                ssl=self._context(),
                ssl_handshake_timeout=self._handshake_s,
                ssl_shutdown_timeout=_SHUTDOWN_S,
            )
        except (OSError, ValueError) as error:  # whatever a scanner sends; nobody here needs to act
            outcome = "failed"
            reason = getattr(error, "reason", None) or type(error).__name__
            _log.debug("handshake failed", extra={"address": pending.address, "reason": reason})
        else:
            outcome = "completed"
        if self._forget(pending):
            _handshakes.add(1, outcome)

    def _drop(self, pending: _Pending, outcome: str) -> None:
        if not self._forget(pending):
            return
        _handshakes.add(1, outcome)
        if pending.shaking:  # the transport owns it: ending the connection makes it give up
            with contextlib.suppress(OSError):
                pending.sock.shutdown(socket.SHUT_RDWR)
        else:
            self._loop.remove_reader(pending.sock.fileno())
            pending.sock.close()

    def _forget(self, pending: _Pending) -> bool:
        if self._pending.pop(pending, 0) is not None:
            return False
        assert pending.timer is not None
        pending.timer.cancel()
        self._by_address[pending.address] -= 1
        if not self._by_address[pending.address]:
            del self._by_address[pending.address]
        return True


def _explain(sock: socket.socket) -> None:
    """Answer one who speaks plain HTTP; what does not fit into the socket's buffer at once is not sent."""
    error = ChatError("tlsRequired")
    body = codec.encode(ErrorBody(error=error.info()))
    head = "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nConnection: close\r\n"
    with contextlib.suppress(OSError):
        sock.recv(_PLAIN_MAX_BYTES)  # unread bytes would turn the end into a reset, and the answer be lost
        sock.send(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        sock.shutdown(socket.SHUT_WR)
