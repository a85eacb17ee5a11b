"""Turn every refusal, the framework's own included, into an ErrorBody with its status and headers."""

import logging
import math
from typing import Any

from litestar import Response
from litestar.exceptions import HTTPException

from chatproto.errors import ChatError
from chatproto.rest import ErrorBody
from chatserver.http.requests import HttpRequest
from chatserver.http.visit import visit_of
from chatserver.refusals import told

logger = logging.getLogger(__name__)

_FRAMEWORK_CODES = {404: "notFound", 405: "methodNotAllowed", 413: "tooLarge"}
_TOKEN_CODES = {"tokenMissing", "tokenInvalid", "tokenExpired", "sessionRevoked"}


def on_chat_error(_request: HttpRequest, error: ChatError) -> Response[ErrorBody]:
    """A refusal by a service or a parser."""
    headers: dict[str, str] = {}
    if error.retry_after is not None:
        headers["Retry-After"] = str(math.ceil(error.retry_after))
    if error.code in _TOKEN_CODES:
        headers["WWW-Authenticate"] = "Bearer"
    return _response(error, headers)


def on_http_exception(request: HttpRequest, error: HTTPException) -> Response[ErrorBody]:
    """A refusal by the framework: no such path, no such method, a malformed request."""
    if error.status_code >= 500:
        return on_unexpected(request, error)
    refusal = ChatError(_FRAMEWORK_CODES.get(error.status_code, "invalidFrame"))
    allow = (error.headers or {}).get("allow")
    return _response(refusal, {"Allow": allow} if allow else {})


def on_unexpected(request: HttpRequest, error: Exception) -> Response[ErrorBody]:
    """A defect of the server: its traceback goes to the log, not to the client."""
    # The path is left out: a path may hold what only its user should know, such as an invitation.
    logger.error("%s failed", visit_of(request).operation, exc_info=error)
    return _response(ChatError("internal"), {})


def _response(error: ChatError, headers: dict[str, Any]) -> Response[ErrorBody]:
    return Response(
        ErrorBody(error=told(error)),
        status_code=error.http_status,
        headers=headers,
        media_type="application/json",
    )
