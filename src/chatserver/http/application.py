"""The ASGI application of everything but the WebSocket."""

from collections.abc import Sequence

from litestar import Litestar
from litestar.exceptions import HTTPException

from chatproto.errors import ChatError
from chatserver.http.edge import Verifier, handlers
from chatserver.http.errors import on_chat_error, on_http_exception, on_unexpected
from chatserver.http.gate import Gate
from chatserver.http.operations import Operation


def rest_application(operations: Sequence[Operation], verifier: Verifier, gate: Gate) -> Litestar:
    """An application that answers these operations, and refuses everything else."""
    return Litestar(
        route_handlers=handlers(operations, verifier, gate),
        exception_handlers={
            ChatError: on_chat_error,
            HTTPException: on_http_exception,
            Exception: on_unexpected,
        },
        request_max_body_size=None,  # the body reader has the cap, and refuses with the protocol's error
        openapi_config=None,
        logging_config=None,
    )
