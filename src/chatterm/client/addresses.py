"""Server addresses as people type them, made into one origin and its WebSocket address."""

import ipaddress
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from chatterm.client.errors import ClientError

_DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where a chat server is. `origin` has no path and no trailing slash, e.g. `https://chat.example.org:8443`."""

    origin: str
    exposed: bool
    """Plain HTTP to another machine: whoever is on the way can read the password and every message."""


def parse_server_address(text: str) -> ServerAddress:
    """Read `chat.example.org`, `localhost:8080` or a whole URL; https unless the host is this machine.

    Raises `ClientError` with `addressInvalid`.
    """
    text = text.strip()
    scheme, _, rest = text.partition("://") if "://" in text else ("", "", text)
    parts = _split(f"{scheme.lower() or 'any'}://{rest}", text)
    if scheme and scheme.lower() not in _DEFAULT_PORTS:
        raise _invalid(text, f"it starts with {scheme}://, not https://")
    if parts.username is not None or parts.password is not None:
        raise _invalid(text, "it holds a user name or password; leave them out")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise _invalid(text, "only the server itself is needed, nothing after its name and port")
    host = _host(parts, text)
    loopback = is_loopback(host)
    scheme = scheme.lower() or ("http" if loopback else "https")
    port = _port(parts, text)
    shown = f"[{host}]" if ":" in host else host
    origin = f"{scheme}://{shown}" + ("" if port in (None, _DEFAULT_PORTS[scheme]) else f":{port}")
    return ServerAddress(origin, exposed=scheme == "http" and not loopback)


def websocket_url(origin: str) -> str:
    """The address of the WebSocket of a server origin."""
    return "ws" + origin.removeprefix("http") + "/ws"


def is_loopback(host: str) -> bool:
    """Whether a host name or IP address certainly is this machine (RFC 6761 for `localhost`)."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _split(url: str, text: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError as error:
        raise _invalid(text, str(error)) from None


def _host(parts: SplitResult, text: str) -> str:
    host = (parts.hostname or "").rstrip(".")
    if not host or any(character.isspace() or not character.isprintable() for character in host):
        raise _invalid(text, "the name of the server is missing")
    if ":" in host:
        return host
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        raise _invalid(text, f"'{host}' is not the name of a machine") from None


def _port(parts: SplitResult, text: str) -> int | None:
    try:
        port = parts.port
    except ValueError:
        raise _invalid(text, "the port is not a number from 1 to 65535") from None
    if port == 0:
        raise _invalid(text, "the port is not a number from 1 to 65535")
    return port


def _invalid(text: str, why: str) -> ClientError:
    return ClientError(
        "addressInvalid",
        f"'{text}' is not a server address: {why}.",
        "Write it like chat.example.org or http://localhost:8080.",
    )
