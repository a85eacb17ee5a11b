"""Where readings come from: the address of a server, and asking it once."""

import ipaddress
import ssl
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import certifi
import httpx
import msgspec

from chatserver.ops import whereabouts
from chatserver.ops.reading import FORMAT, Reading
from chatserver.settings import Settings

TIMEOUT_S: Final = 3.0
_ANSWER_MAX: Final = 4 * 1_048_576
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class SourceError(Exception):
    """No reading; the text says why and what to do."""


class AddressError(ValueError):
    """What was given is no address of a server."""


class Source:
    """Asks one server. Its owner closes it."""

    def __init__(self, url: str) -> None:
        """`url` is from `address` or `local_address`."""
        self.url = url
        self._http = httpx.AsyncClient(timeout=TIMEOUT_S, verify=_trust(url), trust_env=False)

    async def read(self) -> Reading:
        """A reading. Raises `SourceError`."""
        try:
            async with self._http.stream("GET", f"{self.url}/metrics.json") as answer:
                content = await _bounded(answer)
                status = answer.status_code
        except httpx.TimeoutException:
            raise SourceError(f"no answer within {TIMEOUT_S:g} seconds") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise SourceError(_reason(error)) from None
        if status != httpx.codes.OK:
            raise SourceError(_refusal(status))
        try:
            reading = msgspec.json.decode(content, type=Reading)
        except msgspec.DecodeError:
            raise SourceError("what answers there is no chatserver, or one of another version") from None
        if reading.format > FORMAT:
            raise SourceError(f"the server is newer ({reading.version}): upgrade chatserver here")
        return reading

    async def close(self) -> None:
        """End its connections."""
        await self._http.aclose()


def address(text: str) -> str:
    """The address of a server from what a person gives: `host:port`, or a URL with or without `/metrics`.

    Raises `AddressError`.
    """
    parts = urlsplit(text if "://" in text else f"http://{text}")
    try:
        port = parts.port
    except ValueError:
        raise AddressError(f"{text!r} has no port from 0 to 65535") from None
    path = parts.path.removesuffix("/").removesuffix(".json").removesuffix("/metrics")
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or path or parts.query or parts.username:
        raise AddressError(f"{text!r} is no address: give http://HOST:PORT, for example http://127.0.0.1:9465")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}:{port or _DEFAULT_PORTS[parts.scheme]}"


def local_address(settings: Settings) -> str:
    """The address of this machine's server: what it wrote down itself, else what the settings say."""
    here = whereabouts.find(Path(settings.data))
    if here is not None:
        return _reachable(here.metrics or here.url)
    if settings.metrics_address:
        return _reachable(f"http://{settings.metrics_address}")
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return _reachable(f"http://{host}:{settings.port}")


def _reachable(url: str) -> str:
    """A server that listens on all addresses is asked on the loopback interface."""
    url = url.replace("://0.0.0.0:", "://127.0.0.1:").replace("://[::]:", "://[::1]:")
    return address(url)


def _trust(url: str) -> ssl.SSLContext | bool:
    """Whom to believe: the system's authorities (or those of SSL_CERT_FILE) and certifi's; some systems bring none."""
    parts = urlsplit(url)
    if parts.scheme != "https" or _is_loopback(parts.hostname or ""):
        # Over the loopback interface a certificate cannot be for the name that is used, and nobody is between.
        return False
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _bounded(answer: httpx.Response) -> bytes:
    content = bytearray()
    async for part in answer.aiter_bytes():
        content += part
        if len(content) > _ANSWER_MAX:
            raise SourceError("what answers there sends more than a chatserver does")
    return bytes(content)


def _reason(error: Exception) -> str:
    text = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return (
            "its certificate cannot be trusted; use the name that it is for, or SSL_CERT_FILE for an authority of yours"
        )
    if "refused" in text or "All connection attempts failed" in text:
        return "nobody listens there; is the server running?"
    if "Name or service not known" in text or "nodename nor servname" in text:
        return "there is no machine of this name"
    return text or type(error).__name__


def _refusal(status: int) -> str:
    if status == httpx.codes.NOT_FOUND:
        return (
            "it does not give its metrics to this machine, or not at this address; "
            "see the settings metrics_address and metrics_networks"
        )
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return "it is asked too often from here; choose a longer interval"
    if status == httpx.codes.BAD_REQUEST:
        return "it does not take the question; where the server has a certificate, the address begins with https://"
    return f"it answers with status {status}"
