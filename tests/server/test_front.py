"""What every answer carries, whoever gives it: headers for browsers, a request id, and CORS for the origins allowed."""

import asyncio
import contextlib
import zlib
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from chatserver.http import protocol
from tests.support.server import SILENT, WAIT_S, Person, RunningServer, running_server

ORIGIN = "https://chat.example.org"
NOT_ALLOWED = (
    "https://evil.example",
    "null",
    f"{ORIGIN}.evil.example",
    "https://evilchat.example.org",
    "http://chat.example.org",
    f"{ORIGIN}:8443",
)


def assert_safe(answer: httpx.Response) -> None:
    """Every header is there, once."""
    expected = {
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "x-frame-options": "DENY",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
    }
    for name, value in expected.items():
        assert answer.headers.get_list(name) == [value], name
    (policy,) = answer.headers.get_list("content-security-policy")
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert len(answer.headers.get_list("cache-control")) == 1
    assert len(answer.headers.get_list("x-request-id")) == 1
    assert "strict-transport-security" not in answer.headers
    assert "server" not in answer.headers


async def test_every_answer_carries_its_headers(server: RunningServer, anna: Person) -> None:
    """Also refusals, answers without a body, pages, and addresses that do not exist."""
    for method, path, status in [
        ("GET", "/healthz", 200),
        ("HEAD", "/me", 200),
        ("GET", "/me?x=1", 400),
        ("GET", "/nowhere", 404),
        ("DELETE", "/users", 405),
        ("TRACE", "/me", 405),
        ("OPTIONS", "/chats", 204),
        ("GET", "/docs", 200),
        ("GET", "/openapi.json", 200),
        ("POST", "/auth/logout", 204),
        ("GET", "/me", 401),
    ]:
        answer = await anna.http.request(method, path)
        assert answer.status_code == status, (method, path)
        assert_safe(answer)


async def test_a_refused_websocket_carries_them_too(server: RunningServer) -> None:
    """Its answer is an ordinary one."""
    with pytest.raises(InvalidStatus) as refused:
        async with server.socket("/elsewhere"):
            pass
    assert refused.value.response.headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors" in refused.value.response.headers["content-security-policy"]


async def test_what_is_not_http_gets_an_answer_with_them(server: RunningServer) -> None:
    """Before there is any request."""
    reader, writer = await asyncio.open_connection(*server.server.servers[0].sockets[0].getsockname())
    writer.write(b"nonsense\r\n\r\n")
    async with asyncio.timeout(WAIT_S):
        answer = (await reader.read()).decode()
    writer.close()
    assert answer.startswith("HTTP/1.1 400 ")
    assert "\r\nx-content-type-options: nosniff\r\n" in answer


async def test_a_request_keeps_a_usable_id_and_gets_one_otherwise(server: RunningServer) -> None:
    """What could break a log line or a header is replaced."""
    given = "trace-0123.abc_DEF"
    answer = await server.http.get("/healthz", headers={"X-Request-Id": given})
    assert answer.headers["x-request-id"] == given
    made = set()
    for bad in ("", "short", "x" * 65, "with blank in", 'quo"ted-id', "ünïcode-id"):
        answer = await server.http.get("/healthz", headers={b"X-Request-Id": bad.encode("latin-1")})
        made.add(answer.headers["x-request-id"])
        assert len(answer.headers["x-request-id"]) == 16
    assert len(made) == 6


async def test_only_allowed_origins_may_read_answers(tmp_path: Path) -> None:
    """Refusals too, so that a page can tell its user why; every other origin gets the answer without permission."""
    async with running_server(tmp_path / "data", SILENT, allowed_origins=(ORIGIN,)) as server:
        for path, status in (("/healthz", 200), ("/me", 401), ("/nowhere", 404)):
            answer = await server.http.get(path, headers={"Origin": ORIGIN})
            assert answer.status_code == status
            assert answer.headers["access-control-allow-origin"] == ORIGIN
            assert "Retry-After" in answer.headers["access-control-expose-headers"]
            assert "access-control-allow-credentials" not in answer.headers
            assert answer.headers["vary"] == "Origin"
            for origin in NOT_ALLOWED:
                answer = await server.http.get(path, headers={"Origin": origin})
                assert answer.status_code == status
                assert "access-control-allow-origin" not in answer.headers
                assert answer.headers["vary"] == "Origin"


