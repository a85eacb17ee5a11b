"""What stands before the REST API: request ids, the headers of every answer, CORS, a line and a number per request."""

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from time import perf_counter
from typing import Any, Final

from chatserver import measures
from chatserver.http.headers import HSTS, SECURITY, Cors, Headers
from chatserver.http.visit import VISIT, Visit, request_id
from chatserver.limits.addresses import client_key
from chatserver.ops import context

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Asgi = Callable[[Any, Any, Any], Awaitable[None]]

_log = logging.getLogger("chatserver.http")

_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_FAILED: Final = 500

_requests = measures.counter("chatserver_requests", "Requests answered.", "operation", "status")
_seconds = measures.histogram(
    "chatserver_request_seconds", "From a request's head to the end of its answer.", label="operation"
)


class Front:
    """An ASGI application around another: nothing leaves it without its headers and its request id."""

    def __init__(self, inner: Asgi, cors: Cors) -> None:
        self._inner = inner
        self._cors = cors
        self.in_flight = 0
        """Requests that are being answered."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        given: dict[bytes, bytes] = dict(scope["headers"])
        visit = Visit(request_id(given.get(b"x-request-id")), client_key(scope), perf_counter())
        scope[VISIT] = visit
        context.enter(visit)
        preflight = scope["method"] == "OPTIONS" and b"access-control-request-method" in given
        extra = self._cors.headers(given.get(b"origin"), preflight=preflight)
        extra.append((b"x-request-id", visit.request_id.encode()))
        if scope["scheme"] == "https":
            extra.append(HSTS)

        async def send_with_headers(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                visit.status = message["status"]
                message["headers"] = _complete(message.get("headers", ()), extra)
            await send(message)

        self.in_flight += 1
        try:
            await self._inner(scope, receive, send_with_headers)
        finally:
            self.in_flight -= 1
            _record(visit, scope["method"])


def _complete(given: Any, extra: Headers) -> Headers:
    headers = list(given)
    names = {name.lower() for name, _ in headers}
    headers += [header for header in SECURITY if header[0] not in names]
    headers += extra
    return headers


def _record(visit: Visit, method: str) -> None:
    seconds = perf_counter() - visit.started
    _requests.add(1, visit.operation, f"{visit.status // 100}xx")
    _seconds.of(visit.operation).observe(seconds)
    level = logging.DEBUG if method in _READS and visit.status < _FAILED else logging.INFO
    if _log.isEnabledFor(level):
        fields = {"operation": visit.operation, "status": visit.status, "ms": round(seconds * 1e3, 1)}
        _log.log(level, "answered", extra=fields)
