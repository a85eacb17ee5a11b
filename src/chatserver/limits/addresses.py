"""Under which key an internet address is counted."""

import ipaddress
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from chatserver import measures

UNIX_PEER: Final = "unix"
"""The key of a client without an address: it came through a socket in the file system."""
_NAME_MAX_CHARS: Final = 64


def client_key(scope: Mapping[str, Any]) -> str:
    """The key of the client of an ASGI scope, in which what proxies said has been judged already."""
    client = scope.get("client")
    return address_key(client[0]) if client else UNIX_PEER


@measures.cached("addresses")
@lru_cache(maxsize=4_096)
def address_key(host: str) -> str:
    """IPv4 by address, IPv6 by /64, which is what one subscriber gets, anything else as it is.

    An IPv4 address that is written as IPv6 (RFC 4291 section 2.5.5.2) is the same as without.
    """
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host[:_NAME_MAX_CHARS]
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address), 64), strict=False))
