"""Bodies about the server itself, and of refusals."""

from chatproto.errors import ErrorInfo
from chatproto.models import Wire


class Health(Wire, frozen=True, kw_only=True):
    """The process is alive and this is what it is."""

    status: str
    version: str
    protocol: int
    epoch: str


class ErrorBody(Wire, frozen=True, kw_only=True):
    """The body of every refused request."""

    error: ErrorInfo
