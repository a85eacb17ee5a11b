"""What an operator sees of a real server: readiness and metrics."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import httpx
import pytest
from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.parser import text_string_to_metric_families

from chatproto import codec
from chatproto.errors import CloseCode
from chatproto.frames import Events, Fetch, Page
from chatproto.rest import Readiness
from chatserver.listening import CannotListenError, listen
from chatserver.store.base import Commit
from tests.support.server import SILENT, WAIT_S, RunningServer, running_server

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


async def readiness(server: RunningServer, status: int) -> dict[str, str]:
    """What is not well, by name."""
    answer = await server.http.get("/readyz")
    assert answer.status_code == status
    body = codec.decode_body(answer.content, Readiness)
    assert body.ready == (status == 200)
    assert {check.name for check in body.checks} == {"database", "disk", "schema", "bus", "running"}
    return {check.name: check.detail for check in body.checks if not check.ok}


async def test_ready(server: RunningServer) -> None:
    """No token is needed."""
    assert await readiness(server, 200) == {}


async def test_not_ready_while_stopping(server: RunningServer) -> None:
    """A load balancer sends nobody here any more."""
    server.application.stop()
    assert await readiness(server, 503) == {"running": "The server stops."}


async def test_a_part_that_fails_silences_no_other_and_is_told(
    server: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Live delivery goes on; whoever watches the server learns that something is wrong."""

    def broken(_commit: Commit) -> None:
        raise RuntimeError("a defect")

    bus = server.application.bus
    bus.subscribe("broken", broken)
    bus._subscribers.reverse()  # it comes before all others
    anna, ben = await server.person("Anna"), await server.person("Ben")
    async with anna.socket() as socket, ben.socket() as other:
        await socket.say(await anna.direct(ben), "hello")
        assert (await other.until(Events)).events
    assert "'broken'" in (await readiness(server, 503))["bus"]
    assert any(record.exc_info and "could not take" in record.message for record in caplog.records)


async def test_not_ready_without_space(tmp_path: Path) -> None:
    """The owner says how much has to be free."""
    async with running_server(tmp_path / "data", SILENT, disk_free_min_bytes=1 << 62) as server:
        assert "space" in (await readiness(server, 503))["disk"]
        assert (await server.http.get("/healthz")).status_code == 200


async def test_not_ready_with_a_schema_of_another_version(tmp_path: Path) -> None:
    """For example after somebody else's migration or a copied file."""

    def change() -> None:
        with contextlib.closing(sqlite3.connect(tmp_path / "data" / "chat.db")) as other:
            other.execute("PRAGMA user_version = 999")

    async with running_server(tmp_path / "data", SILENT) as server:
        await asyncio.to_thread(change)  # the server may be writing, and needs the loop to come to an end with it
        assert list(await readiness(server, 503)) == ["schema"]


async def scrape(server: RunningServer) -> Samples:
    assert server.server.metrics_url is not None
    async with httpx.AsyncClient(timeout=WAIT_S) as http:
        answer = await http.get(server.server.metrics_url)
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.text)
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


