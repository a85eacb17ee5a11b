"""Plain HTTP beside TLS: answers the CA's challenges, and sends everybody else to https."""

import contextlib
import logging
import re
import socket
from collections.abc import AsyncIterator, Callable, Collection, Mapping, MutableMapping
from typing import Any, Final

from chatserver.http.beside import serving_beside
from chatserver.http.headers import SECURITY
from chatserver.http.protocol import BoundedHttp

CHALLENGE_PATH: Final = "/.well-known/acme-challenge/"
_CONNECTIONS: Final = 256
_KEEP_ALIVE_S: Final = 5
_HOST: Final = re.compile(rb"^([a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\])(:[0-9]{1,5})?$")
_LOCATION_MAX_BYTES: Final = 8_192
_HTTPS_PORT: Final = 443

Send = Callable[[MutableMapping[str, Any]], Any]


class PlainHttp:
    """An ASGI application of two answers."""

    def __init__(self, https_port: int, domains: Collection[str]) -> None:
        """`domains`: the only hosts to send anybody to; none: whichever they asked."""
        self._port = "" if https_port == _HTTPS_PORT else f":{https_port}"
        self._domains = list(domains)
        self.challenges: Mapping[str, str] = {}
        """What the CA may ask for, by token, and its answer (RFC 8555 section 8.3)."""

    async def __call__(self, scope: Mapping[str, Any], _receive: object, send: Send) -> None:
        """Answer one request."""
        if scope["path"].startswith(CHALLENGE_PATH):
            answer = self.challenges.get(scope["path"].removeprefix(CHALLENGE_PATH))
            if answer is not None:
                await _answer(send, 200, answer.encode(), (b"content-type", b"application/octet-stream"))
                return
            await _answer(send, 404, b"")
            return
        host = self._host(dict(scope["headers"]).get(b"host", b"").lower())
        path = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        if not host or not path.startswith(b"/") or len(path) > _LOCATION_MAX_BYTES:
            await _answer(send, 404, b"")
            return
        location = f"https://{host}{self._port}".encode() + path
        await _answer(send, 308, b"", (b"location", location))

    def _host(self, asked: bytes) -> str:
        """Where to send somebody who asked for this host; nothing if it is not a host."""
        found = _HOST.match(asked)
        name = found[1].decode() if found else ""
        if self._domains and name not in self._domains:
            return self._domains[0]
        return name


async def _answer(send: Send, status: int, body: bytes, *headers: tuple[bytes, bytes]) -> None:
    given = [*headers, (b"content-length", str(len(body)).encode()), *SECURITY]
    await send({"type": "http.response.start", "status": status, "headers": given})
    await send({"type": "http.response.body", "body": body})


@contextlib.asynccontextmanager
async def serving_plain(sockets: list[socket.socket], application: PlainHttp) -> AsyncIterator[None]:
    """Answer on listening sockets within the block."""
    async with serving_beside(
        application,
        sockets,
        "plain HTTP",
        http=BoundedHttp,
        log_level=logging.ERROR,  # it would warn of each refusal at `limit_concurrency`
        limit_concurrency=_CONNECTIONS,
        timeout_keep_alive=_KEEP_ALIVE_S,
    ):
        yield
