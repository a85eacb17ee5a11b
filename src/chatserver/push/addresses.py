"""Which addresses the server may connect to on a user's behalf: public ones, and the networks its owner allows.

A user chooses the endpoint, so without this a push could reach what only the server can (SSRF). The name is
resolved at each connection, every address of it is checked, and the connection goes to a checked address:
a name that changes its mind between check and connection gains nothing.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import httpcore

from chatproto.errors import ChatError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host, as text. Raises `OSError`."""

_CARRIES_IPV4: Final = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")))
"""NAT64, 6to4 and Teredo: what lies behind such an address is another one."""
_RESOLVE_TIMEOUT_S: Final = 10.0


class RefusedAddressError(OSError):
    """A host has an address that must not be connected to."""


async def resolve(host: str, port: int) -> list[str]:
    """Ask the system's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


class AddressPolicy:
    """Decides about endpoints and addresses."""

    def __init__(self, allowed_networks: Iterable[Network] = (), resolver: Resolver = resolve) -> None:
        self._allowed = tuple(allowed_networks)
        self._resolve = resolver

    async def check_endpoint(self, endpoint: str) -> None:
        """Raises `ChatError` with `pushEndpointRefused` unless it is an https URL of a host that may be reached now."""
        host, port = _host_of(endpoint)
        try:
            await self.addresses(host, port)
        except RefusedAddressError:
            raise ChatError("pushEndpointRefused", "It leads to an address that is not public.") from None
        except (OSError, UnicodeError, TimeoutError):
            raise ChatError("pushEndpointRefused", "Its host cannot be found.") from None

    async def addresses(self, host: str, port: int) -> list[str]:
        """The addresses of a host. Raises `OSError` if it has none, or one that must not be connected to."""
        async with asyncio.timeout(_RESOLVE_TIMEOUT_S):
            found = await self._resolve(host, port)
        if not found:
            raise OSError("the host has no address")
        if not all(self._permits(ipaddress.ip_address(text.partition("%")[0])) for text in found):
            raise RefusedAddressError("the host has an address that is not public")
        return list(found)

    def _permits(self, address: Address) -> bool:
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        if any(address in network for network in self._allowed):
            return True
        if isinstance(address, ipaddress.IPv6Address) and any(address in network for network in _CARRIES_IPV4):
            return False
        return address.is_global and not address.is_multicast


class CheckedNetwork(httpcore.AsyncNetworkBackend):
    """Connections that only go to addresses the policy has checked at that moment."""

    def __init__(self, policy: AddressPolicy) -> None:
        self._policy = policy
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the base class's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address that answers; the certificate is checked against the name by the caller."""
        problem: Exception = httpcore.ConnectError("the host has no address")
        try:
            addresses = await self._policy.addresses(host, port)
        except (OSError, UnicodeError, TimeoutError) as error:
            raise httpcore.ConnectError(str(error)) from error
        for address in addresses:
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                problem = error
        raise problem

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - the base class's signature
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Never: no endpoint is a file."""
        raise httpcore.ConnectError("an endpoint is no file")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._network.sleep(seconds)


def _host_of(endpoint: str) -> tuple[str, int]:
    try:
        parts = urlsplit(endpoint)
        host, port = parts.hostname, parts.port or 443
    except ValueError:
        host, port, parts = None, 0, urlsplit("")
    plain = endpoint.isascii() and endpoint.isprintable() and " " not in endpoint
    if not host or not plain or parts.scheme != "https" or parts.username is not None or parts.password is not None:
        raise ChatError("pushEndpointRefused")
    return host, port
