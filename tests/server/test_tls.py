"""TLS with a certificate from files: what is served, what is refused, renewals, and what scanners send."""

import asyncio
import contextlib
import logging
import re
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization

from chatproto.errors import CloseCode
from chatserver import measures
from chatserver.config import ConfigError, load
from chatserver.settings import Settings
from chatserver.tls.acceptor import TlsAcceptor
from chatserver.tls.certificate import CertificateError, PairFiles, certificate_in_use, read
from chatserver.tls.live import LiveCertificate
from chatserver.ws.socket import ChatSocket
from tests.support.homes import run_command
from tests.support.server import SILENT, WAIT_S, RunningServer, running_server
from tests.support.tls import trusting, write_pair


@contextlib.asynccontextmanager
async def tls_server(folder: Path, **settings: Any) -> AsyncIterator[RunningServer]:
    """A server with a certificate for 127.0.0.1 and localhost."""
    certificate, key = write_pair(folder)
    async with running_server(folder / "data", SILENT, tls_certificate=certificate, tls_key=key, **settings) as server:
        yield server


def count(outcome: str, name: str = "chatserver_tls_handshakes") -> int:
    (found,) = (measure for measure in measures.everything() if measure.name == name)
    assert isinstance(found, measures.Counter)
    return int(found.by_labels.get((outcome,), 0))


async def raw(server: RunningServer, data: bytes) -> bytes:
    """What comes back for these bytes, until the server ends the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
    writer.write(data)
    try:
        async with asyncio.timeout(WAIT_S):
            return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


def port_of(server: RunningServer) -> int:
    return (
        int(server.listeners.main[0].getsockname()[1]) if server.listeners.main else int(server.url.rpartition(":")[2])
    )


def serial(server: RunningServer) -> int:
    """Which certificate a new connection is shown."""
    with (
        socket.create_connection(("127.0.0.1", port_of(server)), timeout=WAIT_S) as plain,
        trusting().wrap_socket(plain, server_hostname="localhost") as sock,
    ):
        return int(sock.getpeercert()["serialNumber"], 16)  # type: ignore[index, arg-type] # it is always there


async def test_one_port_serves_https_and_wss(tmp_path: Path) -> None:
    """With HSTS, HTTP/1.1 by ALPN, and frames of any size in both directions."""
    async with tls_server(tmp_path) as server:
        answer = await server.http.get("/healthz")
        assert answer.headers["strict-transport-security"].startswith("max-age=")
        assert answer.extensions["network_stream"].get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
        anna, ben = await server.person("Anna"), await server.person("Ben")
        chat = await anna.direct(ben)
        async with anna.socket() as socket_a, ben.socket() as socket_b:
            text = "x" * 8_000
            for _ in range(10):
                assert (await socket_a.say(chat, text)).error is None
            del socket_b
        page = (await ben.http.get(f"/chats/{chat.id}/messages")).json()
        assert [message["text"] for message in page["messages"]] == [text] * 10
        ready = (await server.http.get("/readyz")).json()
        assert {"name": "certificate", "ok": True} in ready["checks"]
        metrics = (await server.http.get("/metrics")).text
        expiry = certificate_in_use(
            Settings(data=tmp_path, tls_certificate=tmp_path / "server.pem", tls_key=tmp_path / "server.key")
        )
        assert expiry is not None
        told = re.search(r"^chatserver_certificate_expiry_timestamp_seconds (\S+)$", metrics, re.MULTILINE)
        assert told is not None
        assert float(told[1]) == expiry.not_after


async def test_a_renewed_certificate_is_taken_and_no_session_dropped(tmp_path: Path) -> None:
    """A broken one is refused, loudly, and what was there before stays in use."""
    async with tls_server(tmp_path) as server:
        live = server.server.live
        assert live is not None
        anna = await server.person("Anna")
        async with anna.socket() as session:
            first = await asyncio.to_thread(serial, server)
            write_pair(tmp_path)
            assert live.reload()
            second = await asyncio.to_thread(serial, server)
            assert second != first
            before = count("refused", "chatserver_certificate_reloads")
            (tmp_path / "server.pem").write_text("-----BEGIN CERTIFICATE-----\nhalf of i")
            assert not live.reload()
            assert await asyncio.to_thread(serial, server) == second
            assert count("refused", "chatserver_certificate_reloads") == before + 1
            chat = await server.application.store.open_direct(anna.id, anna.id)
            assert (await session.say(chat, "still here")).error is None


async def test_changed_files_are_noticed_once_they_are_still(tmp_path: Path) -> None:
    """Not while they are written, and each state of them once."""
    certificate, key = write_pair(tmp_path)
    live = LiveCertificate(PairFiles(certificate, key), look_s=0.005)
    watching = asyncio.create_task(live.watch())
    first = live.context
    write_pair(tmp_path)
    async with asyncio.timeout(WAIT_S):
        while live.context is first:
            await asyncio.sleep(0.001)
    watching.cancel()
    now = live.context
    live._look()
    live._look()
    assert live.context is now


def test_an_expired_certificate_is_told_and_makes_the_server_not_ready(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It serves on, as a renewal may come at any moment; it never passes silently."""
    files = PairFiles(*write_pair(tmp_path, days=-1))
    live = LiveCertificate(files)
    assert "expired on" in caplog.text
    assert "expired" in asyncio.run(live.judge())
    write_pair(tmp_path, days=5)
    caplog.clear()
    assert live.reload()
    assert "nothing has renewed it" in caplog.text
    write_pair(tmp_path, days=5, ago=-1)
    assert live.reload()
    assert "not valid yet" in caplog.text
    files.key.chmod(0o644)
    assert live.reload()
    assert "chmod 600" in caplog.text


