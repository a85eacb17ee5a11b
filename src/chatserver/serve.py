"""Run the server: one listening socket, one event loop, and an orderly end."""

import asyncio
import contextlib
import errno
import logging
import resource
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from typing import Final

import uvicorn
import uvloop

from chatproto import limits
from chatserver import measures
from chatserver.app import Application, Timing, open_application
from chatserver.http.protocol import BoundedHttp
from chatserver.ops import log
from chatserver.ops.whereabouts import announced
from chatserver.settings import Settings
from chatserver.ws.socket import ChatSocket

_log = logging.getLogger("chatserver")

_DRAIN_S: Final = 4.0
"""Seconds for committing and acknowledging what is in hand, once the server is told to stop."""
_HANDSHAKE_S: Final = 2.0
"""Seconds after that for peers to answer the close frame."""
_CLOSE_S: Final = 1.0
"""Seconds after that for what is written to leave, before connections are cut. Together below ten."""
_BACKLOG: Final = 2048
_KEEP_ALIVE_S: Final = 30
"""Seconds an idle HTTP connection is kept: longer than clients do, so that they never send into its end."""
_TICK_S: Final = 1.0
_OPEN_FILES: Final = 65_536
"""Files, and so connections, to ask the system for; many systems start programs with 1,024."""


_lag = measures.histogram("chatserver_event_loop_lag_seconds", "How late the event loop comes to a task every second.")


class CannotListenError(Exception):
    """The address cannot be listened on; the message says why and what to do."""


class Server(uvicorn.Server):
    """uvicorn's server with an end that loses nothing: stop accepting, commit and acknowledge, then close with 1012."""

    def __init__(self, application: Application, trusted_proxies: Collection[str]) -> None:
        """Only what these addresses and networks say of forwarded clients is believed."""
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
                backlog=_BACKLOG,
                timeout_keep_alive=_KEEP_ALIVE_S,
            )
        )
        self._application = application
        self.accepting = asyncio.Event()
        """Set once connections are accepted."""
        self.stopping = asyncio.Event()
        """Set once the end has begun."""
        self.metrics_url: str | None = None
        """Where the metrics are, if they are wanted."""

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
        await super().startup(sockets)
        self.accepting.set()

    async def main_loop(self) -> None:
        """Keep the Date header fresh until told to stop; how late each tick is tells how busy the event loop is."""
        clock = asyncio.get_running_loop().time
        while not await self.on_tick(0):
            due = clock() + _TICK_S
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TICK_S):
                    await self.stopping.wait()
            _lag.observe(max(0.0, clock() - due))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, finish what is in hand, end every connection; takes less than ten seconds."""
        for server in self.servers:
            server.close()
        connections = self.server_state.connections
        for connection in list(connections):
            if not isinstance(connection, ChatSocket):
                connection.shutdown()  # at once if idle, else after its answer
        await self._application.websockets.drain(_DRAIN_S)
        # Peers answer the close frame; ending earlier would reset connections, and so lose the last acks.
        await self._until_ended(_HANDSHAKE_S)
        for connection in list(connections):
            connection.shutdown()
        await self._until_ended(_CLOSE_S)
        for connection in list(connections):
            connection.transport.abort()
        for task in list(self.server_state.tasks):
            task.cancel()
        await self._until_ended(_CLOSE_S)

    async def _until_ended(self, seconds: float) -> None:
        state = self.server_state
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while state.connections or state.tasks:  # noqa: ASYNC110 - uvicorn's plain sets cannot be awaited
                    await asyncio.sleep(0.01)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises `CannotListenError`."""
    try:
        if not 0 <= port <= 65_535:  # some systems silently take the lower 16 bits
            raise OverflowError
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        sock = socket.create_server(address[:2], family=family, backlog=_BACKLOG)
        # Inherited by what is accepted: a head must not wait for its body, nor for the peer's delayed ACK.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock
    except (OSError, OverflowError) as error:
        raise CannotListenError(f"Cannot listen on {host} port {port}: {_reason(error)}") from error


def url_of(sock: socket.socket) -> str:
    """The URL at which a listening socket is reached."""
    host, port = sock.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextlib.asynccontextmanager
async def serving(
    settings: Settings, sock: socket.socket, timing: Timing | None = None
) -> AsyncIterator[tuple[Server, Application]]:
    """A server that accepts connections on `sock` within the block, and ends in order after it.

    Raises `CannotListenError` for the address of the metrics, and what opening the store raises.
    """
    async with (
        open_application(settings, timing or Timing()) as application,
        _metrics(settings.metrics_address, application) as metrics_url,
    ):
        server = Server(application, settings.trusted_proxies)
        server.metrics_url = metrics_url
        running = asyncio.get_running_loop().create_task(server.serve(sockets=[sock]), name="server")
        try:
            await server.accepting.wait()
            yield server, application
        finally:
            server.stop()
            await running


@contextlib.asynccontextmanager
async def _metrics(address: str, application: Application) -> AsyncIterator[str | None]:
    if not address:
        yield None
        return
    from chatserver.ops.metrics import serving_metrics  # noqa: PLC0415 - most servers start without

    host, _, port = address.rpartition(":")
    with contextlib.closing(listen(host.strip("[]"), int(port))) as sock:
        async with serving_metrics(sock, application.gauges, application.readings.take):
            yield url_of(sock) + "/metrics"


def run(settings: Settings, reread: Callable[[], None]) -> int:
    """Serve until SIGTERM or SIGINT; prints the URL on stdout once it accepts connections. Returns the exit code.

    SIGUSR1 switches debug lines on and off. SIGHUP calls `reread`, unless this is a terminal's own process, which ends
    with its window. Raises `CannotListenError`, and what opening the store raises.
    """
    _allow_many_connections()
    with (
        contextlib.closing(listen(settings.host, settings.port)) as sock,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(_run(settings, sock, reread))
    return 0


def _allow_many_connections() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    if resource.RLIM_INFINITY != soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _run(settings: Settings, sock: socket.socket, reread: Callable[[], None]) -> None:
    url = url_of(sock)
    async with serving(settings, sock) as (server, _), contextlib.AsyncExitStack() as undo:
        undo.enter_context(announced(settings.data, url, server.metrics_url))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, server.stop)
        loop.add_signal_handler(signal.SIGUSR1, _toggle_debug, settings)
        if not sys.stdin.isatty():
            loop.add_signal_handler(signal.SIGHUP, reread)
        _log.info("serving", extra={"url": url, **({"metrics": server.metrics_url} if server.metrics_url else {})})
        sys.stdout.write(url + "\n")
        sys.stdout.flush()
        await server.stopping.wait()
        _log.info("stopping")


def _toggle_debug(settings: Settings) -> None:
    _log.warning("the log level is now %s", log.toggle_debug(settings.log_level))


def _reason(error: OSError | OverflowError) -> str:
    if isinstance(error, socket.gaierror):
        return "the host name is not known here. Use an address of this machine, such as 127.0.0.1."
    if isinstance(error, OverflowError):
        return "a port is a number from 0 to 65535."
    if error.errno == errno.EADDRINUSE:
        return "another program listens there. Stop it, or choose another port (0 takes a free one)."
    if error.errno == errno.EADDRNOTAVAIL:
        return "this machine does not have that address. Use 127.0.0.1, or 0.0.0.0 for all addresses."
    if error.errno in {errno.EACCES, errno.EPERM}:
        return "this user may not. Choose a port above 1023."
    return f"{error.strerror or error}."
