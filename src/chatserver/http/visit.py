"""What is known about one request while it is served."""

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from chatserver.http.requests import HttpRequest

VISIT: Final = "chatserver.visit"
"""Key of the visit in the ASGI scope."""
_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{8,64}")


@dataclass(slots=True)
class Visit:
    """One request, from its head to the end of its answer."""

    request_id: str
    address: str
    """The client's address, as far as proxies may be believed; the key its limits are counted under."""
    started: float
    """By the monotonic clock, in seconds."""
    operation: str = "none"
    user_id: int | None = None
    status: int = 500

    def log_fields(self) -> Mapping[str, Any]:
        """See `chatserver.ops.context.Context`."""
        fields: dict[str, Any] = {"request": self.request_id, "address": self.address}
        if self.user_id is not None:
            fields["user"] = self.user_id
        return fields


def visit_of(request: HttpRequest) -> Visit:
    """The visit that a request belongs to."""
    visit: Visit = request.scope[VISIT]  # type: ignore[typeddict-item] # a key of our own
    return visit


def request_id(given: bytes | None) -> str:
    """The id a client or proxy gave its request if it is usable, else a new one."""
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given.decode()
    return secrets.token_hex(8)
