"""A real CA for tests: Debian's pebble, and the DNS server that comes with it."""

import asyncio
import contextlib
import json
import os
import shutil
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from tests.support.server import WAIT_S
from tests.support.tls import authority, trusting, write_pair

DOMAIN: Final = "chat.example.org"


def needs_pebble() -> pytest.MarkDecorator:
    """Without pebble these tests are left out, but never in continuous integration, which installs it."""
    missing = shutil.which("pebble") is None and not os.environ.get("CI")
    return pytest.mark.skipif(missing, reason="pebble is not installed")


@dataclass(frozen=True, slots=True)
class Pebble:
    """A CA that runs."""

    directory: str
    ca_file: Path
    """What its own address is trusted by."""
    management: str
    http_port: int
    """Where it asks servers, in place of port 80."""
    names: str
    """Where its DNS server is managed."""

    def settings(self, **others: Any) -> dict[str, Any]:
        """Settings of a server that gets its certificates here."""
        return {
            "domain": (DOMAIN,),
            "acme_agree_tos": True,
            "acme_email": "owner@example.org",
            "acme_directory": self.directory,
            "acme_ca_file": self.ca_file,
            "http_port": self.http_port,
            **others,
        }

    async def root(self) -> str:
        """What clients have to trust; PEM."""
        async with httpx.AsyncClient(verify=trusting()) as http:
            return (await http.get(f"{self.management}/roots/0")).text

    async def lead_to(self, address: str, *, ipv6: str = "") -> None:
        """From now on every name it asks for has this address of IPv4, and this one of IPv6; empty: none."""
        async with httpx.AsyncClient() as http:
            (await http.post(f"{self.names}/set-default-ipv4", json={"ip": address})).raise_for_status()
            (await http.post(f"{self.names}/set-default-ipv6", json={"ip": ipv6})).raise_for_status()

    async def fail_for(self, name: str, *, fails: bool = True) -> None:
        """Whether its DNS server fails for this name."""
        async with httpx.AsyncClient() as http:
            which = "set" if fails else "clear"
            (await http.post(f"{self.names}/{which}-servfail", json={"host": name})).raise_for_status()


@contextlib.asynccontextmanager
async def running_pebble(folder: Path, *names: str, http_port: int | None = None) -> AsyncIterator[Pebble]:
    """Every name it asks for has the address 127.0.0.1; it does check, and it does reject nonces now and then.

    `names` are those by which it is asked itself, if not those of this machine; `http_port` is where it asks servers.
    """
    folder.mkdir()
    certificate, key = write_pair(folder, *names)
    ca_file = folder / "authority.pem"
    ca_file.write_bytes(authority().cert_pem.bytes())
    api, management, free, tls, dns, dns_management = _free_ports(6)
    http = http_port or free
    config = {
        "listenAddress": f"127.0.0.1:{api}",
        "managementListenAddress": f"127.0.0.1:{management}",
        "certificate": str(certificate),
        "privateKey": str(key),
        "httpPort": http,
        "tlsPort": tls,
    }
    (folder / "config.json").write_text(json.dumps({"pebble": config}))
    resolver = ("pebble-challtestsrv", "-dns01", f"127.0.0.1:{dns}", "-management", f"127.0.0.1:{dns_management}")
    others = ("-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv6", "", "-defaultIPv4", "127.0.0.1")
    authority_itself = ("pebble", "-config", str(folder / "config.json"), "-dnsserver", f"127.0.0.1:{dns}")
    async with _program(folder, *resolver, *others), _program(folder, *authority_itself):
        for port in (dns_management, api, management):
            await _listening(port)
        names_at = f"http://127.0.0.1:{dns_management}"
        yield Pebble(f"https://127.0.0.1:{api}/dir", ca_file, f"https://127.0.0.1:{management}", http, names_at)


@contextlib.asynccontextmanager
async def refusing_orders(folder: Path, pebble: Pebble, kind: str, detail: str) -> AsyncIterator[str]:
    """A directory in front of this CA where orders are refused with a problem (RFC 8555 section 6.7); its URL."""
    folder.mkdir()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*write_pair(folder))
    ca = httpx.URL(pebble.directory)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                head, _, lines = (await reader.readuntil(b"\r\n\r\n")).decode().partition("\r\n")
                method, path, _ = head.split(" ")
                headers = dict(line.split(": ", 1) for line in lines.strip().split("\r\n"))
                body = await reader.readexactly(int(headers.get("Content-Length", 0)))
                async with httpx.AsyncClient(verify=trusting()) as http:
                    # With the Host that was asked, by which the CA names its addresses.
                    got = await http.request(method, ca.copy_with(path=path), headers=headers, content=body)
                given = {name: got.headers[name] for name in ("location", "replay-nonce") if name in got.headers}
                status, content = got.status_code, got.content
                given["content-type"] = got.headers.get("content-type", "")
                if path.startswith("/order-plz"):
                    problem = {"type": f"urn:ietf:params:acme:error:{kind}", "detail": detail, "status": 429}
                    status, given["content-type"] = 429, "application/problem+json"
                    content = json.dumps(problem).encode()
                lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
                writer.write(f"HTTP/1.1 {status} X\r\n{lines}content-length: {len(content)}\r\n\r\n".encode())
                writer.write(b"" if method == "HEAD" else content)

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/dir"


@contextlib.asynccontextmanager
async def _program(folder: Path, *command: str) -> AsyncIterator[None]:
    environment = {**os.environ, "PEBBLE_VA_NOSLEEP": "1", "GOMAXPROCS": "1"}
    with (folder / f"{command[0]}.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.kill()
        await process.wait()


def _free_ports(count: int) -> list[int]:
    """Programs that cannot take a free port themselves get one that was free just now."""
    with contextlib.ExitStack() as undo:
        sockets = [undo.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [sock.getsockname()[1] for sock in sockets]


async def _listening(port: int) -> None:
    async with asyncio.timeout(WAIT_S):
        while True:
            with contextlib.suppress(ConnectionRefusedError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.02)
