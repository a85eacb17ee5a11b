"""`chatserver bench`: it counts what it says, notices a broken promise, and leaves nothing behind."""

import asyncio
import json
import signal
import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import jsonschema
import pytest

from chatproto import codec
from chatproto.frames import Events
from chatproto.models import Message, event_id
from chatserver.backends import open_store
from chatserver.bench.load import BrokenPromiseError, settled, verify
from chatserver.bench.wire import LeanClient, RefusedError
from chatserver.bench.world import World, remove_all
from chatserver.store.base import NewMessage
from scripts.documents import ROOT
from tests.support.homes import run_command
from tests.support.server import WAIT_S, ServerProcess

CHAT = 7
SMALL = ("--runs", "1", "--seconds", "0.2", "--pairs", "2", "--members", "4", "--messages", "100")


def frame(*seqs: int) -> bytes:
    """What a server sends of these events."""
    events = [
        Message(id=event_id(CHAT, seq), seq=seq, at=seq, sender_id=1, client_id=bytes(16), text="hello") for seq in seqs
    ]
    body = codec.encode(Events(chat_id=CHAT, events=list(events)))
    assert 126 <= len(body) < 65_536
    return b"\x81\x7e" + len(body).to_bytes(2) + body


def ack(seq: int) -> bytes:
    body = b'{"type":"ack","id":1,"results":[{"clientId":"AAAAAAAAAAAAAAAAAAAAAA==","chatId":7,"seq":%d,"at":1}]}' % seq
    return b"\x81" + bytes([len(body)]) + body


async def client(*frames: bytes) -> LeanClient:
    """One that has been sent these frames."""
    made = LeanClient()
    made.data_received(b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + b"".join(frames))
    return made


async def author_of(first: int, last: int) -> LeanClient:
    return await client(*(ack(seq) for seq in range(first, last + 1)))


async def test_messages_that_came_once_and_in_order_are_counted() -> None:
    reader = await client(frame(5, 6), frame(7), frame(8, 9))
    assert await verify(await author_of(5, 9), [reader]) == 5


