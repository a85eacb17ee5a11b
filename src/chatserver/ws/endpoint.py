"""The ASGI application for WebSockets: address and origin are checked, then a connection takes over."""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any, Final

from chatproto import codec
from chatproto.errors import ChatError
from chatproto.rest import ErrorBody
from chatserver.http.headers import SECURITY
from chatserver.limits.addresses import client_key
from chatserver.ops import context
from chatserver.refusals import told
from chatserver.ws.connection import Connection, Services
from chatserver.ws.record import ConnectionRecord
from chatserver.ws.socket import EXTENSION

PATH: Final = "/ws"

_log = logging.getLogger("chatserver.ws")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


class WebSocketEndpoint:
    """Accepts WebSockets at `PATH` from programs, which send no Origin, and from the web origins allowed."""

    def __init__(self, services: Services, allowed_origins: Collection[str]) -> None:
        """`allowed_origins` are compared exactly, as browsers write them: `https://chat.example.org`."""
        self._services = services
        self._allowed_origins = frozenset(allowed_origins)
        self._connections: set[Connection] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one WebSocket."""
        await receive()  # websocket.connect
        record = ConnectionRecord(client_key(scope))
        context.enter(record)
        try:
            self._admit(scope, record.address)
        except ChatError as error:
            _log.info("connection refused", extra={"error": error.code})
            await _deny(send, error)
            return
        connection = Connection(self._services, scope["extensions"][EXTENSION], receive, record)
        try:
            await send({"type": "websocket.accept"})
            record.opened()
            self._connections.add(connection)
            await connection.run()
        finally:
            self._connections.discard(connection)
            self._services.limiter.disconnect(record.address)
            record.closed(self._services.reconnects)

    @property
    def open_count(self) -> int:
        """WebSockets that are being served."""
        return len(self._connections)

    async def drain(self, seconds: float) -> None:
        """Finish every connection: acknowledge what was taken, then close. At most `seconds`."""
        finishing = [asyncio.ensure_future(connection.finish()) for connection in self._connections]
        if finishing:
            _, late = await asyncio.wait(finishing, timeout=seconds)
            for task in late:
                task.cancel()

    def _admit(self, scope: Scope, address: str) -> None:
        """Raises `ChatError` unless this WebSocket may be opened; else its address has one more."""
        self._services.limiter.take("connect", address)
        if scope["path"] != PATH:
            raise ChatError("notFound")
        origins = [value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"]
        if origins and (len(origins) > 1 or origins[0] not in self._allowed_origins):
            raise ChatError("originRefused")
        self._services.limiter.connect(address)


async def _deny(send: Send, error: ChatError) -> None:
    body = codec.encode(ErrorBody(error=told(error)))
    headers = [(b"content-type", b"application/json"), *SECURITY]
    if error.retry_after is not None:
        headers.append((b"retry-after", str(math.ceil(error.retry_after)).encode()))
    await send({"type": "websocket.http.response.start", "status": error.http_status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})
