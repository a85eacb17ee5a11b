"""The ASGI application for WebSockets: address and origin are checked, then a connection takes over."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any, Final

from chatproto import codec
from chatproto.errors import ChatError
from chatproto.rest import ErrorBody
from chatserver.ws.connection import Connection, Services
from chatserver.ws.socket import EXTENSION

PATH: Final = "/ws"

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
        error = self._refusal(scope)
        if error is not None:
            await _deny(send, error)
            return
        await send({"type": "websocket.accept"})
        connection = Connection(self._services, scope["extensions"][EXTENSION], receive)
        self._connections.add(connection)
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)

    async def drain(self, seconds: float) -> None:
        """Finish every connection: acknowledge what was taken, then close. At most `seconds`."""
        finishing = [asyncio.ensure_future(connection.finish()) for connection in self._connections]
        if finishing:
            _, late = await asyncio.wait(finishing, timeout=seconds)
            for task in late:
                task.cancel()

    def _refusal(self, scope: Scope) -> ChatError | None:
        if scope["path"] != PATH:
            return ChatError("notFound")
        origins = [value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"]
        if origins and (len(origins) > 1 or origins[0] not in self._allowed_origins):
            return ChatError("originRefused")
        return None


async def _deny(send: Send, error: ChatError) -> None:
    body = codec.encode(ErrorBody(error=error.info()))
    headers = [(b"content-type", b"application/json"), (b"x-content-type-options", b"nosniff")]
    await send({"type": "websocket.http.response.start", "status": error.http_status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})
