"""Run the server: listening sockets, one event loop, signals, and what the service manager is told."""

import asyncio
import contextlib
import logging
import resource
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

import uvloop

from chatserver.app import Application, Timing, open_application
from chatserver.backup.schedule import scheduled_backups
from chatserver.listening import Listeners, opened, url_of
from chatserver.ops import log
from chatserver.ops.manager import ServiceManager
from chatserver.ops.whereabouts import announced
from chatserver.server import Server
from chatserver.settings import Settings
from chatserver.tls.room import gauges, open_tls

_log = logging.getLogger("chatserver")

_OPEN_FILES: Final = 65_536
"""Files, and so connections, to ask the system for; many systems start programs with 1,024."""
_STATUS_S: Final = 10.0
"""Least seconds between two status lines for the service manager."""

_CERTIFICATE_S: Final = 300.0
"""Seconds that the first certificate may take; managers expect services to be ready sooner."""

Reread = Callable[[], bool]
"""Reads the settings again and takes over what can change without a restart; whether they could be used."""


@contextlib.asynccontextmanager
async def serving(
    settings: Settings, listeners: Listeners, timing: Timing | None = None
) -> AsyncIterator[tuple[Server, Application]]:
    """A server that accepts connections within the block, and ends in order after it.

    Raises what opening the store raises, and with TLS `CertificateError`.
    """
    async with (
        open_application(settings, timing or Timing()) as application,
        _metrics(listeners.metrics, application) as metrics_url,
        open_tls(settings, listeners) as live,
    ):
        server = Server(application, settings.trusted_proxies, live)
        server.metrics_url = metrics_url
        if live is not None:
            application.gauges += gauges(live)
            application.health.add("certificate", live.judge)
        running = asyncio.get_running_loop().create_task(server.serve(sockets=listeners.main), name="server")
        try:
            await server.accepting.wait()
            yield server, application
        finally:
            server.stop()
            await running


@contextlib.asynccontextmanager
async def _metrics(sockets: list[socket.socket], application: Application) -> AsyncIterator[str | None]:
    if not sockets:
        yield None
        return
    from chatserver.ops.metrics import serving_metrics  # noqa: PLC0415 - most servers start without

    async with serving_metrics(sockets, application.gauges, application.survey.refresh, application.readings.take):
        yield url_of(sockets[0]) + "/metrics"


def run(settings: Settings, reread: Reread, config_file: Path | None = None) -> Listeners | None:
    """Serve until told to stop; prints the URL on stdout once it accepts connections. `config_file` is for backups.

    SIGTERM and SIGINT stop it. SIGUSR1 switches debug lines on and off. SIGHUP calls `reread`, unless this is a
    terminal's own process, which ends with its window. SIGUSR2 stops it too, if `reread` finds the settings usable,
    and what is returned are the sockets for its successor: nobody who connects meanwhile is refused.
    Raises `CannotListenError`, `CertificateError`, and what opening the store raises.
    """
    _allow_many_connections()
    with opened(settings) as listeners, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_Process(settings, listeners, reread, config_file).run())


def _allow_many_connections() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    if resource.RLIM_INFINITY != soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _url(settings: Settings, sock: socket.socket) -> str:
    """Where clients find the server, as far as it can know."""
    if not settings.domain:
        return url_of(sock, "https" if settings.tls else "http")
    port = sock.getsockname()[1]
    return f"https://{settings.domain[0]}" + ("" if port == 443 else f":{port}")


class _Process:
    """The server as a process: its signals, and its service manager."""

    def __init__(self, settings: Settings, listeners: Listeners, reread: Reread, config_file: Path | None) -> None:
        self._settings = settings
        self._config_file = config_file
        self._listeners = listeners
        self._reread = reread
        self._manager = ServiceManager()
        self._for_successor: Listeners | None = None
        self._status_at = 0.0
        self._url = _url(settings, listeners.main[0])

    async def run(self) -> Listeners | None:
        """Serve to the end; returns the sockets for a successor, if one is to follow."""
        if self._settings.domain:
            self._manager.starting("Starting, perhaps waiting for a certificate", _CERTIFICATE_S)
        async with (
            serving(self._settings, self._listeners) as (server, application),
            contextlib.AsyncExitStack() as undo,
        ):
            await undo.enter_async_context(scheduled_backups(self._settings, self._config_file, application.gauges))
            undo.enter_context(announced(self._settings.data, self._url, server.metrics_url))
            self._watch(server, application)
            self._handle_signals(server)
            url = self._url
            _log.info("serving", extra={"url": url, **({"metrics": server.metrics_url} if server.metrics_url else {})})
            sys.stdout.write(url + "\n")
            sys.stdout.flush()
            self._manager.ready(self._status(application))
            await server.stopping.wait()
            _log.info("stopping")
            if self._for_successor is None:
                self._manager.stopping()
        return self._for_successor

    def _watch(self, server: Server, application: Application) -> None:
        server.tick_s = min(server.tick_s, self._manager.watchdog_s or server.tick_s)

        def tick() -> None:
            self._manager.alive()
            if time.monotonic() - self._status_at >= _STATUS_S and not server.should_exit:
                self._manager.status(self._status(application))

        server.ticked = tick

    def _status(self, application: Application) -> str:
        self._status_at = time.monotonic()
        hub = application.hub
        return f"Serving {self._url}: {hub.user_count} users with {hub.session_count} sessions"

    def _handle_signals(self, server: Server) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, server.stop)
        loop.add_signal_handler(signal.SIGUSR1, self._toggle_debug)
        loop.add_signal_handler(signal.SIGUSR2, self._restart, server)
        if not sys.stdin.isatty():
            loop.add_signal_handler(signal.SIGHUP, self._reload, server)

    def _reload(self, server: Server) -> None:
        self._manager.reloading()
        self._reread()
        if server.live is not None:
            server.live.reload()
        self._manager.ready(f"Serving {self._url}")

    def _restart(self, server: Server) -> None:
        """Let a successor of this process go on, unless it could not even read its settings."""
        if server.should_exit:
            return
        if not self._reread():
            _log.error("no restart: the settings could not be used")
            return
        self._manager.reloading()
        self._for_successor = self._listeners.duplicate()
        server.stop()

    def _toggle_debug(self) -> None:
        _log.warning("the log level is now %s", log.toggle_debug(self._settings.log_level))
