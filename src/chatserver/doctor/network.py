"""Looks whether the server's names lead to this machine."""

from collections.abc import Iterator

import httpx
import msgspec

from chatproto.findings import Finding, bad, good
from chatproto.rest import Health
from chatserver.backends import inspect_store
from chatserver.doctor.reaching import PATIENCE_S, addresses_of, is_here
from chatserver.settings import Settings
from chatserver.store.interfaces.inspection import InspectionError


def check_names(settings: Settings) -> Iterator[Finding]:
    """Each name, and each of its addresses."""
    for name in settings.domain:
        try:
            addresses = addresses_of(name)
        except OSError as error:
            hint = f"Set an A record (and AAAA for IPv6) at your registrar; check: dig +short {name}"
            yield bad("name", f"{name} has no address: {error.strerror or error}.", hint)
            continue
        yield _leads_here(settings, name, addresses)


def _leads_here(settings: Settings, name: str, addresses: list[str]) -> Finding:
    strange = [address for address in addresses if not is_here(address)]
    if not strange:
        return good("name", f"{name} is {', '.join(addresses)}, which this machine has.")
    others = [address for address in strange if not _is_ours(settings, address)]
    if not others:
        return good("name", f"{name} is {', '.join(addresses)}, where this server answers.")
    hint = f"Correct its records if these are not this machine's; check: dig +short {name} A; dig +short {name} AAAA"
    message = (
        f"{name} is also {', '.join(others)}" if len(others) < len(addresses) else f"{name} is {', '.join(others)}"
    )
    message += ", which this machine does not have, and where this server does not answer."
    if len(others) < len(addresses):
        return bad("name", message, hint)
    return bad("name", message, f"{hint}. Behind a router, some routers do not let a machine reach itself.")


def _is_ours(settings: Settings, address: str) -> bool:
    """Whether the server that answers there has our database: addresses may be translated on the way."""
    host = f"[{address}]" if ":" in address else address
    try:
        with inspect_store(settings.data) as inspector:
            epoch = inspector.epoch()
        answered = httpx.get(
            f"https://{host}/healthz",
            timeout=PATIENCE_S,
            verify=False,  # noqa: S501 - it tells who it is by the epoch, and gets nothing from us
            trust_env=False,
            headers={"Host": settings.domain[0]},
        )
        return msgspec.json.decode(answered.content, type=Health).epoch == epoch
    except (InspectionError, httpx.HTTPError, msgspec.MsgspecError):
        return False