async def test_metrics_tell_what_happened(tmp_path: Path) -> None:
    """Counts are exact; two histograms end in +Inf; labels are operations and codes, never what a client made up."""
    async with running_server(tmp_path / "data", SILENT, metrics_address="127.0.0.1:0") as server:
        anna, ben = await server.person("Anna"), await server.person("Ben")
        chat = await anna.direct(ben)
        before = await scrape(server)

        async with anna.socket() as annas, ben.socket() as bens:
            for number in range(3):
                await annas.say(chat, str(number))
            for _ in range(3):
                await bens.until(Events)
            await annas.send(Fetch(id=1, chat_id=chat.id))
            await annas.until(Page)
            assert (await anna.http.get("/me")).status_code == 200
            info = (await anna.http.post("/files", content=b"x" * 1_000)).json()
            assert len((await anna.http.get(f"/files/{info['id']}")).content) == 1_000
            for number in range(20):
                assert (await anna.http.get(f"/nowhere/{number}")).status_code == 404
            assert (await server.http.get("/me")).status_code == 401
            during = await scrape(server)
            await annas.raw.send("{")
            assert (await annas.closed())[0] == CloseCode.BAD_FRAME
        await server.application.websockets.drain(WAIT_S)
        while (after := await scrape(server))["chatserver_websockets_open", ()]:
            pass

    def grown(name: str, samples: Samples = during, **labels: str) -> float:
        key = (name, tuple(sorted(labels.items())))
        return samples[key] - before.get(key, 0.0)

    assert grown("chatserver_deliveries_total") == 6
    assert grown("chatserver_fan_out_frames_total") == 6
    assert grown("chatserver_frames_received_total") == 6
    assert grown("chatserver_websockets_opened_total") == 2
    assert grown("chatserver_receive_to_ack_seconds_count") == 3
    assert grown("chatserver_commit_to_delivery_seconds_bucket", le="+Inf") == 3
    assert grown("chatserver_commit_writes_sum") >= 3
    assert grown("chatserver_upload_bytes_total") == grown("chatserver_download_bytes_total") == 1_000
    assert grown("chatserver_requests_total", operation="get_me", status="2xx") == 1
    assert grown("chatserver_requests_total", operation="get_me", status="4xx") == 1
    assert grown("chatserver_requests_total", operation="none", status="4xx") == 20
    assert grown("chatserver_request_seconds_count", operation="get_me") == 2
    assert grown("chatserver_websockets_closed_total", after, code="4400") == 1
    assert (during["chatserver_sessions", ()], during["chatserver_users_connected", ()]) == (2, 2)
    assert (after["chatserver_sessions", ()], after["chatserver_outbox_bytes", ()]) == (0, 0)
    assert (during["chatserver_passwords_waiting", ()], during["chatserver_pushes_waiting", ()]) == (0, 0)
    assert during["process_resident_memory_bytes", ()] > 0
    assert not any("nowhere" in value for _, labels in during for _, value in labels)


async def test_metrics_in_the_newer_format_and_only_at_their_own_address(tmp_path: Path) -> None:
    """The format is negotiated, and the chat's port does not give them to anybody."""
    async with running_server(tmp_path / "data", SILENT, metrics_address="127.0.0.1:0") as server:
        assert server.server.metrics_url is not None
        accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
        async with httpx.AsyncClient(timeout=WAIT_S) as http:
            answer = await http.get(server.server.metrics_url, headers=accept)
        assert answer.headers["content-type"].startswith("application/openmetrics-text")
        parsed = openmetrics_parser.text_string_to_metric_families(answer.text)  # type: ignore[no-untyped-call] # has no types
        families = {family.name for family in parsed}
        assert "chatserver_commit_seconds" in families
        assert (await server.http.get("/metrics")).status_code == 404


async def test_metrics_at_the_servers_own_address_are_for_those_allowed(tmp_path: Path) -> None:
    """Those on this machine; not through a proxy, which would make everybody local; and nobody else."""
    async with running_server(tmp_path / "data", SILENT) as server:
        assert server.server.metrics_url is None
        answer = await server.http.get("/metrics")
        assert answer.headers["content-type"].startswith("text/plain")
        families = {family.name for family in text_string_to_metric_families(answer.text)}
        assert {"chatserver_commit_seconds", "chatserver_sessions"} <= families
        for header in ("X-Forwarded-For", "Forwarded", "Via"):
            assert (await server.http.get("/metrics", headers={header: "127.0.0.1"})).status_code == 404
    async with running_server(tmp_path / "data", SILENT, metrics_networks=("10.0.0.0/8",)) as server:
        assert (await server.http.get("/metrics")).status_code == 404


async def test_an_address_for_metrics_that_is_taken_is_named(tmp_path: Path) -> None:
    """Instead of a server that nobody can watch."""
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotListenError, match=f"port {port}: another program"):
            async with running_server(tmp_path / "data", SILENT, metrics_address=f"127.0.0.1:{port}"):
                pass
