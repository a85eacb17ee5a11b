"""The server's WebSocket protocol for uvicorn: takes ready-made frames, and never waits for a dead peer."""

from collections.abc import Callable
from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState

EXTENSION: Final = "chatserver.socket"
"""Key of the socket in the `extensions` of a WebSocket's ASGI scope."""

_CLOSE_TIMEOUT_S: Final = 3.0
"""Seconds a peer has to answer a close frame or to take what is written, before the connection is cut."""


class ChatSocket(WebSocketsSansIOProtocol):
    """uvicorn's protocol, plus the `Link` that the fan-out writes to.

    The opening handshake, parsing, pings and receiving stay uvicorn's. Writing whole frames to the transport
    spares each delivery a coroutine and the building of a frame that is the same for everybody.
    """

    on_resume: Callable[[], None] | None = None

    @property
    def paused(self) -> bool:
        """The transport's buffer is above its mark."""
        return not self.writable.is_set()

    @property
    def closing(self) -> bool:
        """A close frame was sent, or the connection is lost."""
        return self.close_sent or self.disconnected or self.transport.is_closing()

    def write(self, data: bytes) -> None:
        """Send whole frames."""
        if not self.closing:
            self.transport.write(data)

    def close(self, code: int, reason: str = "") -> None:
        """Send a close frame; cut the connection if the peer does not answer in time."""
        if self.closing:
            return
        self.stop_keepalive()
        try:
            self.conn.send_close(code, reason)
        except InvalidState:  # the peer's own close frame is being answered already
            return
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        if self.read_paused:  # the peer's answer must be read
            self.read_paused = False
            self.transport.resume_reading()
        self._abort_later()

    def abort(self) -> None:
        """Cut the connection at once."""
        self.transport.abort()

    # --- what uvicorn calls ---

    async def run_asgi(self) -> None:
        """Run the application with this socket in its scope."""
        extensions: dict[str, Any] = self.scope["extensions"]
        extensions[EXTENSION] = self
        try:
            await super().run_asgi()
        finally:
            # uvicorn now waits until the peer has taken everything; one that never reads would keep it for ever.
            if not self.disconnected:
                self._abort_later()

    def resume_writing(self) -> None:
        """The transport has room again."""
        super().resume_writing()
        if self.on_resume is not None:
            self.on_resume()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, for whatever reason."""
        super().connection_lost(exc)
        if self.on_resume is not None:
            self.on_resume()
            self.on_resume = None  # ends the reference cycle of socket and outbox

    def keepalive_timeout(self) -> None:
        """The peer did not answer a ping: a graceful end would wait for it for ever."""
        super().keepalive_timeout()
        self._abort_later()

    def send_receive_event_to_app(self) -> None:
        """Hand a message over; text that is not UTF-8 ends the connection without a traceback in the log."""
        if self.curr_msg_data_type == "text" and not self.close_sent:
            data = self.frames[0] if len(self.frames) == 1 else b"".join(self.frames)
            try:
                data.decode()
            except UnicodeDecodeError:
                self.frames = []
                self.conn.fail(1007, "Text must be UTF-8.")
                self.handle_parser_exception()
                return
        super().send_receive_event_to_app()

    def _abort_later(self) -> None:
        if self.close_timer is not None:
            self.close_timer.cancel()
        self.close_timer = self.loop.call_later(_CLOSE_TIMEOUT_S, self.transport.abort)
