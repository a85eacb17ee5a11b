"""`chatserver user export` and `user erase`, and people who erase themselves."""

import json
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chatproto.frames import Events
from chatproto.models import MessageChanged
from chatserver.services.erasure import FILE_NAME
from tests.server.test_cli_accounts import Owner
from tests.support.server import FAST, PASSWORD, RunningServer, running_server


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path / "data", FAST) as running:
        yield running


@pytest.fixture
def owner(tmp_path: Path) -> Owner:
    return Owner(tmp_path / "data")


async def test_everything_about_one_person_is_in_one_file(server: RunningServer, owner: Owner, tmp_path: Path) -> None:
    """What they wrote and did and uploaded, and nothing that others wrote; no secrets."""
    anna, ben = await server.person("Anna"), await server.person("Ben")
    chat = await anna.group("Garden", ben)
    info = (await anna.http.post("/files?name=plan.txt", content=b"the plan")).json()
    body = {"text": "mine", "fileIds": [info["id"]]}
    assert (await anna.http.post(f"/chats/{chat.id}/messages", json=body)).status_code == 201
    await ben.http.post(f"/chats/{chat.id}/messages", json={"text": "secret of Ben"})
    await anna.http.put(f"/chats/{chat.id}/messages/3/reactions/👍")
    file = tmp_path / "anna.zip"
    _, err = await owner.run("user", "export", "anna@example.org", "-o", str(file))
    assert "1 message and 1 file." in err
    assert file.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        held = {name: archive.read(name) for name in archive.namelist()}
    assert json.loads(held["account.json"])[0]["email"] == "anna@example.org"
    assert [json.loads(line)["text"] for line in held["messages.jsonl"].splitlines()] == ["mine"]
    assert [json.loads(line)["type"] for line in held["activity.jsonl"].splitlines()] == ["created", "changed"]
    assert json.loads(held["reactions.jsonl"]) == {"chatId": chat.id, "seq": 3, "emoji": "👍"}
    assert held[f"files/{info['id']}-plan.txt"] == b"the plan"
    assert json.loads(held["chats.json"])[0]["title"] == "Garden"
    assert b"Anna" in held["README.txt"]
    everything = b"".join(held.values())
    assert b"secret of Ben" not in everything
    assert b"ben@example.org" not in everything
    assert set(json.loads(held["sessions.json"])[0]) == {"id", "device", "createdAt", "lastUsedAt", "endedAt"}


async def test_an_erased_person_is_gone_for_everybody_who_is_there(server: RunningServer, owner: Owner) -> None:
    """Clients that are connected are told of each message; a second time there is nobody of that name."""
    anna, ben = await server.person("Anna"), await server.person("Ben")
    chat = await anna.direct(ben)
    async with ben.socket() as socket:
        async with anna.socket() as author:
            for number in range(3):
                await author.say(chat, f"{number}")
        _, err = await owner.run("user", "erase", "anna@example.org", "--dry-run", "--yes")
        assert "3 messages" in err
        _, err = await owner.run("user", "erase", "anna@example.org", code=1)
        assert "--yes" in err
        out, err = await owner.run("user", "erase", "anna@example.org", "--yes", "--json")
        assert json.loads(out)["messages"] == 3
        deleted: set[int] = set()
        while deleted != {1, 2, 3}:
            frame = await socket.until(Events)
            deleted |= {event.message.seq for event in frame.events if isinstance(event, MessageChanged)}
    assert (owner.data / FILE_NAME).read_text().count("\n") == 1
    await owner.run("user", "erase", "anna@example.org", "--yes", code=1)
    await owner.run("user", "erase", str(anna.id), "--yes")


async def test_messages_may_stay(server: RunningServer, owner: Owner) -> None:
    """As after `user delete`; and an account that was deleted so can lose its messages later, named by its id."""
    anna, ben = await server.person("Anna"), await server.person("Ben")
    chat = await anna.direct(ben)
    async with anna.socket() as socket:
        await socket.say(chat, "stays")
    _, err = await owner.run("user", "erase", "anna@example.org", "--messages", "keep", "--yes")
    assert "1 messages stay" in err
    assert (await ben.http.get(f"/chats/{chat.id}/messages/1")).json()["text"] == "stays"
    await owner.run("user", "erase", str(anna.id), "--yes")
    assert (await ben.http.get(f"/chats/{chat.id}/messages/1")).json()["deleted"]


async def test_people_erase_themselves(server: RunningServer, owner: Owner) -> None:
    """Only with their password; the server does the rest in the background."""
    await owner.run("user", "add", "anna@example.org", "--name", "Anna", "--password-stdin", stdin=PASSWORD)
    user = await server.application.store.account_by_email("anna@example.org")
    assert user is not None
    anna, ben = await server.signed_in(user.user), await server.person("Ben")
    chat = await anna.direct(ben)
    async with anna.socket() as socket:
        await socket.say(chat, "gone soon")
    body = {"password": "wrong password", "messages": True}
    assert (await anna.http.request("DELETE", "/me", json=body)).status_code == 403
    async with ben.socket() as socket:
        answer = await anna.http.request("DELETE", "/me", json={"password": PASSWORD, "messages": True})
        assert answer.status_code == 204
        frame = await socket.until(Events)
        assert isinstance(frame.events[0], MessageChanged)
    assert (await ben.http.get(f"/chats/{chat.id}/messages/1")).json()["deleted"]
    assert str(anna.id) in (owner.data / FILE_NAME).read_text()
