"""Certificates by ACME from a real CA: the first one, renewals under a living session, and what goes wrong."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chatserver.listening import listen
from chatserver.settings import Settings
from chatserver.tls.acme import AcmeKeeper
from chatserver.tls.certificate import Certificate, CertificateError, PairFiles, certificate_in_use, read
from chatserver.tls.files import replace_file
from chatserver.tls.live import LiveCertificate
from chatserver.tls.plain import PlainHttp, serving_plain
from tests.support.pebble import DOMAIN, Pebble, needs_pebble, refusing_orders, running_pebble
from tests.support.server import SILENT, WAIT_S, running_server
from tests.support.tls import trusting, write_pair

DAY_S = 86_400.0


@pytest.fixture
async def pebble(tmp_path: Path) -> AsyncIterator[Pebble]:
    async with running_pebble(tmp_path / "pebble") as running:
        yield running


def put_certificate(data: Path, *names: str, **validity: float) -> None:
    """As if the server had got one before."""
    (data / "elsewhere").mkdir(parents=True)
    certificate, key = write_pair(data / "elsewhere", *names, **validity)
    replace_file(data / "acme" / "certificate.pem", key.read_bytes() + certificate.read_bytes())


def keeper_of(data: Path, now: float | None = None, **settings: Any) -> AcmeKeeper:
    """One that nobody answers, unless the test does."""
    whole = Settings(**{"data": data, "domain": (DOMAIN,), "acme_directory": "https://127.0.0.1:1/dir", **settings})
    return AcmeKeeper(whole, PlainHttp(443, [DOMAIN]), clock=lambda: now or time.time())


@needs_pebble()
async def test_a_certificate_is_renewed_while_a_session_lives(tmp_path: Path, pebble: Pebble) -> None:
    """The server begins with the one it has; the new one is for whoever comes next."""
    data = tmp_path / "data"
    put_certificate(data, DOMAIN, "127.0.0.1", days=5)
    async with running_server(data, SILENT, **pebble.settings()) as server:
        live = server.server.live
        assert live is not None
        first = live.certificate
        anna = await server.person("Anna")
        chat = await server.application.store.open_direct(anna.id, anna.id)
        async with anna.socket() as session:
            async with asyncio.timeout(WAIT_S * 2):
                while live.certificate is first:
                    assert (await session.say(chat, "on and on")).error is None
                    await asyncio.sleep(0.05)
            assert live.certificate.names == (DOMAIN,)
            trust = ssl.create_default_context(cadata=await pebble.root())
            port = server.listeners.main[0].getsockname()[1]
            with pytest.raises(ssl.SSLCertVerificationError):
                await asyncio.open_connection("127.0.0.1", port, ssl=trusting(), server_hostname=DOMAIN)
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust, server_hostname=DOMAIN)
            writer.close()
            assert (await session.say(chat, "still here")).error is None
        assert certificate_in_use(Settings(data=data, domain=(DOMAIN,))) == live.certificate
    modes = {path.name: path.stat().st_mode & 0o777 for path in (data / "acme").iterdir()}
    assert set(modes.values()) == {0o600}
    assert {"certificate.pem", "state.json"} < set(modes)
    assert (data / "acme").stat().st_mode & 0o777 == 0o700


@needs_pebble()
async def test_the_first_certificate_and_an_address_that_the_ca_cannot_reach(tmp_path: Path, pebble: Pebble) -> None:
    """What the CA says and what to do are told; after that is done it goes well."""
    names = (DOMAIN, "talk.example.org")
    settings = Settings(data=tmp_path / "data", **pebble.settings(domain=names))
    plain = PlainHttp(443, names)
    keeper = AcmeKeeper(settings, plain)
    with pytest.raises(CertificateError, match="firewall") as caught:
        await keeper.first()
    assert caught.value.code == "acmeUnreachable"
    with contextlib.closing(listen("127.0.0.1", pebble.http_port)) as sock:
        async with serving_plain([sock], plain):
            await AcmeKeeper(settings, plain).first()  # as after a restart
    found = certificate_in_use(settings)
    assert found is not None
    assert set(found.names) == set(names)
    assert plain.challenges == {}
    await keeper_of(tmp_path / "data", domain=names).first()  # it is there, and nobody is asked


@needs_pebble()
async def test_dns_that_leads_elsewhere_or_nowhere_and_addresses_of_ipv6(tmp_path: Path, pebble: Pebble) -> None:
    """Another machine answers; the CA finds no name; then only an address of IPv6 is left, which is this server's."""
    settings = Settings(data=tmp_path / "data", **pebble.settings())
    plain = PlainHttp(443, [DOMAIN])
    with contextlib.closing(listen("127.0.0.1", pebble.http_port)) as sock:
        async with serving_plain([sock], PlainHttp(443, ["elsewhere.example.org"])):
            with pytest.raises(CertificateError, match="A or AAAA record") as caught:
                await AcmeKeeper(settings, plain).first()
            assert caught.value.code == "acmeWrongServer"
        await pebble.fail_for(DOMAIN)
        with pytest.raises(CertificateError, match=DOMAIN) as caught:
            await AcmeKeeper(settings, plain).first()
        assert caught.value.code == "acmeUnreachable"  # so pebble calls it; others say `dns`
        await pebble.fail_for(DOMAIN, fails=False)
    await pebble.lead_to("", ipv6="::1")
    with contextlib.closing(listen("::1", pebble.http_port)) as sock:
        async with serving_plain([sock], plain):
            await AcmeKeeper(settings, plain).first()
    assert certificate_in_use(settings) is not None