async def test_a_preflight_names_what_a_page_may_send(tmp_path: Path) -> None:
    """For an allowed origin only; without any, nothing speaks of CORS at all."""
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    async with running_server(tmp_path / "data", SILENT, allowed_origins=(ORIGIN,)) as server:
        answer = await server.http.options("/chats", headers={"Origin": ORIGIN, **asks})
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert "POST" in answer.headers["access-control-allow-methods"]
        assert {"authorization", "content-type"} <= set(answer.headers["access-control-allow-headers"].split(", "))
        for origin in NOT_ALLOWED:
            answer = await server.http.options("/chats", headers={"Origin": origin, **asks})
            assert not any(name.startswith("access-control") for name in answer.headers), origin
    async with running_server(tmp_path / "other", SILENT) as server:
        answer = await server.http.options("/chats", headers={"Origin": ORIGIN, **asks})
        assert not any(name.startswith("access-control") or name == "vary" for name in answer.headers)


@pytest.mark.parametrize("origin", NOT_ALLOWED)
async def test_a_websocket_from_another_origin_is_refused(tmp_path: Path, origin: str) -> None:
    """Origins are compared exactly."""
    async with running_server(tmp_path / "data", SILENT, allowed_origins=(ORIGIN,)) as server:
        with pytest.raises(InvalidStatus) as refused:
            async with server.socket(additional_headers={"Origin": origin}):
                pass
        assert refused.value.response.status_code == 403
        async with server.socket(additional_headers={"Origin": ORIGIN}):
            pass


async def test_browsers_are_told_to_stay_with_tls_where_there_is_tls(tmp_path: Path) -> None:
    """Only a trusted proxy is believed when it says so."""
    headers = {"X-Forwarded-Proto": "https"}
    async with running_server(tmp_path / "data", SILENT, trusted_proxies=("127.0.0.1",)) as server:
        answer = await server.http.get("/healthz", headers=headers)
        assert answer.headers["strict-transport-security"].startswith("max-age=")
        assert_safe(await server.http.get("/healthz"))
    async with running_server(tmp_path / "other", SILENT) as server:
        assert_safe(await server.http.get("/healthz", headers=headers))


async def test_a_request_that_never_arrives_is_not_waited_for(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither for a head, nor for a body that was announced; others are served meanwhile."""
    monkeypatch.setattr(protocol, "_ARRIVAL_TIMEOUT_S", 0.1)
    for begun in (
        b"GET /healthz HTTP/1.1\r\nX: ",
        b"POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{",
    ):
        reader, writer = await asyncio.open_connection(*server.server.servers[0].sockets[0].getsockname())
        writer.write(begun)
        assert (await server.http.get("/healthz")).status_code == 200
        async with asyncio.timeout(WAIT_S):
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read() == b""
        writer.close()


async def test_a_packed_body_is_not_unpacked(server: RunningServer) -> None:
    """So nothing can grow: what is large when packed is refused by its size, the rest as no JSON."""
    for size, status in ((300 << 20, 413), (50 << 20, 400)):
        packer = zlib.compressobj(9, wbits=31)
        packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(size >> 20)) + packer.flush()
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        answer = await server.http.post("/auth/login", content=packed, headers=headers)
        assert answer.status_code == status


async def test_long_addresses_are_answered_like_others(server: RunningServer, anna: Person) -> None:
    """As long as the head of a request may be."""
    assert (await server.http.get("/" + "x" * 50_000)).status_code == 404
    assert (await anna.http.get("/users?since=" + "1" * 50_000)).status_code == 400
