"""The sockets that the server listens on: its own, or such as a service manager or a predecessor hands over."""

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, field
from typing import Final

from chatserver.settings import Settings

BACKLOG: Final = 2048
EVERYWHERE: Final = "*"
"""The host that stands for all addresses of this machine, IPv4 and IPv6."""
_FIRST_FD: Final = 3
_NAMES: Final = ("main", "http", "metrics")
"""What inherited sockets are for, by name; one without any of these names is the main one."""


class CannotListenError(Exception):
    """The address cannot be listened on; the message says why and what to do."""


@dataclass
class Listeners:
    """Listening sockets by what they are for; whoever has them closes them."""

    main: list[socket.socket] = field(default_factory=list)
    """For clients."""
    http: list[socket.socket] = field(default_factory=list)
    """For what is asked without TLS while the main ones speak it."""
    metrics: list[socket.socket] = field(default_factory=list)

    def named(self) -> list[tuple[str, socket.socket]]:
        """All of them with their names."""
        return [(name, sock) for name in _NAMES for sock in getattr(self, name)]

    def duplicate(self) -> "Listeners":
        """The same sockets once more: they listen on while the first ones are closed."""
        return Listeners(**{name: [sock.dup() for sock in getattr(self, name)] for name in _NAMES})

    def close(self) -> None:
        """Close all. Idempotent."""
        for _, sock in self.named():
            sock.close()


@contextlib.contextmanager
def opened(settings: Settings, environ: MutableMapping[str, str] = os.environ) -> Iterator[Listeners]:
    """Inherited sockets, and own ones for what none was inherited. Raises `CannotListenError`."""
    with contextlib.closing(inherited(environ)) as listeners:
        listeners.main = listeners.main or listen_all(settings.host, settings.port)
        if settings.http_port is not None:
            listeners.http = listeners.http or listen_all(settings.host, settings.http_port)
        if settings.metrics_address:
            host, _, port = settings.metrics_address.rpartition(":")
            listeners.metrics = listeners.metrics or listen_all(host.strip("[]"), int(port))
        yield listeners


def listen_all(host: str, port: int) -> list[socket.socket]:
    """Listening sockets: one, or for the host `*` one of each family this machine has. Raises `CannotListenError`."""
    if host != EVERYWHERE:
        return [listen(host, port)]
    sockets: list[socket.socket] = []
    for address in ("0.0.0.0", "::"):  # noqa: S104 - asked for
        try:
            sockets.append(listen(address, port or (sockets[0].getsockname()[1] if sockets else 0)))
        except CannotListenError as error:
            cause = error.__cause__
            if not (isinstance(cause, OSError) and cause.errno in {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL}):
                for sock in sockets:
                    sock.close()
                raise
    if not sockets:
        raise CannotListenError(f"Cannot listen on port {port}: this machine has no Internet addresses.")
    return sockets


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises `CannotListenError`."""
    try:
        if not 0 <= port <= 65_535:  # some systems silently take the lower 16 bits
            raise OverflowError
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        sock = socket.create_server(address[:2], family=family, backlog=BACKLOG)
        _prepare(sock)
        return sock
    except (OSError, OverflowError) as error:
        raise CannotListenError(f"Cannot listen on {host} port {port}: {_reason(error)}") from error


def inherited(environ: MutableMapping[str, str]) -> Listeners:
    """Sockets that were opened before this program was started, see sd_listen_fds(3).

    They are told by LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES, which are removed. Raises `CannotListenError`.
    """
    count, pid = environ.pop("LISTEN_FDS", ""), environ.pop("LISTEN_PID", "")
    names = environ.pop("LISTEN_FDNAMES", "").split(":")
    listeners = Listeners()
    if not count.isdecimal() or pid != str(os.getpid()):
        return listeners
    for number in range(int(count)):
        name = names[number] if number < len(names) and names[number] in _NAMES else _NAMES[0]
        getattr(listeners, name).append(_inherit(_FIRST_FD + number))
    return listeners


def _inherit(descriptor: int) -> socket.socket:
    try:
        os.set_inheritable(descriptor, False)
        if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            raise OSError(errno.ENOTSOCK, "not a socket")
        sock = socket.socket(fileno=descriptor)
    except OSError as error:
        raise CannotListenError(
            f"File descriptor {descriptor}, which LISTEN_FDS announces, is no socket: {error.strerror}."
        ) from error
    fits = sock.family in {socket.AF_INET, socket.AF_INET6} and sock.type == socket.SOCK_STREAM
    if not fits or not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        raise CannotListenError(
            f"File descriptor {descriptor}, which LISTEN_FDS announces, does not listen for TCP. "
            "Use ListenStream=PORT in the socket unit, without Accept=yes."
        )
    sock.setblocking(False)
    _prepare(sock)
    return sock


def _prepare(sock: socket.socket) -> None:
    # Inherited by what is accepted: a head must not wait for its body, nor for the peer's delayed ACK.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def hand_over(listeners: Listeners, environ: MutableMapping[str, str], command: list[str]) -> None:
    """Become another program, which finds the sockets as `inherited` does. Does not return. Raises `OSError`."""
    named = listeners.named()
    # Out of the way first: the numbers they have to get may be those of others of them.
    away = [os.dup(sock.fileno()) for _, sock in named]
    while away and min(away) < _FIRST_FD + len(away):
        away = [os.dup(descriptor) for descriptor in away]
    for number, descriptor in enumerate(away):
        os.dup2(descriptor, _FIRST_FD + number, inheritable=True)
    told = {
        "LISTEN_FDS": str(len(named)),
        "LISTEN_PID": str(os.getpid()),  # it stays the same
        "LISTEN_FDNAMES": ":".join(name for name, _ in named),
    }
    os.execve(command[0], command, {**environ, **told})  # noqa: S606 - without a shell, on purpose


def url_of(sock: socket.socket, scheme: str = "http") -> str:
    """The URL at which a listening socket is reached."""
    host, port = sock.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _reason(error: OSError | OverflowError) -> str:
    if isinstance(error, socket.gaierror):
        return "the host name is not known here. Use an address of this machine, such as 127.0.0.1."
    if isinstance(error, OverflowError):
        return "a port is a number from 0 to 65535."
    if error.errno == errno.EADDRINUSE:
        return "another program listens there. Stop it, or choose another port (0 takes a free one)."
    if error.errno == errno.EADDRNOTAVAIL:
        return "this machine does not have that address. Use 127.0.0.1, or * for all addresses."
    if error.errno in {errno.EACCES, errno.EPERM}:
        return (
            "this user may not. Choose a port above 1023, or let systemd open the port (a socket unit, or "
            "AmbientCapabilities=CAP_NET_BIND_SERVICE)."
        )
    return f"{error.strerror or error}."
