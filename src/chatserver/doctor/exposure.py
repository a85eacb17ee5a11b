"""Looks at what the settings let others do: registration, limits, proxies, metrics."""

import ipaddress
from collections.abc import Iterable, Iterator
from typing import Final

from chatproto.findings import Finding, bad, good, notice
from chatserver.config import is_loopback
from chatserver.settings import Settings

_WIDE: Final = {4: 8, 6: 16}
"""Networks with a shorter prefix than this are half of the world, by version of IP."""


def check_policies(settings: Settings) -> Iterator[Finding]:
    """Who may register, whether rates are limited, who is believed, and who may read the metrics."""
    yield _registration(settings)
    if settings.limits_enabled:
        yield good("limits", "Rates are limited.")
    else:
        yield bad("limits", "Rates are not limited: anybody can keep the server busy.", "Remove 'limits_enabled'.")
    yield _proxies(settings)
    yield _metrics(settings)


def _registration(settings: Settings) -> Finding:
    if settings.registration != "open":
        who = "Nobody but you" if settings.registration == "closed" else "Whoever has an invitation"
        return good("registration", f"{who} can make accounts.")
    if not settings.smtp_host:
        hint = 'Set registration = "invite", or smtp_host and smtp_from, so that people can replace a lost password.'
        return notice("registration", "Everybody can make accounts, and the server cannot send mail.", hint)
    return notice("registration", "Everybody can make accounts.", 'If that is not meant: registration = "invite".')


def _proxies(settings: Settings) -> Finding:
    wide = _wide(settings.trusted_proxies)
    if wide:
        return bad(
            "proxies",
            f"'trusted_proxies' has {wide}: anybody can claim to be any address, and so escape its limits.",
            'Name the proxy alone, such as trusted_proxies = ["127.0.0.1"].',
        )
    if not settings.trusted_proxies and not settings.tls and is_loopback(settings.host):
        return notice(
            "proxies",
            "Without 'trusted_proxies' all clients of a proxy in front are one address, with one address's limits.",
            'With a proxy on this machine: trusted_proxies = ["127.0.0.1"]; without one there is nothing to do.',
        )
    return good("proxies", "X-Forwarded-For is believed from nobody else than it should be.")


def _metrics(settings: Settings) -> Finding:
    if settings.metrics_address:
        host = settings.metrics_address.rpartition(":")[0].strip("[]")
        if is_loopback(host) or _is_private(host):
            return good("metrics", f"They are at {settings.metrics_address} alone.")
        hint = 'Set metrics_address = "127.0.0.1:9465", or an address of a private network.'
        return bad("metrics", f"Everybody who reaches {settings.metrics_address} can read them.", hint)
    wide = _wide(settings.metrics_networks)
    if wide:
        hint = "Name the machines that shall read them; by default only this one may."
        return bad("metrics", f"'metrics_networks' has {wide}: almost everybody can read them.", hint)
    return good("metrics", f"At /metrics, for {', '.join(settings.metrics_networks) or 'nobody'}.")


def _wide(networks: Iterable[str]) -> str:
    for text in networks:
        network = ipaddress.ip_network(text)
        if network.prefixlen < _WIDE[network.version]:
            return text
    return ""


def _is_private(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_private and not address.is_unspecified
