"""What `chatserver import` makes of other systems' history: people, chats and messages, each once, in order."""

import contextlib
import json
import os
import shutil
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from chatproto.models import ChatCreated, Message
from chatserver.store.base import NewMessage, Store
from chatserver.store.extras import Additions
from tests.server.test_cli import refused, run
from tests.server.test_export import lines
from tests.support import exports
from tests.support.forking import forker
from tests.support.store import NOON, Backend, make_users, new_message, stored

Log = list[dict[str, Any]]


def import_(source: str, path: Path, data: Path, *flags: object, code: int = 0) -> dict[str, Any]:
    """The report of an import."""
    result = run("import", source, path, "--data", data, "--json", *flags)
    assert result.returncode == code, result
    report: dict[str, Any] = json.loads(result.stdout)
    return report


def logs_of(data: Path) -> dict[str, Log]:
    """The events of every chat by its title, or the names of both people; people by their names."""
    records = lines(run("export", "--data", data).stdout)
    names = {record["id"]: record["displayName"] for record in records if record["type"] == "user"}
    logs: dict[str, Log] = {}
    title = ""
    for record in records:
        if record["type"] == "chat":
            people = sorted(names[user] for user in record.get("direct", []))
            title = record.get("title") or " & ".join(people)
            assert title not in logs
            logs[title] = []
        elif "chatId" in record:
            logs[title].append({**record, "senderId": names[record["senderId"]]})
    for log in logs.values():
        assert [event["seq"] for event in log] == list(range(1, len(log) + 1))
        times = [datetime.fromisoformat(event["at"]) for event in log]
        assert times == sorted(set(times))
    return logs


def texts(log: Log) -> list[tuple[str, str]]:
    return [(event["senderId"], event["text"]) for event in log if event["type"] == "message"]


def test_slack(tmp_path: Path) -> None:
    """Names, threads, mentions, links, reactions, edits, pins, topics, joins, integrations and deleted messages."""
    archive = exports.zipped(exports.slack(tmp_path / "slack"), tmp_path / "slack.zip")
    report = import_("slack", archive, tmp_path / "data")
    assert (report["accountsMade"], report["chatsMade"], report["messagesImported"]) == (6, 3, 8)
    assert report["skipped"]["reactions with a workspace's own emoji"]["examples"] == ["garden/2023-11-14.json: 2"]
    logs = logs_of(tmp_path / "data")
    assert set(logs) == {"garden", "Anna & Ben", "Anna, Ben, Olga"}
    created, joined, hello, answer, file, build, waves, topic, gone = logs["garden"]
    assert (created["type"], joined["type"], topic["type"]) == ("created", "members", "chatChanged")
    text = "Hello @Ben, see [the plan](https://example.org/a?b=1) in #garden <now> **today** 👍"
    assert (hello["text"], hello["at"], hello["pinned"]) == (text, "2023-11-14T22:15:00.000200Z", True)
    assert (hello["reactions"][0]["emoji"], hello["editedAt"]) == ("❤️", "2023-11-14T22:15:10Z")
    assert len(hello["mentions"]) == 1
    assert (answer["replyTo"], answer["mentionAll"], answer["senderId"]) == (hello["seq"], True, "Ben")
    assert file["text"] == "📎 pear.png (https://files.slack.com/F1/pear.png)"
    assert (build["senderId"], build["text"]) == ("deploy", "[Build 7](https://ci.example.org/7)\npassed")
    assert (waves["text"], topic["topic"], gone["deleted"]) == ("/me waves", "Pears & apples", True)