@pytest.mark.parametrize(
    "frames",
    [
        pytest.param([(5, 6), (8, 9)], id="lost between frames"),
        pytest.param([(5, 6, 8, 9)], id="lost within a frame"),
        pytest.param([(6, 7, 8, 9)], id="lost at the beginning"),
        pytest.param([(5, 6), (6, 7, 8, 9)], id="doubled"),
        pytest.param([(7, 8, 9), (5, 6)], id="reordered"),
        pytest.param([(5, 6, 7, 8, 9, 10)], id="never acknowledged"),
    ],
)
async def test_a_broken_promise_is_noticed(frames: list[tuple[int, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatserver.bench.load._ARRIVAL_MAX_S", 0.0)
    reader = await client(*(frame(*seqs) for seqs in frames))
    with pytest.raises(BrokenPromiseError, match=r"1 of 1 members|[1-9] frames out of order"):
        await verify(await author_of(5, 9), [reader])


async def test_messages_without_an_answer_are_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatserver.bench.load._ARRIVAL_MAX_S", 0.0)
    author = await author_of(5, 9)
    author.sent = 5
    await settled(author)
    author.sent = 7
    with pytest.raises(ConnectionError, match="2 of 7 messages have no answer"):
        await settled(author)


async def test_a_refused_greeting_is_told() -> None:
    made = LeanClient()
    made.data_received(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
    made._ready = asyncio.get_running_loop().create_future()
    body = b'{"type":"error","error":{"code":"tooManyConnections"}}'
    made.data_received(b"\x81" + bytes([len(body)]) + body)
    with pytest.raises(ConnectionError, match="tooManyConnections"):
        await made._ready


async def test_a_real_run_prints_figures_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a server process of its own, in a folder that is gone afterwards."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    done = await run_command("chatserver", "bench", "pairs", *SMALL, "--json")
    assert done.code == 0, done.err
    record = json.loads(done.out)
    figures = {(figure["scenario"], figure["name"]): figure["median"] for figure in record["figures"]}
    assert figures["pairs", "messages"] > 0
    assert figures["pairs", "due to ack, at half the rate, p50"] > 0
    assert figures["pairs", "processor time of a message"] > 0
    assert figures["pairs", "fsyncs"] > 0
    schema = json.loads((ROOT / "docs/schema/bench.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(record)
    assert list(tmp_path.glob("chatserver-bench-*")) == []


async def test_a_running_server_is_as_it_was_afterwards(tmp_path: Path) -> None:
    """Also after one that was killed; a person's own group and messages stay, also one with a guest of it."""
    data = ("--data", str(tmp_path / "data"))
    async with ServerProcess(tmp_path / "data", arguments=("--log-level", "warning")) as server:
        store = await open_store(tmp_path / "data", serving=False)
        anna = await store.create_user("anna@example.org", "Anna", "!")
        left = World(store)
        await left.add_users(2)
        shared = await store.create_group(anna.id, "Garden", [left.accounts[0].user.id])
        await store.append([NewMessage(anna.id, bytes(16), "stays", chat_id=shared.id)])
        await left.fill(await left.group("Benchmark", left.accounts), left.accounts[0], 10)
        done = await run_command("chatserver", "bench", "pairs", "history", "--running", *data, *SMALL, "--json")
        assert done.code == 0, done.err
        record = json.loads(done.out)
        assert record["running"]
        names = {(figure["scenario"], figure["name"]) for figure in record["figures"]}
        assert {("pairs", "messages"), ("history", "deep page"), ("history", "processor time of newest page")} <= names
        assert [user.display_name for user in await store.users_since(0, 100) if not user.deleted] == ["Anna"]
        events, _ = await store.events(shared.id, limit=10)
        assert [event.text for event in events if isinstance(event, Message)] == ["stays"]
        chats = await store.chats_by_retention(0, 100)
        assert [chat.chat_id for chat in chats if chat.head > chat.floor] == [shared.id]
        assert await remove_all(store) == (0, 0)
        with closing(sqlite3.connect(tmp_path / "data" / "chat.db")) as connection:
            assert connection.execute("SELECT count(*) FROM removed_messages").fetchone() == (0,)
        await store.close()
        assert not (tmp_path / "data" / "bench.lock").exists()
        done = await run_command("chatserver", "bench", "--clean", *data)
        assert (done.code, done.err) == (0, "Removed: users 0, messages 0.\n")
        assert server.pid
    done = await run_command("chatserver", "bench", "pairs", "--running", *data)
    assert (done.code, done.out) == (1, "")
    assert "no server runs on" in done.err


async def test_who_ends_a_benchmark_leaves_nothing_on_a_running_server(tmp_path: Path) -> None:
    """As with Ctrl-C: its users go, and what keeps a second benchmark out."""
    data = tmp_path / "data"
    async with ServerProcess(data, arguments=("--log-level", "warning")):
        store = await open_store(data, serving=False)
        words = (
            "bench",
            "pairs",
            "--running",
            "--pairs",
            "2",
            "--members",
            "4",
            "--seconds",
            "30",
            "--data",
            str(data),
        )
        running = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "chatserver", *words), stderr=asyncio.subprocess.PIPE
        )
        assert running.stderr is not None
        async with asyncio.timeout(WAIT_S):
            while b"run 1 of 3" not in await running.stderr.readline():
                pass
            assert len(await store.users_since(0, 100)) > 4
            running.send_signal(signal.SIGTERM)
            told = (await running.stderr.read()).decode()
            assert await running.wait() == 130
        assert "Removing" in told
        assert [user for user in await store.users_since(0, 100) if not user.deleted] == []
        assert not (data / "bench.lock").exists()
        await store.close()


async def test_rates_that_the_server_limits_are_told() -> None:
    made = LeanClient()
    made._ready = asyncio.get_running_loop().create_future()
    made.data_received(b"HTTP/1.1 429 Too Many Requests\r\n\r\n")
    with pytest.raises(RefusedError, match="rateLimited"):
        await made._ready
    body = b'{"type":"ack","id":1,"results":[{"clientId":"AA==","error":{"code":"rateLimited"}}]}'
    author = await client(b"\x81" + bytes([len(body)]) + body)
    with pytest.raises(RefusedError, match="rateLimited"):
        await verify(author, [author])


async def test_an_unknown_scenario_is_refused() -> None:
    done = await run_command("chatserver", "bench", "everything")
    assert (done.code, done.out) == (2, "")
    assert "fan-out" in done.err
