"""Bodies about the server itself, and of refusals."""

from chatproto.errors import ErrorInfo
from chatproto.models import Wire


class Health(Wire, frozen=True, kw_only=True):
    """The process is alive and this is what it is."""

    status: str
    version: str
    protocol: int
    epoch: str


class Check(Wire, frozen=True, kw_only=True):
    """One thing the server depends on; `detail` says what is wrong with it, for people."""

    name: str
    ok: bool
    detail: str = ""


class Readiness(Wire, frozen=True, kw_only=True):
    """Whether the server can do its work now."""

    ready: bool
    checks: list[Check]


class ErrorBody(Wire, frozen=True, kw_only=True):
    """The body of every refused request."""

    error: ErrorInfo