def test_mattermost(tmp_path: Path) -> None:
    """Replies stand where their time says; files come along; nothing else is told twice by a second run."""
    archive = exports.zipped(exports.mattermost(tmp_path / "mm"), tmp_path / "mm.zip")
    report = import_("mattermost", archive, tmp_path / "data")
    assert (report["messagesImported"], report["filesImported"]) == (4, 1)
    log = logs_of(tmp_path / "data")["Town Square"]
    assert texts(log) == [("Anna", "Shall we? @all"), ("ben", "before the reply"), ("ben", "Yes @Anna")]
    first, _, reply = log[1:]
    assert (first["files"][0]["name"], first["pinned"], first["mentionAll"]) == ("pear.png", True, True)
    assert (reply["replyTo"], reply["reactions"][0]["emoji"]) == (first["seq"], "👍")
    assert logs_of(tmp_path / "data")["Anna & ben"][0]["text"] == "psst"
    again = import_("mattermost", tmp_path / "mm", tmp_path / "data")
    assert (again["messagesImported"], again["eventsImported"], again["filesImported"], again["there"]) == (0, 0, 0, 5)


def test_zulip(tmp_path: Path) -> None:
    """Topics are a line where they change, or groups; direct messages are direct chats, those of more people groups."""
    archive = exports.tarred(exports.zulip(tmp_path / "zulip"), tmp_path / "zulip.tar.gz")
    import_("zulip", archive, tmp_path / "data")
    logs = logs_of(tmp_path / "data")
    hi, picture, other = logs["garden"][1:]
    assert (hi["text"], hi["at"]) == ("**pears**\nHi @Ben 🎉 see #garden › pears", "2023-11-14T22:13:21.250000Z")
    assert (hi["reactions"][0]["emoji"], hi["editedAt"]) == ("👍", "2023-11-14T22:14:10.500000Z")
    assert (picture["text"], picture["files"][0]["size"]) == ("", len(exports.CONTENT))
    assert (other["text"], other["mentionAll"]) == ("**apples**\n@all other topic", True)
    assert {"Anna & Ben", "Anna, Ben, Olga", "Ben & welcome-bot@zulip.com"} < set(logs)
    import_("zulip", archive, tmp_path / "groups", "--topics", "groups", "--only", "garden*")
    assert set(logs_of(tmp_path / "groups")) == {"garden › pears", "garden › apples"}


def test_logs_of_irc_clients(tmp_path: Path) -> None:
    """Nicks become disabled accounts unless they are mapped; equal lines stay; times are in the zone that is given."""
    data = tmp_path / "data"
    assert run("user", "add", "eve@example.org", "--name", "Eve", "--generate", "--data", data).returncode == 0
    nicks = tmp_path / "nicks"
    nicks.write_text("# who is who\nAnna = anna@example.org\n")
    flags = ("--map", nicks, "--member", "eve@example.org", "--timezone", "Europe/Berlin")
    refused(run("import", "weechat", exports.weechat(tmp_path / "w"), "--data", data), 1, "--member EMAIL")
    report = import_("weechat", tmp_path / "w", data, *flags)
    assert report["skipped"]["lines that were not UTF-8, read as cp1252"]["count"] == 1
    log = logs_of(data)["#garden (libera)"]
    red = ("anna", "hello red and bold")
    assert texts(log) == [red, red, ("ben", "/me waves"), ("ben", "first line\nsecond line"), ("ben", "naïve")]
    assert log[1]["at"] == "2024-03-01T09:00:01Z"
    records = [json.loads(line) for line in run("user", "list", "--json", "--data", data).stdout.splitlines()]
    assert {record["email"].partition("@")[2] for record in records if record.get("disabled")} == {
        "weechat.imported.invalid"
    }
    nicks.write_text("ben = ben@example.org\n")
    assert run("user", "add", "ben@example.org", "--name", "Ben", "--generate", "--data", data).returncode == 0
    assert "keeps it" in import_("weechat", tmp_path / "w", data, *flags)["warnings"][0]
    nicks.write_text("anna = anna@example.org\n")
    import_("irssi", exports.irssi(tmp_path / "i"), tmp_path / "other", "--map", nicks)
    log = logs_of(tmp_path / "other")["#garden (libera)"]
    ok = ("ben", "ok")
    said = [("anna", "hello"), ok, ok, ("ben", "/me waves"), ("ChanServ", "be nice"), ("ben", "<anna> said it")]
    assert texts(log) == said
    assert log[-1]["at"] == "2024-03-02T00:01:00Z"


