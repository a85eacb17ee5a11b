"""`chatserver retention` and `chatserver vacuum` as an owner uses them, beside a running server and without one."""

import json
import sqlite3
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from chatproto.frames import Fetch, Page, Removed
from chatproto.rest import MessagesPage
from chatserver.clock import now_us
from chatserver.services.retention import DAY_US
from tests.server.test_cli_accounts import Owner
from tests.server.test_rest import read
from tests.support.server import FAST, RunningServer, outgoing, running_server

AT_ONCE = "0.000000001"
"""Days: what is a tenth of a millisecond old is removed."""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path / "data", FAST) as running:
        yield running


@pytest.fixture
def owner(tmp_path: Path) -> Owner:
    return Owner(tmp_path / "data")


async def test_a_chat_of_its_own_rule(server: RunningServer, owner: Owner) -> None:
    """What would go is said, then removed, and who is there is told; other chats keep what they have."""
    anna, ben = await server.person("Anna"), await server.person("Ben")
    group, direct = await anna.group("Garden", ben), await anna.direct(ben)
    async with anna.socket(floors_rev=0) as socket:
        for n in range(3):
            await socket.say(group, f"{n}")
        await socket.say(direct, "stays")
        await owner.run("retention", "set", "Garden", AT_ONCE)
        out, _ = await owner.run("retention", "show", "--json")
        rule = json.loads(out)
        assert (rule["chatId"], rule["title"], rule["own"], rule["head"]) == (group.id, "Garden", True, 4)
        out, err = await owner.run("retention", "run", "--dry-run", "--json")
        assert [json.loads(line)["messages"] for line in out.splitlines()] == [3]
        assert "3 messages would be removed" in err
        out, err = await owner.run("retention", "run")
        assert out == f"{group.id}\t3 messages\tGarden\n"
        assert "3 messages were removed" in err
        removed = await socket.until(Removed)
        assert (removed.chat_id, removed.floor, removed.days) == (group.id, 4, float(AT_ONCE))
        await socket.send(Fetch(id=9, chat_id=group.id, limit=5))
        page = await socket.until(Page)
        assert (page.events, page.has_more, page.floor) == ([], False, 4)
    told = read(await anna.http.get(f"/chats/{group.id}/messages"), MessagesPage)
    assert (told.messages, told.floor) == ([], 4)
    assert len(read(await anna.http.get(f"/chats/{direct.id}/messages"), MessagesPage).messages) == 1
    async with ben.socket(floors_rev=0, epoch=server.application.store.epoch) as socket:
        assert socket.welcome is not None
        assert [(floor.chat_id, floor.floor) for floor in socket.welcome.floors] == [(group.id, 4)]
        rev = socket.welcome.floors_rev
    async with ben.socket(floors_rev=rev, epoch=server.application.store.epoch) as socket:
        assert socket.welcome is not None
        assert socket.welcome.floors == []


async def test_a_message_sent_again_over_rest_after_it_was_removed(server: RunningServer, owner: Owner) -> None:
    """The answer says that it was stored and is gone, instead of storing it anew."""
    anna, ben = await server.person("Anna"), await server.person("Ben")
    chat = await anna.direct(ben)
    message = outgoing("once", chat_id=chat.id)
    async with anna.socket() as socket:
        await socket.send_messages(message)
    await owner.run("retention", "set", str(chat.id), AT_ONCE)
    await owner.run("retention", "run")
    body = {"text": "once", "clientId": b64encode(message.client_id).decode()}
    answer = await anna.http.post(f"/chats/{chat.id}/messages", json=body)
    assert answer.status_code == 200
    assert (answer.json()["seq"], answer.json()["deleted"]) == (1, True)


async def test_rules_that_cannot_be(owner: Owner, server: RunningServer) -> None:
    """A chat that is not there and a title that two groups have are refused with what to give instead."""
    anna, ben = await server.person("Anna"), await server.person("Ben")
    first, second = await anna.group("Twice", ben), await anna.group("Twice", ben)
    _, err = await owner.run("retention", "set", "Twice", "7", code=1)
    assert str(first.id) in err
    assert str(second.id) in err
    _, err = await owner.run("retention", "show", "123", code=1)
    assert "No chat has the id" in err
    _, err = await owner.run("retention", "set", "Twice", "-1", code=2)
    out, _ = await owner.run("retention", "show", str(first.id))
    assert "for-ever (default)\tTwice" in out
    await owner.run("retention", "set", str(first.id), "for-ever")
    assert "for-ever\tTwice" in (await owner.run("retention", "show"))[0]
    await owner.run("retention", "set", str(first.id), "default")
    assert (await owner.run("retention", "show"))[0] == "default\tfor-ever\n"


async def test_the_server_applies_its_rule_by_itself(tmp_path: Path) -> None:
    """Rounds come by themselves, and a chat may keep its messages for ever."""
    ahead = 0
    timing = FAST.__class__(heads_interval=3600.0, retention_clock=lambda: now_us() + ahead)
    async with running_server(tmp_path / "data", timing, retention_days=30, retention_interval_s=1) as server:
        anna, ben = await server.person("Anna"), await server.person("Ben")
        kept, chat = await anna.group("Kept", ben), await anna.direct(ben)
        store = server.application.store
        await store.set_chat_retention(kept.id, 0)
        async with anna.socket(floors_rev=0) as socket:
            await socket.say(kept, "a")
            await socket.say(chat, "b")
            assert await server.application.retention.round() == []
            ahead = 31 * DAY_US
            removed = await socket.until(Removed)
            assert (removed.chat_id, removed.floor, removed.days) == (chat.id, 1, 30.0)
        assert (await store.floor(kept.id)).floor == 0


async def test_vacuum_once_for_an_old_file(tmp_path: Path, owner: Owner) -> None:
    """A file of an earlier version shrinks, and gives space back by itself from then on; not while it is served."""
    async with running_server(tmp_path / "data"):
        _, err = await owner.run("vacuum", code=5)
        assert "already serves" in err
    file = tmp_path / "data" / "chat.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA auto_vacuum = NONE")
        connection.execute("VACUUM")
        connection.execute("CREATE TABLE waste AS SELECT zeroblob(4000) FROM (VALUES (1), (2)), pragma_function_list")
        connection.execute("DROP TABLE waste")
    before = file.stat().st_size
    out, _ = await owner.run("vacuum", "--json")
    sizes = json.loads(out)
    assert sizes["after"] == file.stat().st_size < before == sizes["before"]
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA auto_vacuum").fetchone() == (2,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
