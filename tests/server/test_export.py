"""What `chatserver export` writes: all of one moment, as docs/schema says, whole or not at all."""

import json
import os
from pathlib import Path
from typing import Any

import jsonschema

from chatserver.store.base import NewMessage, Store
from chatserver.store.extras import Additions
from chatserver.store.interfaces.files import Content, NewUpload
from tests.server.test_cli import refused, run
from tests.support.store import NOON, Backend, make_users, new_message, stored

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/schema/server-export.json").read_text())


async def fill(store: Store) -> tuple[int, int]:
    """A group with an event of every kind and a direct chat; returns their ids."""
    anna, ben, eve = await make_users(store, "Anna", "Ben", "Eve")
    group = await store.create_group(anna.id, "Garden", [ben.id])
    upload, _ = await store.begin_upload(
        NewUpload(anna.id, None, "a.txt", 3, "ab12"), user_bytes=9, total_bytes=9, lifetime=9
    )
    file = await store.finish_upload(upload.id, Content(b"\7" * 32, "text/plain"), 9)
    more = Additions(mentions=(ben.id,), file_ids=(file.id,))
    await store.append([NewMessage(anna.id, os.urandom(16), "one", group.id, more=more)])
    await store.append([new_message(ben, "two", chat_id=group.id), new_message(anna, "three", chat_id=group.id)])
    await store.react(ben.id, group.id, 2, "👍", on=True)
    await store.edit_message(ben.id, group.id, 3, text="zwei", mentions=(), mention_all=False)
    await store.pin(ben.id, group.id, 3, on=True)
    await store.delete_message(anna.id, group.id, 4)
    await store.add_members(anna.id, group.id, [eve.id])
    await store.describe_group(anna.id, group.id, topic="Pears")
    direct = stored(await store.append([new_message(anna, "direct", peer=eve)]))[0].chat_id
    return group.id, direct


def lines(text: str) -> list[dict[str, Any]]:
    """The records, each as the schema says."""
    validator = jsonschema.Draft202012Validator(SCHEMA)
    records: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]
    for record in records:
        validator.validate(record)
    return records


async def test_everything_is_exported_in_order_with_counts_and_no_password(tmp_path: Path) -> None:
    """Every kind of record; each chat's log 1..N; users before what names them; the end says how many there are."""
    async with Backend(tmp_path).open() as store:
        group, direct = await fill(store)
        result = run("export", "--data", tmp_path)
    assert result.returncode == 0, result.stderr
    assert "Exported 3 users, 2 chats and 11 events." in result.stderr
    records = lines(result.stdout)
    assert {record["type"] for record in records} == {
        *("export", "user", "chat", "message", "changed", "created", "members", "chatChanged", "end")
    }
    assert (records[0]["type"], records[-1]) == ("export", {"type": "end", "users": 3, "chats": 2, "events": 11})
    assert [record["seq"] for record in records if record.get("chatId") == group] == list(range(1, 11))
    assert "no-password" not in result.stdout
    [one] = [record for record in records if record.get("text") == "one"]
    assert (one["files"][0]["name"], one["files"][0]["sha256"]) == ("a.txt", "07" * 32)
    assert [record["text"] for record in records if record.get("chatId") == direct] == ["direct"]


async def test_one_chat_brings_the_people_it_names_only(tmp_path: Path) -> None:
    """By id or title; an unknown or shared title is refused with what to give instead."""
    async with Backend(tmp_path).open() as store:
        group, direct = await fill(store)
        anna = (await store.users_since(0, 1))[0]
        only = lines(run("export", "--data", tmp_path, "--chat", direct).stdout)
        assert {record["displayName"] for record in only if record["type"] == "user"} == {"Anna", "Eve"}
        assert [record["id"] for record in only if record["type"] == "chat"] == [direct]
        assert len(lines(run("export", "--data", tmp_path, "--chat", "Garden").stdout)) == 16
        refused(run("export", "--data", tmp_path, "--chat", "Nowhere"), 1, "Nowhere")
        await store.create_group(anna.id, "Garden", [])
        refused(run("export", "--data", tmp_path, "--chat", "Garden"), 1, str(group), "Give one of these ids")


async def test_a_part_of_the_time(tmp_path: Path) -> None:
    """From `--since` on and before `--until`; the header says so."""
    backend = Backend(tmp_path)
    async with backend.open() as store:
        anna, ben = await make_users(store, "Anna", "Ben")
        for day in range(4):
            backend.clock.now = NOON + day * 86_400_000_000
            await store.append([new_message(anna, f"day {day}", peer=ben)])
        records = lines(
            run("export", "--data", tmp_path, "--since", "2027-01-16", "--until", "2027-01-17T08:00:00Z").stdout
        )
    assert records[0]["since"] == "2027-01-16T00:00:00Z"
    assert [record["text"] for record in records if record["type"] == "message"] == ["day 1"]
    refused(run("export", "--data", tmp_path / "none"), 5, "no database")


async def test_a_file_appears_whole_and_private_or_not_at_all(tmp_path: Path) -> None:
    """`-o` replaces what was there only by a whole export; content that is missing is told of."""
    async with Backend(tmp_path / "data").open() as store:
        await fill(store)
    target = tmp_path / "out.jsonl"
    target.write_text("before")
    refused(run("export", "--data", tmp_path / "data", "--chat", "Nowhere", "-o", target), 1, "Nowhere")
    assert (target.read_text(), len(list(tmp_path.iterdir()))) == ("before", 2)
    result = run("export", "--data", tmp_path / "data", "-o", target, "--files", tmp_path / "files")
    assert (result.returncode, result.stdout) == (0, "")
    assert "Not in the storage of files: 1 file, such as" in result.stderr
    assert lines(target.read_text())[-1]["type"] == "end"
    assert target.stat().st_mode & 0o777 == 0o600
    refused(run("export", "--data", tmp_path / "data", "-o", tmp_path / "no/where"), 1, "No such file")