def test_a_longer_export_adds_what_is_new_and_a_dry_run_nothing(tmp_path: Path) -> None:
    """Days that come later are appended; a dry run says so first; times chosen by --until come with the next run."""
    folder, data = exports.slack(tmp_path / "slack"), tmp_path / "data"
    dry = import_("slack", folder, data, "--dry-run")
    assert (dry["messagesImported"], dry["accountsMade"], data.exists()) == (8, 6, False)
    first = import_("slack", folder, data, "--until", "2023-11-15")
    dry = import_("slack", folder, data, "--dry-run")
    second = import_("slack", folder, data)
    assert (first["messagesImported"], dry["messagesImported"], second["messagesImported"]) == (3, 5, 5)
    assert second["accountsMade"] == 0
    shutil.copytree(data, tmp_path / "once")
    assert import_("slack", folder, data)["messagesImported"] == 0
    assert logs_of(data) == logs_of(tmp_path / "once")
    day = folder / "garden/2023-11-14.json"
    day.write_text(day.read_text().replace("On it", "Done"))
    [noted] = [noted for reason, noted in import_("slack", folder, data)["skipped"].items() if "edited" in reason]
    assert noted == {"count": 1, "examples": ["garden/2023-11-14.json: 3"]}


async def test_what_is_older_than_the_chat_goes_to_its_end_with_its_time(tmp_path: Path) -> None:
    """A log only grows at its end: a direct chat that is newer stays, and its history becomes a group."""
    folder, data = exports.slack(tmp_path / "slack"), tmp_path / "data"
    async with Backend(data).open() as store:
        anna, ben = await make_users(store, "Anna", "Ben")
        chat = stored(await store.append([new_message(anna, "now", peer=ben)]))[0].chat_id
    report = import_("slack", folder, data, "--until", "2023-11-15")
    assert report["accountsFound"] == 2
    async with Backend(data).open() as store:
        garden = next(chat for chat in await store.chats(anna.id, 0, 9) if chat.title == "garden")
        await store.append([new_message(ben, "written here", chat_id=garden.id)])
    report = import_("slack", folder, data)
    assert any("both have a direct chat that is newer" in warning for warning in report["warnings"])
    [late] = [noted for reason, noted in report["skipped"].items() if "older than what their chat holds" in reason]
    assert late["count"] == 4  # two of them are no messages
    async with Backend(data).open() as store:
        assert [event.seq for event in (await store.events(chat, limit=9))[0]] == [1]
        messages, _ = await store.messages(garden.id, limit=9)
        assert [message.text for message in messages[3:6]] == [
            "written here",
            "[2023-11-15 09:20 UTC] [Build 7](https://ci.example.org/7)\npassed",
            "[2023-11-15 09:20 UTC] /me waves",
        ]


def test_what_deleted_people_wrote_does_not_come_back(tmp_path: Path) -> None:
    """Whoever was imported and then erased or deleted here stays so, whatever later exports hold."""
    folder, data = exports.slack(tmp_path / "slack"), tmp_path / "data"
    import_("slack", folder, data, "--until", "2023-11-15")
    assert run("user", "delete", "ben@example.org", "--yes", "--data", data).returncode == 0
    report = import_("slack", folder, data)
    assert report["accountsMade"] == 0
    assert report["skipped"]["events of people whose accounts were deleted here"]["count"] == 4
    logs = logs_of(data)
    assert "Ben" not in {event["senderId"] for log in logs.values() for event in log}
    assert "psst" not in {event.get("text") for log in logs.values() for event in log}


