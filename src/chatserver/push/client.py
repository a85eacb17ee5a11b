"""The HTTP client for push services: checked addresses, no redirects, no proxies, bounded answers and time."""

import ssl
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

import httpcore

from chatserver.push.addresses import AddressPolicy, CheckedNetwork

_TIMEOUT_S: Final = 15.0
_ANSWER_MAX_BYTES: Final = 65_536
_CONNECTIONS: Final = 16


@dataclass(frozen=True, slots=True)
class Answer:
    """What a push service said. `retry_after` is in seconds."""

    status: int
    retry_after: float | None = None


class PushClient:
    """Posts encrypted messages; its owner closes it."""

    def __init__(self, policy: AddressPolicy, ca_file: Path | None) -> None:
        """Raises `OSError` (`ssl.SSLError` among them) if `ca_file` cannot be used."""
        self._policy = policy
        self._context = None if ca_file is None else _trusting(ca_file)
        self._opened: httpcore.AsyncConnectionPool | None = None

    @property
    def _pool(self) -> httpcore.AsyncConnectionPool:
        """Made for the first message: reading all the authorities a system trusts would slow every start."""
        if self._opened is None:
            self._opened = httpcore.AsyncConnectionPool(
                ssl_context=self._context or ssl.create_default_context(),
                max_connections=_CONNECTIONS,
                max_keepalive_connections=_CONNECTIONS,
                keepalive_expiry=30.0,
                network_backend=CheckedNetwork(self._policy),
            )
        return self._opened

    async def post(self, endpoint: str, body: bytes, headers: dict[str, str], now_s: float) -> Answer:
        """Post and read the answer's status. Raises `OSError` when there was no answer to read."""
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), _TIMEOUT_S)
        try:
            async with self._pool.stream(
                "POST",
                endpoint,
                headers=[(name.encode(), value.encode()) for name, value in headers.items()],
                content=body,
                extensions={"timeout": timeouts},
            ) as response:
                await _drain(response)
                return Answer(response.status, _retry_after(response, now_s))
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
            raise OSError(str(error) or type(error).__name__) from error

    async def close(self) -> None:
        """Close all connections."""
        if self._opened is not None:
            await self._opened.aclose()


def _trusting(ca_file: Path) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.load_verify_locations(ca_file)
    return context


async def _drain(response: httpcore.Response) -> None:
    """Read a short answer so that its connection can be used again; leave a long one, which closes it."""
    size = 0
    async for part in response.aiter_stream():
        size += len(part)
        if size > _ANSWER_MAX_BYTES:
            return


def _retry_after(response: httpcore.Response, now_s: float) -> float | None:
    """RFC 9110 section 10.2.3: seconds or a date."""
    for name, value in response.headers:
        if name.lower() == b"retry-after":
            text = value.decode("latin-1").strip()
            if text.isascii() and text.isdecimal():
                return min(float(text[:9]), 86_400.0)
            try:
                return max(0.0, parsedate_to_datetime(text).timestamp() - now_s)
            except ValueError:
                return None
    return None