def test_each_reason_why_a_pair_cannot_be_used_has_a_code(tmp_path: Path) -> None:
    """And names the file."""
    certificate, key = write_pair(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    _, foreign = write_pair(other)
    text = tmp_path / "text"
    text.write_text("nothing")
    locked = tmp_path / "locked"
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    locked.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    for code, files in {
        "tlsMissing": PairFiles(tmp_path / "none", key),
        "tlsUnreadable": PairFiles(certificate, tmp_path),
        "tlsCertificateInvalid": PairFiles(text, key),
        "tlsKeyInvalid": PairFiles(certificate, text),
        "tlsKeyEncrypted": PairFiles(certificate, locked),
        "tlsMismatch": PairFiles(certificate, foreign),
    }.items():
        with pytest.raises(CertificateError) as caught:
            read(files)
        assert caught.value.code == code
        assert str(tmp_path) in str(caught.value)
    found, context = read(PairFiles(certificate, key))
    assert found.names == ("localhost", "127.0.0.1")
    assert found.covers("localhost")
    assert not found.covers("example.org")
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert not [cipher["name"] for cipher in context.get_ciphers() if "CBC" in cipher["name"]]


@pytest.mark.parametrize(
    ("files", "code"),
    [
        (("none", "server.key"), "tlsMissing"),
        (("server.pem", "."), "tlsUnreadable"),
        (("server.pem", "other/server.key"), "tlsMismatch"),
    ],
)
async def test_the_command_ends_before_it_listens(tmp_path: Path, files: tuple[str, str], code: str) -> None:
    """With the exit code for certificates, and the reason on stderr."""
    (tmp_path / "other").mkdir()
    write_pair(tmp_path)
    write_pair(tmp_path / "other")
    certificate, key = (str(tmp_path / name) for name in files)
    place = ("--host", "127.0.0.1", "--port", "0", "--data", str(tmp_path / "data"))
    done = await run_command("chatserver", "serve", *place, "--tls-certificate", certificate, "--tls-key", key)
    assert (done.code, done.out) == (6, "")
    assert f"({code})" in done.err


async def test_what_scanners_send_ends_quietly(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Plain HTTP is told what to do; nothing is worth a line in the log, let alone a traceback."""
    old = bytes.fromhex("160301002f0100002b0301" + "00" * 32 + "000004002f00ff0100")
    async with tls_server(tmp_path) as server:
        caplog.clear()
        answer = await raw(server, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert b"tlsRequired" in answer
        home = tmp_path / "home"
        plain = server.url.replace("https:", "http:")
        done = await run_command(
            *("chatterm", "login", plain, "--email", "anna@example.org", "--password-stdin"), home=home, stdin="x" * 12
        )
        assert done.code == 1
        assert done.err == "chatterm: This address speaks TLS only. Use https:// in the server's address.\n"
        sslv2 = bytes.fromhex("802e0100020015000000100100800200800300800400800500800600400700c0") + b"x" * 16
        for garbage in (b"\0" * 100, sslv2, b"SSH-2.0-x\r\n", b"\x16\x03\x01\xff\xff" + b"x" * 100, old):
            assert b"HTTP" not in await raw(server, garbage)
        context = ssl.create_default_context()
        with pytest.raises(ssl.SSLCertVerificationError):
            await asyncio.open_connection("127.0.0.1", port_of(server), ssl=context, server_hostname="wrong.example")
        assert (await server.http.get("/healthz")).status_code == 200
    assert [record.message for record in caplog.records if record.levelno > logging.INFO] == []


async def test_half_open_handshakes_end_and_never_keep_others_out(tmp_path: Path) -> None:
    """Whoever begins a handshake, or says nothing at all, has to be done in time."""
    certificate, key = write_pair(tmp_path)
    _, context = read(PairFiles(certificate, key))
    sock = socket.create_server(("127.0.0.1", 0))
    acceptor = TlsAcceptor([sock], asyncio.Protocol, lambda: context, lambda _: True, handshake_s=0.2)
    acceptor.start()
    timeouts = count("timeout")
    half = trusting_hello()[:40]
    opened = [await asyncio.open_connection(*sock.getsockname()) for _ in range(4)]
    for _, writer in opened[:2]:
        writer.write(half)  # two begin a handshake and stop, two say nothing
    async with asyncio.timeout(WAIT_S):
        for reader, writer in opened:
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read() == b""
            writer.close()
    assert count("timeout") == timeouts + 4
    acceptor.close()
    acceptor.abort()


async def test_a_server_that_ends_greets_who_has_begun_a_handshake(tmp_path: Path) -> None:
    """A restart would refuse them otherwise: nobody has told them to come later."""
    async with tls_server(tmp_path) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
        received, sending = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = trusting().wrap_bio(received, sending, server_hostname="localhost")
        with contextlib.suppress(ssl.SSLWantReadError):
            client.do_handshake()
        writer.write(sending.read())
        received.write(await reader.read(65_536))
        server.server.stop()
        with pytest.raises(TimeoutError):  # it would have been cut
            async with asyncio.timeout(0.2):
                await reader.read(1)
        async with asyncio.timeout(WAIT_S):
            while True:
                try:
                    client.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    received.write(await reader.read(65_536))
            client.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            writer.write(sending.read())
            received.write(await reader.read())
        assert client.read(65_536).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_handshakes_under_way_are_few_of_one_address_and_in_all(tmp_path: Path) -> None:
    """One more of an address is refused; with too many in all, the oldest gives way to the newest."""
    certificate, key = write_pair(tmp_path)
    _, context = read(PairFiles(certificate, key))
    for bounds, outcome, loser in (({"per_address": 2}, "refused", 2), ({"pending_max": 2}, "displaced", 0)):
        sock = socket.create_server(("127.0.0.1", 0))
        acceptor = TlsAcceptor([sock], asyncio.Protocol, lambda: context, lambda _: True, **bounds)
        acceptor.start()
        before = count(outcome)
        opened = [await asyncio.open_connection(*sock.getsockname()) for _ in range(3)]
        async with asyncio.timeout(WAIT_S):
            with contextlib.suppress(ConnectionResetError):
                assert await opened[loser][0].read() == b""
        assert count(outcome) == before + 1
        assert [number for number, (reader, _) in enumerate(opened) if reader.at_eof()] == [loser]
        acceptor.close()
        acceptor.abort()
        for _, writer in opened:
            writer.close()


def trusting_hello() -> bytes:
    """A ClientHello."""
    outgoing = ssl.MemoryBIO()
    client = trusting().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


async def test_handshakes_of_one_address_are_limited(tmp_path: Path) -> None:
    """They cost more than anything else that strangers may ask for."""
    async with tls_server(tmp_path, limits_enabled=True, limit_handshake="2/minute") as server:
        for _ in range(2):
            async with httpx.AsyncClient(base_url=server.url, verify=trusting()) as http:
                assert (await http.get("/healthz")).status_code == 200
        refused = count("refused")
        async with httpx.AsyncClient(base_url=server.url, verify=trusting()) as http:
            with pytest.raises(httpx.TransportError):
                await http.get("/healthz")
        assert count("refused") == refused + 1
    async with tls_server(
        tmp_path, limits_enabled=True, limit_handshake="1/minute", trusted_proxies=("127.0.0.0/8",)
    ) as server:
        for _ in range(3):
            async with httpx.AsyncClient(base_url=server.url, verify=trusting()) as http:
                assert (await http.get("/healthz")).status_code == 200


async def test_a_slow_reader_over_tls_is_closed_like_any_other(tmp_path: Path) -> None:
    """Backpressure reaches the outbox through TLS, so that what waits is bounded, and the end arrives."""
    frame = b"\x81\x7e" + (60_000).to_bytes(2) + b"x" * 60_000
    async with tls_server(tmp_path, outbox_bytes=131_072) as server:
        ben = await server.person("Ben")
        async with ben.socket() as slow:
            slow.raw.transport.pause_reading()
            (session,) = server.application.hub._by_user[ben.id]
            link = session.link
            assert isinstance(link, ChatSocket)
            while not link.closing:
                session.outbox.offer(frame)
                assert link.transport.get_write_buffer_size() < 2 * len(frame) + 4096  # TLS adds a little
                await asyncio.sleep(0)
            assert server.application.hub.waiting_bytes == 0
            slow.raw.transport.resume_reading()
            assert (await slow.closed())[0] == CloseCode.SLOW


async def test_plain_http_beside_it_sends_to_https(tmp_path: Path) -> None:
    """Whatever is asked; a host that is none leads nowhere."""
    async with tls_server(tmp_path, http_port=0) as server:
        plain = f"http://127.0.0.1:{server.listeners.http[0].getsockname()[1]}"
        async with httpx.AsyncClient(base_url=plain) as http:
            answer = await http.post("/auth/login?x=1", json={})
            assert answer.status_code == 308
            assert answer.headers["location"] == f"{server.url}/auth/login?x=1"
            for host in ("a/b", "", "x y"):
                assert (await http.get("/", headers={"Host": host})).status_code in {400, 404}
            assert (await http.get("/.well-known/acme-challenge/x")).status_code == 404


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"tls_key": "k"}, "needs 'tls_certificate'"),
        ({"tls_certificate": "c", "domain": ("chat.example.org",), "acme_agree_tos": True}, "exclude each other"),
        ({"http_port": 80}, "for servers with TLS"),
        ({"domain": ("chat.example.org",)}, "terms of service"),
        ({"domain": ("*.example.org",), "acme_agree_tos": True}, "no wildcard"),
        ({"domain": ("192.0.2.1",), "acme_agree_tos": True}, "not an address"),
        ({"domain": ("localhost",), "acme_agree_tos": True}, "is not a name"),
        ({"domain": ("chat.example.org",), "acme_agree_tos": True, "acme_email": "x"}, "not an email"),
    ],
)
def test_settings_that_do_not_go_together(given: dict[str, object], told: str, tmp_path: Path) -> None:
    """Each with what to do."""
    with pytest.raises(ConfigError, match=told.replace("*", r"\*")):
        load({"data": tmp_path, **given}, environ={})


def test_with_tls_the_usual_ports_are_the_defaults(tmp_path: Path) -> None:
    """And all addresses, since clients are elsewhere."""
    domain = load({"data": tmp_path, "domain": ["Chat.Example.org."], "acme_agree_tos": True}, environ={})
    assert (domain.host, domain.port, domain.http_port, domain.domain) == ("*", 443, 80, ("chat.example.org",))
    files = load({"data": tmp_path, "tls_certificate": tmp_path / "c"}, environ={})
    assert (files.host, files.port, files.http_port) == ("*", 443, None)
    assert load({"data": tmp_path}, environ={}).port == 8765