async def test_nothing_that_is_imported_is_unread(tmp_path: Path) -> None:
    """Also what a longer export adds; what somebody has not seen here stays unseen."""
    folder, data = exports.slack(tmp_path / "slack"), tmp_path / "data"
    import_("slack", folder, data, "--until", "2023-11-15")
    async with Backend(data).open(serving=False) as store:
        people = {user.display_name: user for user in await store.users_since(0, 99)}
        assert {chat.unread for chat in await store.chats(people["Anna"].id, 0, 9)} == {0}
        garden = next(chat for chat in await store.chats(people["Anna"].id, 0, 9) if chat.title == "garden")
        await store.append([new_message(people["Ben"], "new", chat_id=garden.id)])
        await store.mark_seen(people["Ben"].id, garden.id, garden.head + 1)
    import_("slack", folder, data)
    async with Backend(data).open(serving=False) as store:
        assert {chat.unread for chat in await store.chats(people["Ben"].id, 0, 9)} == {0}
        anna = {chat.title: chat.unread for chat in await store.chats(people["Anna"].id, 0, 9)}
        assert anna["garden"] >= 1
        assert anna[""] == 0


def test_an_import_that_is_killed_goes_on(tmp_path: Path) -> None:
    """Whenever it is killed: nothing doubled, nothing missing, nothing reordered."""
    folder, data = exports.slack(tmp_path / "slack"), tmp_path / "data"
    for day in range(1, 29):
        messages = [
            {"type": "message", "user": f"U{1 + number % 2}", "ts": f"{1710000000 + day * 86400 + number}.000000",
             "text": f"{day} {number}"}
            for number in range(100)
        ]  # fmt: skip
        exports.write_json(folder / f"garden/2024-03-{day:02d}.json", messages)
    command = ["import", "slack", str(folder), "--data", str(data)]
    killed = 0
    for size in (0, 300_000, 800_000):
        with Path(os.devnull).open("r+b") as nowhere:
            child = forker().start("chatserver", command, os.environ, (nowhere, nowhere, nowhere))
        while Path(f"/proc/{child.pid}").exists() and written(data) < size:
            os.sched_yield()
        child.kill()
        killed += child.wait(30) == -1
    assert killed
    assert run(*command).returncode == 0
    assert import_("slack", folder, data)["messagesImported"] == 0
    told = [text for _, text in texts(logs_of(data)["garden"]) if text[:1].isdigit()]
    assert told == [f"{day} {number}" for day in range(1, 29) for number in range(100)]


def written(data: Path) -> int:
    size = 0
    for name in ("chat.db", "chat.db-wal"):
        with contextlib.suppress(FileNotFoundError):
            size += (data / name).stat().st_size
    return size


@pytest.mark.parametrize("source", ["slack", "mattermost", "zulip", "weechat", "irssi", "chatserver"])
def test_what_is_no_export_is_refused(source: str, tmp_path: Path) -> None:
    """One paragraph that says what to give; nothing is made."""
    (tmp_path / "empty").mkdir()
    refused(run("import", source, tmp_path / "empty", "--data", tmp_path / "data"), 1)
    (tmp_path / "x.zip").write_bytes(b"PK\x03\x04 cut")
    refused(run("import", source, tmp_path / "x.zip", "--data", tmp_path / "data"), 1, "no archive")
    refused(run("import", source, tmp_path / "none", "--data", tmp_path / "data"), 1, "cannot be read")


def test_broken_places_stop_the_import_or_are_left_out(tmp_path: Path) -> None:
    """Before anything is written, with the place; with --keep-going everything else comes, and they are counted."""
    folder, data = exports.mattermost(tmp_path / "mm"), tmp_path / "data"
    with (folder / "import.jsonl").open("ab") as file:
        file.write(b'{"type": "poll", "poll": {}}\n{"type": "post", "post": {"team": "crew"')
    refused(run("import", "mattermost", folder, "--data", data), 1, "import.jsonl:10", "--keep-going")
    assert run("user", "list", "--data", data).stdout == ""
    report = import_("mattermost", folder, data, "--keep-going")
    assert report["messagesImported"] == 4
    assert {noted["examples"][0] for noted in report["problems"].values()} == {"import.jsonl:10", "import.jsonl:11"}


