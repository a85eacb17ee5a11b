"""Where REST operations meet the network: read a request, let the operation run, write what came of it."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, Protocol

from litestar import Response
from litestar.handlers import HTTPRouteHandler, route

from chatproto import codec
from chatproto.errors import ChatError
from chatserver.http.gate import Gate
from chatserver.http.operations import PATH_PARAMETERS, Call, Nothing, Operation, Raw
from chatserver.http.requests import HttpRequest, bearer_token, read_body, read_query
from chatserver.services.tokens import Identity

_NO_QUERY: Final = Nothing()
_DIGITS_MAX: Final = 16


class Verifier(Protocol):
    """Tells who an access token speaks for."""

    def verify(self, token: str) -> Identity:
        """Raises `ChatError` with a token code."""
        ...


def handlers(operations: Iterable[Operation], verifier: Verifier, gate: Gate) -> list[HTTPRouteHandler]:
    """The routes of operations, and what each path answers to OPTIONS."""
    by_path: dict[str, list[str]] = {}
    routes = []
    for operation in operations:
        routes.append(_handler(operation, verifier, gate))
        by_path.setdefault(_route_path(operation), []).extend(_methods(operation))
    # First, because Litestar makes an answer to OPTIONS of its own for a path that has none yet.
    return [*(_options(path, methods) for path, methods in by_path.items()), *routes]


def _methods(operation: Operation) -> list[str]:
    return ["GET", "HEAD"] if operation.method == "GET" else [operation.method]


def _route_path(operation: Operation) -> str:
    return "/".join(f"{part[:-1]}:str}}" if part.startswith("{") else part for part in operation.path.split("/"))


def _options(path: str, methods: list[str]) -> HTTPRouteHandler:
    headers = {"Allow": ", ".join(sorted([*methods, "OPTIONS"]))}

    async def options() -> Response[None]:
        return Response(None, status_code=204, headers=headers)

    return route(path, http_method=["OPTIONS"], name=f"OPTIONS {path}")(options)


def _handler(operation: Operation, verifier: Verifier, gate: Gate) -> HTTPRouteHandler:
    name = f"{operation.method} {operation.path}"
    handle = _answering(operation, verifier, gate)
    # The status is that of the answer; Litestar's own default for DELETE would forbid it a body.
    return route(_route_path(operation), http_method=_methods(operation), name=name, status_code=200)(handle)  # type: ignore[arg-type] # a list of literals


def _answering(
    operation: Operation, verifier: Verifier, gate: Gate
) -> Callable[[HttpRequest], Awaitable[Response[Any]]]:
    numbers = [name for name in operation.path_parameters if not PATH_PARAMETERS[name].max_chars]
    texts = [name for name in operation.path_parameters if PATH_PARAMETERS[name].max_chars]
    has_query = operation.query is not Nothing
    has_body = operation.body is not None and not isinstance(operation.body, Raw)

    async def answer(request: HttpRequest) -> Response[Any]:
        gate.arrive(operation, request)
        identity = None if operation.public else verifier.verify(bearer_token(request))
        gate.admit(operation, request, identity)
        path = {name: _number(name, request.path_params[name]) for name in numbers}
        text = {name: _text(name, request.path_params[name]) for name in texts}
        query = read_query(request, operation.query) if has_query else _no_query(request)
        body = await read_body(request, operation.body, operation.body_max_bytes) if has_body else None
        gate.admit_body(operation, body)
        result = await operation.handler(Call(request, path, query, body, identity, text))
        if isinstance(result, Response):
            return result
        if result is None:
            return Response(None, status_code=204)
        return Response(codec.encode(result), status_code=operation.status, media_type="application/json")

    return answer


def _no_query(request: HttpRequest) -> Nothing:
    if request.scope.get("query_string"):
        read_query(request, Nothing)
    return _NO_QUERY


def _number(name: str, value: str) -> int:
    if not (value.isascii() and value.isdecimal()):
        raise ChatError("notFound")
    parameter = PATH_PARAMETERS[name]
    if len(value) > _DIGITS_MAX or not 0 < int(value) <= parameter.high:
        raise ChatError(parameter.code)
    return int(value)


def _text(name: str, value: str) -> str:
    parameter = PATH_PARAMETERS[name]
    if len(value) > parameter.max_chars:
        raise ChatError(parameter.code)
    return value
