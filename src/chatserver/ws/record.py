"""What is known about one WebSocket connection, for the log and the measures."""

import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Final

from chatproto.errors import CloseCode
from chatserver import measures
from chatserver.ws.reconnects import Reconnects

_log = logging.getLogger("chatserver.ws")

_NAMED_CODES: Final = frozenset({*CloseCode, 1001, 1002, 1005, 1006, 1007, 1009, 1011})

_opened = measures.counter("chatserver_websockets_opened", "WebSockets accepted.")
_closed = measures.counter("chatserver_websockets_closed", "WebSockets that ended, by close code.", "code")
_frames = measures.counter("chatserver_frames_received", "WebSocket messages taken from clients.")


@dataclass(slots=True)
class ConnectionRecord:
    """One connection from its acceptance to its end."""

    address: str
    """The key under which its limits are counted."""
    connection: str = field(default_factory=lambda: secrets.token_hex(4))
    """Names the connection in the log."""
    user_id: int | None = None
    """Once greeted; so is the next."""
    session_id: int | None = None
    frames: int = 0
    """Messages taken from it."""
    code: int | None = None
    """How it ended; the first reason counts."""
    started: float = field(default_factory=perf_counter)

    def log_fields(self) -> Mapping[str, Any]:
        """See `chatserver.ops.context.Context`."""
        fields: dict[str, Any] = {"connection": self.connection, "address": self.address}
        if self.user_id is not None:
            fields["user"] = self.user_id
        return fields

    def opened(self) -> None:
        """It was accepted."""
        _opened.value += 1
        _log.debug("connection opened")

    def received(self) -> None:
        """A message was taken."""
        self.frames += 1
        _frames.value += 1

    def ends(self, code: int) -> None:
        """It is being closed, by either side."""
        if self.code is None:
            self.code = code

    def closed(self, reconnects: Reconnects) -> None:
        """It has ended."""
        code = self.code if self.code is not None else 1006
        cause = str(code) if code in _NAMED_CODES else "other"
        _closed.add(1, cause)
        if self.session_id is not None:
            reconnects.ended(self.session_id, cause)
        seconds = round(perf_counter() - self.started, 1)
        _log.info("connection closed", extra={"code": code, "seconds": seconds, "frames": self.frames})