async def test_an_export_comes_back_as_it_was(tmp_path: Path) -> None:
    """Into an empty server: the same export again but for ids, with files, markers and deleted people."""
    async with Backend(tmp_path / "data").open() as store:
        await fill_all(store)
    exported = tmp_path / "all.jsonl"
    run("export", "--data", tmp_path / "data", "-o", exported, "--files", tmp_path / "files")
    refused(run("import", "chatserver", exported, "--data", tmp_path / "data"), 1, "this very server")
    report = import_("chatserver", exported, tmp_path / "other", "--files", tmp_path / "files")
    assert report["skipped"].keys() <= {"files whose content is not in the export, kept as text"}
    again = run("export", "--data", tmp_path / "other")
    assert comparable(lines(again.stdout)) == comparable(lines(exported.read_text()))
    assert import_("chatserver", exported, tmp_path / "other")["messagesImported"] == 0


async def test_a_part_of_an_export_begins_where_it_begins(tmp_path: Path) -> None:
    """Positions count anew, markers are moved along, and replies to what is not there are messages."""
    backend = Backend(tmp_path / "data")
    async with backend.open() as store:
        anna, ben = await make_users(store, "Anna", "Ben")
        for day in range(5):
            backend.clock.now = NOON + day * 86_400_000_000
            more = Additions(reply_to=1 if day == 3 else 4 if day == 4 else 0)
            message = NewMessage(anna.id, os.urandom(16), f"day {day}", peer_id=ben.id, more=more)
            [place] = stored(await store.append([message]))
        await store.mark_seen(ben.id, place.chat_id, 3)
    exported = tmp_path / "part.jsonl"
    assert run("export", "--data", tmp_path / "data", "--since", "2027-01-17", "-o", exported).returncode == 0
    report = import_("chatserver", exported, tmp_path / "other")
    assert report["skipped"]["replies to something that is not there, kept as messages"]["count"] == 1
    log = logs_of(tmp_path / "other")["Anna & Ben"]
    assert [(event["text"], event.get("replyTo")) for event in log] == [("day 2", None), ("day 3", None), ("day 4", 2)]
    async with Backend(tmp_path / "other").open() as store:
        other = next(user for user in await store.users_since(0, 9) if user.display_name == "Ben")
        [chat] = await store.chats(other.id, 0, 9)
        assert (chat.head, chat.seen, chat.unread) == (3, 1, 2)


def test_a_damaged_file_is_kept_as_text(tmp_path: Path) -> None:
    """One file's wrong checksum does not stop the rest."""
    archive = exports.zipped(exports.mattermost(tmp_path / "mm"), tmp_path / "mm.zip", stored=True)
    archive.write_bytes(archive.read_bytes().replace(exports.CONTENT, exports.CONTENT[::-1]))
    report = import_("mattermost", archive, tmp_path / "data")
    assert (report["messagesImported"], report["filesImported"]) == (4, 0)
    assert report["skipped"]["files that are damaged in the export, kept as text"]["count"] == 1
    assert logs_of(tmp_path / "data")["Town Square"][1]["text"] == "Shall we? @all\n📎 pear.png"


