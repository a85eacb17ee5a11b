"""uvicorn's server with our protocols, a tick that is watched, and an end that loses nothing."""

import asyncio
import contextlib
import ipaddress
import logging
import socket
from collections.abc import Callable, Collection, Iterator
from typing import Final

import uvicorn

from chatproto import limits
from chatproto.errors import ChatError
from chatserver import measures
from chatserver.app import Application
from chatserver.http.protocol import BoundedHttp
from chatserver.listening import BACKLOG
from chatserver.ops.machine import ClockWatch
from chatserver.tls.acceptor import TlsAcceptor
from chatserver.tls.live import LiveCertificate
from chatserver.ws.socket import ChatSocket

_log = logging.getLogger("chatserver")

_DRAIN_S: Final = 4.0
"""Seconds for committing and acknowledging what is in hand, once the server is told to stop."""
_HANDSHAKE_S: Final = 2.0
"""Seconds after that for peers to answer the close frame, and for TLS handshakes under way."""
_CLOSE_S: Final = 1.0
"""Seconds after that for what is written to leave, before connections are cut. Together below ten."""
_KEEP_ALIVE_S: Final = 30
"""Seconds an idle HTTP connection is kept: longer than clients do, so that they never send into its end."""
_TICK_S: Final = 1.0

_lag = measures.histogram("chatserver_event_loop_lag_seconds", "How late the event loop comes to a task every second.")


class Server(uvicorn.Server):
    """uvicorn's server with an end that loses nothing: stop accepting, commit and acknowledge, then close with 1012."""

    def __init__(
        self,
        application: Application,
        trusted_proxies: Collection[str],
        live: LiveCertificate | None = None,
    ) -> None:
        """Only what these addresses and networks say of forwarded clients is believed.

        With a certificate it speaks TLS only.
        """
        super().__init__(
            uvicorn.Config(
                application,
                loop="none",
                http=BoundedHttp,
                ws=ChatSocket,
                ws_max_size=limits.FRAME_MAX_BYTES,
                ws_ping_interval=limits.PING_INTERVAL_S,
                ws_ping_timeout=limits.PING_TIMEOUT_S,
                ws_per_message_deflate=False,
                lifespan="off",
                log_config=None,
                # Below WARNING, uvicorn and websockets write addresses and whole frames to the log.
                log_level=logging.WARNING,
                access_log=False,
                proxy_headers=bool(trusted_proxies),
                forwarded_allow_ips=list(trusted_proxies),
                server_header=False,
                backlog=BACKLOG,
                timeout_keep_alive=_KEEP_ALIVE_S,
            )
        )
        self._application = application
        self.live = live
        """The certificate in use, if it speaks TLS."""
        self._trusted = [ipaddress.ip_network(network) for network in trusted_proxies]
        self._acceptor: TlsAcceptor | None = None
        self.accepting = asyncio.Event()
        """Set once connections are accepted."""
        self.stopping = asyncio.Event()
        """Set once the end has begun."""
        self.metrics_url: str | None = None
        """Where the metrics are, if they are wanted."""
        self.tick_s = _TICK_S
        """Seconds between two ticks."""
        self.ticked: Callable[[], None] = lambda: None
        """Called at each tick: the event loop turns."""

    def stop(self) -> None:
        """Begin the orderly end. Idempotent."""
        self._application.stop()
        self.should_exit = True
        self.stopping.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to the process, see `run`."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections."""
        live = self.live
        if live is None or sockets is None:
            await super().startup(sockets)
        else:
            await self.lifespan.startup()
            self.servers = []
            self._acceptor = TlsAcceptor(sockets, self._new_protocol, lambda: live.context, self._admit)
            self._acceptor.start()
            self.started = True
        self.accepting.set()

    def _new_protocol(self) -> asyncio.Protocol:
        return BoundedHttp(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

    def _admit(self, address: str) -> bool:
        """Whether an address may begin one more TLS connection; proxies bring many clients."""
        if self._trusted and self._is_proxy(address):
            return True
        try:
            self._application.limiter.take("handshake", address)
        except ChatError:
            return False
        return True

    def _is_proxy(self, address: str) -> bool:
        known = ipaddress.ip_network(address, strict=False)
        return any(known.version == network.version and known.overlaps(network) for network in self._trusted)

    async def main_loop(self) -> None:
        """Keep the Date header fresh until told to stop; how late each tick is tells how busy the event loop is."""
        clock = asyncio.get_running_loop().time
        watch = ClockWatch()
        while not await self.on_tick(0):
            due = clock() + self.tick_s
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.tick_s):
                    await self.stopping.wait()
            _lag.observe(max(0.0, clock() - due))
            if step := watch.look():
                _log.warning("the machine's clock was set by %.1f seconds", step)
            self.ticked()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, finish what is in hand, end every connection; takes less than ten seconds."""
        for server in self.servers:
            server.close()
        if self._acceptor is not None:
            self._acceptor.close()
        connections = self.server_state.connections
        for connection in list(connections):
            if not isinstance(connection, ChatSocket):
                connection.shutdown()  # at once if idle, else after its answer
        await self._application.websockets.drain(_DRAIN_S)
        # Peers answer the close frame; ending earlier would reset connections, and so lose the last acks. Nor was
        # anybody who is about to be greeted told to come later.
        await self._until_ended(_HANDSHAKE_S)
        if self._acceptor is not None:
            self._acceptor.abort()
        for connection in list(connections):
            connection.shutdown()
        await self._until_ended(_CLOSE_S)
        for connection in list(connections):
            connection.transport.abort()
        for task in list(self.server_state.tasks):
            task.cancel()
        await self._until_ended(_CLOSE_S)

    def _greets(self) -> bool:
        return self._acceptor is not None and self._acceptor.under_way()

    async def _until_ended(self, seconds: float) -> None:
        state = self.server_state
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while state.connections or state.tasks or self._greets():  # noqa: ASYNC110 - uvicorn's plain sets cannot be awaited
                    await asyncio.sleep(0.01)
