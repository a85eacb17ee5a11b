"""Looks at the way to an account's server: name, certificate, answer, clock, session and WebSocket greeting."""

import asyncio
import datetime
import email.utils
import socket
import ssl
import time
from collections.abc import AsyncIterator
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from chatproto import PROTOCOL_VERSION
from chatproto.findings import Finding, bad, good, notice
from chatproto.frames import Hello
from chatterm.client import failures
from chatterm.client.addresses import is_loopback
from chatterm.client.api import tls_context
from chatterm.client.asking import asking
from chatterm.client.closing import ConnectionEndedError
from chatterm.client.connection import Connection, Timing
from chatterm.client.errors import ClientError
from chatterm.client.model import Account

_CLOCK_S: Final = 60.0
_EXPIRES_DAYS: Final = 14


async def check_server(account: Account, patience: float) -> AsyncIterator[Finding]:
    """One after the other, until one makes the next ones pointless; each within `patience` seconds."""
    url, key = urlsplit(account.server_url), account.key
    host, port = url.hostname or "", url.port or (443 if url.scheme == "https" else 80)
    try:
        async with asyncio.timeout(patience):
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        yield good("name", f"{host} is {', '.join(sorted({str(each[4][0]) for each in found}))}.", key)
    except (OSError, TimeoutError) as error:
        yield _failed("name", failures.unreachable(account.server_url, error), key)
        return
    if url.scheme == "https":
        yield await _certificate(account, host, port, patience)
    elif not is_loopback(host):
        yield notice("encryption", "There is none: others on the way can read along.", "Use https.", key)
    answered = [finding async for finding in _answer(account, patience)]
    for finding in answered:
        yield finding
    if any(finding.check == "server" and finding.state == "bad" for finding in answered):
        return
    async for finding in _session(account, patience):
        yield finding


async def _certificate(account: Account, host: str, port: int, patience: float) -> Finding:
    try:
        async with asyncio.timeout(patience):
            _, writer = await asyncio.open_connection(host, port, ssl=tls_context())
        peer: Any = writer.get_extra_info("ssl_object").getpeercert()
        writer.close()
    except (OSError, TimeoutError) as error:
        return _failed("certificate", failures.unreachable(account.server_url, error), account.key)
    left = (ssl.cert_time_to_seconds(peer["notAfter"]) - time.time()) / 86_400
    issuer = ", ".join(value for part in peer.get("issuer", ()) for name, value in part if name == "organizationName")
    told = f"Valid for {left:.0f} more days" + (f", from {issuer}." if issuer else ".")
    if left < _EXPIRES_DAYS:
        return notice("certificate", told, "Tell the server's owner to renew it.", account.key)
    return good("certificate", told, account.key)


async def _answer(account: Account, patience: float) -> AsyncIterator[Finding]:
    """Whether a chat server answers, which, and how its clock differs from this machine's."""
    origin, key = account.server_url, account.key
    plain = origin.startswith("http:")
    began = time.monotonic()
    try:
        async with httpx.AsyncClient(
            verify=False if plain else tls_context(),
            timeout=patience,
            trust_env=not is_loopback(urlsplit(origin).hostname or ""),
        ) as client:
            response = await client.get(f"{origin}/healthz")
        took = (time.monotonic() - began) * 1_000
        health = response.json()
        number, protocol = str(health["version"]), int(health["protocol"])
    except (httpx.HTTPError, OSError) as error:
        yield _failed("server", failures.unreachable(origin, error), key)
        return
    except (ValueError, KeyError, TypeError):
        yield _failed("server", failures.not_a_chat_server(origin, "it answers with something else"), key)
        return
    if protocol != PROTOCOL_VERSION:
        yield bad(
            "server",
            f"It speaks version {protocol} of the protocol, chatterm version {PROTOCOL_VERSION}.",
            "Update the older one of both.",
            key,
        )
        return
    yield good("server", f"chatserver {number} answers in {took:.0f} ms.", key)
    sent = email.utils.parsedate_to_datetime(response.headers["date"]) if "date" in response.headers else None
    if sent is not None:
        yield _clock(sent, key)


def _clock(sent: datetime.datetime, key: str) -> Finding:
    ahead = time.time() - sent.timestamp()
    if abs(ahead) > _CLOCK_S:
        way = "ahead of" if ahead > 0 else "behind"
        return bad(
            "clock",
            f"This machine's clock is {abs(ahead):,.0f} s {way} the server's.",
            "Set it by the network (NTP): sign-in and certificates depend on it.",
            key,
        )
    return good("clock", "It agrees with the server's.", key)


async def _session(account: Account, patience: float) -> AsyncIterator[Finding]:
    """Whether the session is valid, and whether the WebSocket greets it."""
    key = account.key
    try:
        async with asyncio.timeout(patience), asking(account) as (api, tokens):
            user = await tokens.call(api.me)
            yield good("session", f"Signed in as {user.display_name}.", key)
            token = await tokens.current()
            tls = tls_context() if account.server_url.startswith("https:") else None
            hello = Hello(token=token, client="chatterm doctor", epoch="", useq=0, cursors=[])
            connection, _ = await Connection.open(account.server_url, hello, Timing(open_timeout=patience), tls)
            await connection.close()
            yield good("connection", "The WebSocket greets.", key)
    except (ClientError, ConnectionEndedError) as error:
        yield _failed("session", error, key)
    except TimeoutError:
        yield _failed("session", failures.timed_out(account.server_url), key)


def _failed(check: str, error: ClientError | ConnectionEndedError, key: str) -> Finding:
    info = error.info()
    return bad(check, info.message, info.hint, key)