async def fill_all(store: Store) -> None:
    """What every kind of event and member makes."""
    anna, ben, eve = await make_users(store, "Anna", "Ben", "Eve")
    group = await store.create_group(anna.id, "Garden", [ben.id])
    await store.append([new_message(anna, "one", chat_id=group.id), new_message(ben, "two", chat_id=group.id)])
    await store.react(ben.id, group.id, 2, "👍", on=True)
    await store.edit_message(ben.id, group.id, 3, text="zwei", mentions=(anna.id,), mention_all=False)
    await store.pin(ben.id, group.id, 3, on=True)
    await store.delete_message(anna.id, group.id, 2)
    await store.add_members(anna.id, group.id, [eve.id])
    await store.describe_group(anna.id, group.id, title="Orchard", topic="Pears")
    await store.append([new_message(eve, "bye", chat_id=group.id), new_message(anna, "direct", peer=eve)])
    await store.mark_seen(ben.id, group.id, 5)
    await store.delete_user(eve.id)
    await store.append([new_message(anna, "notes", peer=anna)])


def comparable(records: Log) -> Log:
    """Records with ids that depend on order alone, and without what an import makes anew."""
    ids: dict[int, int] = {}
    users = {record["id"]: record for record in records if record["type"] == "user"}

    def place(chat: dict[str, Any]) -> tuple[str, list[str]]:
        return chat.get("title", ""), sorted(users[user]["displayName"] for user in chat.get("direct", ()))

    chats = sorted((record for record in records if record["type"] == "chat"), key=place)
    order: Log = []
    for chat in chats:
        order += [chat, *(record for record in records if record.get("chatId") == chat["id"])]
    for user_id, user in sorted(users.items(), key=lambda entry: entry[1]["displayName"]):
        ids[user_id] = len(ids)
        order.append(user)
    for number, chat in enumerate(chats):
        ids[chat["id"]] = 1000 + number
    return [_renamed(record, ids) for record in order]


def _renamed(value: Any, ids: dict[int, int]) -> Any:
    if isinstance(value, dict):
        return {key: _renamed(each, ids) for key, each in value.items() if key not in {"clientId", "createdAt"}}
    if isinstance(value, list):
        renamed = [_renamed(each, ids) for each in value]
        return sorted(renamed, key=str)
    return ids.get(value, value) if isinstance(value, int) else value


def test_hostile_archives_are_refused(tmp_path: Path) -> None:
    """Files outside of the archive's folder, and content that has no end."""
    with zipfile.ZipFile(tmp_path / "up.zip", "w") as archive:
        archive.writestr("users.json", "[]")
        archive.writestr("../../etc/passwd", "x")
    refused(run("import", "slack", tmp_path / "up.zip", "--data", tmp_path / "d"), 1, "outside of its own folder")
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("users.json", bytes(80 * 1_048_576))
    refused(run("import", "slack", tmp_path / "bomb.zip", "--data", tmp_path / "d"), 1, "times its size")


async def test_long_and_hostile_text_is_kept_clean_and_in_parts(tmp_path: Path) -> None:
    """Control characters go, a long text becomes several messages, and nothing is left out."""
    folder = exports.slack(tmp_path / "slack")
    long = " ".join(str(number) for number in range(20_000))
    texts_given = ["\x1b[31mred\x07\x00\u202e end", long, "\ud800 lone", " \n "]
    messages = [
        {"type": "message", "user": "U1", "ts": f"1710000000.{number:06d}", "text": text}
        for number, text in enumerate(texts_given)
    ]
    exports.write_json(folder / "garden/2024-03-09.json", messages)
    report = import_("slack", folder, tmp_path / "data", "--since", "2024-01-01", "--only", "garden")
    assert report["skipped"]["messages with nothing in them"]["count"] == 1
    async with Backend(tmp_path / "data").open() as store:
        chat = (await store.chats((await store.users_since(0, 1))[0].id, 0, 1))[0]
        events, _ = await store.events(chat.id, limit=99)
    assert isinstance(events[0], ChatCreated)
    found = [event.text for event in events if isinstance(event, Message)]
    assert found[0] == "red\u202e end"
    assert " ".join(found[1:-1]) == long
    assert all(len(text.encode()) <= 16_384 for text in found)
    assert found[-1].endswith("lone")