@needs_pebble()
async def test_what_the_ca_limits_is_waited_for(tmp_path: Path, pebble: Pebble) -> None:
    """In the words of Let's Encrypt, by a CA in front of which somebody refuses orders."""
    until = time.time() + 7_200
    words = datetime.fromtimestamp(until, UTC).strftime("%Y-%m-%d %H:%M:%S")
    detail = f"too many certificates (5) already issued for this exact set of identifiers, retry after {words} UTC: see"
    async with refusing_orders(tmp_path / "between", pebble, "rateLimited", detail) as directory:
        settings = Settings(data=tmp_path / "data", **pebble.settings(acme_directory=directory))
        with pytest.raises(CertificateError, match=f"retry after {words}") as caught:
            await AcmeKeeper(settings, PlainHttp(443, [DOMAIN])).first()
    assert caught.value.code == "acmeRateLimited"
    with pytest.raises(CertificateError) as caught:
        await AcmeKeeper(settings, PlainHttp(443, [DOMAIN])).first()  # nobody is asked: nobody answers there now
    assert caught.value.code == "acmeWaiting"
    other = Settings(data=tmp_path / "data", **pebble.settings(acme_directory=directory, domain=("other.example.org",)))
    with pytest.raises(CertificateError) as caught:
        await AcmeKeeper(other, PlainHttp(443, [DOMAIN])).first()
    assert caught.value.code == "acmeDown"


async def test_a_ca_that_is_down_leaves_what_is_there_in_use(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The next try comes later each time, and is told."""
    put_certificate(tmp_path, DOMAIN)
    files = PairFiles(*[tmp_path / "acme" / "certificate.pem"] * 2)
    live = LiveCertificate(files)
    keeper = keeper_of(tmp_path)
    running = asyncio.create_task(keeper.keep(live))
    async with asyncio.timeout(WAIT_S):
        while "acmeDown" not in caplog.text:
            await asyncio.sleep(0.02)
    running.cancel()
    assert "The next try" in caplog.text
    assert live.certificate == read(files)[0]
    assert 40 < keeper._state.next_try - time.time() < 80


async def test_restarts_do_not_use_up_what_the_ca_allows(tmp_path: Path) -> None:
    """After some failures within an hour a server without a certificate does not ask again, and says until when."""
    now = time.time()
    state = {"failures": 4, "tries": [now - 60 * n for n in range(4)], "next_try": now + 600, "reason": "no such name"}
    replace_file(tmp_path / "acme" / "state.json", msgspec.json.encode(state))
    with pytest.raises(CertificateError, match="no such name") as caught:
        await keeper_of(tmp_path).first()
    assert caught.value.code == "acmeWaiting"


@pytest.mark.parametrize(
    ("directory", "names", "days", "due"),
    [
        ("https://127.0.0.1:1/dir", (DOMAIN,), 40.0, False),
        ("https://127.0.0.1:1/dir", (DOMAIN,), 62.0, True),
        ("https://127.0.0.1:1/dir", (DOMAIN,), 200.0, True),
        ("https://127.0.0.1:1/dir", ("*.example.org",), 1.0, False),
        ("https://127.0.0.1:1/dir", ("other.example.org",), 1.0, True),
        ("https://another.example/dir", (DOMAIN,), 1.0, True),
    ],
)
async def test_when_a_certificate_is_renewed(
    tmp_path: Path, directory: str, names: tuple[str, ...], days: float, due: bool
) -> None:
    """After two thirds of its life, or at once if it lacks a name or is another CA's."""
    start = 1_800_000_000.0
    replace_file(tmp_path / "acme" / "state.json", msgspec.json.encode({"directory": directory}))
    found = Certificate(names, "CN=x", not_before=start, not_after=start + 90 * DAY_S, self_signed=False)
    now = start + days * DAY_S
    keeper = keeper_of(tmp_path, now)
    keeper._ask_at = now + 1  # the CA has been asked
    assert (await keeper._due(found) <= now) == due
