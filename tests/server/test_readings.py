"""What `/metrics.json` of a real server tells, to whom, and where local commands find the server."""

import signal
from pathlib import Path

import httpx
import pytest

from chatproto import codec
from chatproto.frames import Events
from chatserver.ops.reading import Reading
from chatserver.ops.whereabouts import find
from tests.support.server import SILENT, WAIT_S, RunningServer, ServerProcess, running_server


async def read(server: RunningServer, url: str) -> Reading:
    answer = await server.http.get(url)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    return codec.decode_body(answer.content, Reading)


async def test_a_reading_tells_counts_and_ids_but_no_names(server: RunningServer) -> None:
    """The busiest chat is named by its id; statements by what they are, without their parameters."""
    anna, ben, cleo = [await server.person(name) for name in ("Anna", "Benedictus", "Cleopatra")]
    busy, calm = await anna.group("Secret garden", ben, cleo), await anna.direct(ben)
    before = await read(server, "/metrics.json")
    async with anna.socket() as annas, ben.socket() as bens:
        for number in range(5):
            await annas.say(busy, f"whisper {number}")
        await annas.say(calm, "whisper")
        for _ in range(6):
            await bens.until(Events)
        answer = await server.http.get("/metrics.json")
        after = codec.decode_body(answer.content, Reading)
    assert not [word for word in ("Secret", "whisper", "Benedictus", "example.org") if word in answer.text]
    assert [chat.id for chat in after.chats][:2] == [busy.id, calm.id]
    assert [chat.sessions for chat in after.chats][:2] == [2, 2]
    assert after.chats[0].events > after.chats[1].events > 0
    # The group's beginning came before anybody listened.
    assert after.chats[0].deliveries * 6 == pytest.approx(after.chats[0].events * 2 * 5, rel=0.01)
    assert after.chats_error == 0
    assert after.started_at == before.started_at <= before.at < after.at
    [was], [now] = before.counters["chatserver_deliveries"], after.counters["chatserver_deliveries"]
    assert now.value - was.value == 12
    assert after.gauges["chatserver_sessions"][0].value == 2
    assert after.histograms["chatserver_receive_to_ack_seconds"].series[0].counts
    statements = {one.name: one for one in after.statements}
    assert {"begin", "commit", "sql.insert_message"} <= set(statements)
    assert statements["commit"].worst >= statements["commit"].sum / sum(statements["commit"].counts) > 0
    [free], [whole] = after.gauges["chatserver_disk_free_bytes"], after.gauges["chatserver_disk_bytes"]
    assert 0 < free.value <= whole.value
    assert after.process.resident_bytes > 10_000_000


async def test_readings_are_for_those_who_may_read_the_metrics(tmp_path: Path) -> None:
    async with running_server(tmp_path / "data", SILENT) as server:
        for header in ("X-Forwarded-For", "Forwarded", "Via"):
            assert (await server.http.get("/metrics.json", headers={header: "127.0.0.1"})).status_code == 404
    async with running_server(tmp_path / "data", SILENT, metrics_networks=("10.0.0.0/8",)) as server:
        assert (await server.http.get("/metrics.json")).status_code == 404


async def test_readings_are_beside_the_metrics_where_these_have_their_own_address(tmp_path: Path) -> None:
    async with running_server(tmp_path / "data", SILENT, metrics_address="127.0.0.1:0") as server:
        assert (await server.http.get("/metrics.json")).status_code == 404
        assert server.server.metrics_url is not None
        url = server.server.metrics_url + ".json"
        assert (await read(server, url)).gauges["chatserver_sessions"][0].value == 0
        async with httpx.AsyncClient(timeout=WAIT_S) as http:
            assert (await http.head(url)).headers["content-type"] == "application/json"


async def test_a_running_server_writes_down_where_it_is(tmp_path: Path) -> None:
    """Until it ends; a killed one leaves it behind for the next to replace."""
    data = tmp_path / "data"
    server = ServerProcess(data, arguments=("--log-level", "warning"))
    await server.start()
    first = find(data)
    assert first is not None
    assert (first.pid, first.url, first.metrics) == (server.pid, server.url, None)
    assert (data / "serve.json").stat().st_mode & 0o777 == 0o600
    await server.kill()
    assert find(data) == first
    await server.start()
    again = find(data)
    assert again is not None
    assert again.pid == server.pid != first.pid
    server.signal(signal.SIGTERM)
    await server.exit_code()
    assert find(data) is None
