"""Asks over the network, briefly: the server on this machine, and whoever answers under its name."""

import contextlib
import socket
import ssl
from typing import Final
from urllib.parse import urlsplit

import httpx

PATIENCE_S: Final = 5.0


def local_url(url: str) -> str:
    """The URL under which a server of this machine is reached that listens on all addresses."""
    for everywhere, here in (("//0.0.0.0", "//127.0.0.1"), ("//[::]", "//[::1]")):
        url = url.replace(everywhere, here)
    return url


def answer(url: str) -> httpx.Response:
    """The answer of a server of this machine, whatever its certificate says. Raises `httpx.TransportError`."""
    return httpx.get(url, timeout=PATIENCE_S, verify=False, trust_env=False)  # noqa: S501 - looked at by itself


def is_taken(host: str, port: int) -> bool:
    """Whether somebody accepts connections there."""
    host = {"*": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - looked for
    try:
        socket.create_connection((host, port), timeout=PATIENCE_S).close()
    except OSError:
        return False
    return True


def addresses_of(name: str) -> list[str]:
    """The addresses of a name. Raises `OSError`."""
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return sorted({str(each[4][0]) for each in found})


def is_here(address: str) -> bool:
    """Whether this machine has the address: only then a socket can be bound to it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.bind((address, 0))
        return True
    return False


def served_certificate(url: str, name: str) -> tuple[bytes, str]:
    """The certificate (DER) that a server shows to who asks for `name`, and why a client would not trust it, if so.

    Raises `OSError`.
    """
    parts = urlsplit(url)
    address = (parts.hostname or "", parts.port or 443)
    open_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    open_context.check_hostname, open_context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(address, timeout=PATIENCE_S) as sock,
        open_context.wrap_socket(sock, server_hostname=name) as connection,
    ):
        shown = connection.getpeercert(binary_form=True) or b""
    try:
        with (
            socket.create_connection(address, timeout=PATIENCE_S) as sock,
            ssl.create_default_context().wrap_socket(sock, server_hostname=name),
        ):
            return shown, ""
    except ssl.SSLCertVerificationError as error:
        return shown, error.verify_message
