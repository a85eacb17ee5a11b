"""Backups on the command line: while the server works, while something is killed, and around upgrades."""

import asyncio
import json
import os
import signal
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
import uvloop

from chatserver.backup.scratch import PREFIX
from chatserver.settings import Settings
from chatserver.store import migrations
from chatserver.store.errors import StoreUnusableError
from chatserver.store.sqlite import before_upgrade
from chatserver.store.sqlite.database import prepare
from tests.server.test_cli import run
from tests.support import files
from tests.support.backups import furnish, make, restore, tree, verify
from tests.support.forking import Child, forker, read_pipe
from tests.support.server import WAIT_S, running_server

ALL = migrations.load("sqlite")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("server") / "data"
    uvloop.run(furnish(folder))
    return folder


@asynccontextmanager
async def held_up(data: Path) -> AsyncIterator[tuple[Child, asyncio.StreamReader]]:
    """A backup on its way to a pipe that nobody reads yet, but for its first byte: it has copied the database."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as out, Path(os.devnull).open("r+b") as nothing:
        arguments = ["backup", "-", "--data", str(data)]
        child = forker().start("chatserver", arguments, dict(os.environ), (nothing, out, nothing))
    reader = await read_pipe(reading)
    reader._limit = 1_000  # type: ignore[attr-defined] # read little ahead
    try:
        yield child, reader
    finally:
        child.kill()
        await child.ended()
        await reader.read()


async def test_what_goes_while_a_backup_is_made_is_still_in_it(tmp_path: Path) -> None:
    """Content that the database of the backup names is not removed before it is copied, and is removed afterwards."""
    data = tmp_path / "data"
    async with running_server(data) as server:
        anna = await server.person("Anna")
        file = await files.put(anna, files.noise(3_000_000))
        await anna.http.put("/me", json={"avatarFileId": file.id})
        async with held_up(data) as (child, reader):
            async with asyncio.timeout(WAIT_S):
                start = await reader.readexactly(1)
            await server.application.store._write(_forget_files)  # type: ignore[attr-defined] # as the janitor would in a day
            await server.application.files.janitor.tidy()
            assert len(tree(data / "files")) == 1
            async with asyncio.timeout(WAIT_S):
                backup = start + await reader.read()
                assert await child.ended() == 0
        found = verify(backup)
        assert (found.contents, found.problems) == (1, 0)
        await server.application.files.janitor.tidy()
        assert tree(data / "files") == {}


async def _forget_files(tx: object) -> None:
    for statement in (
        "UPDATE users SET avatar_file_id = NULL",
        "DELETE FROM uploads",
        "DELETE FROM file_reviews",
        "DELETE FROM files",
        "INSERT INTO doomed_blobs SELECT key FROM blobs",
        "DELETE FROM blobs",
    ):
        await tx.all(statement)  # type: ignore[attr-defined] # a transaction of the store


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_an_interrupted_backup_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    """One that is told to end tidies up; what one that was killed has left is swept up by the next."""
    data = tmp_path / "data"
    async with running_server(data) as server:
        anna = await server.person("Anna")
        file = await files.put(anna, files.noise(3_000_000))
        await anna.http.put("/me", json={"avatarFileId": file.id})
    async with held_up(data) as (child, reader):
        async with asyncio.timeout(WAIT_S):
            await reader.readexactly(1)
        assert len(list(data.glob(PREFIX + "*"))) == 1
        child.send_signal(number)
        async with asyncio.timeout(WAIT_S):
            assert await child.ended() in {130, -1}
    assert len(list(data.glob(PREFIX + "*"))) == (1 if number == signal.SIGKILL else 0)
    done = run("backup", tmp_path, "--data", data, "--scratch", data, "--verify", "--json")
    assert done.returncode == 0, done
    assert list(data.glob(PREFIX + "*")) == []
    told = json.loads(done.stdout)
    assert told["verified"] is True
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["data", Path(told["path"]).name])


def test_the_whole_way(data: Path, tmp_path: Path) -> None:
    """Make, verify, list and restore, encrypted, as an owner would; stdout is data."""
    (tmp_path / "passphrase").write_text("correct horse\n")
    kept = {
        "CHATSERVER_BACKUP_DIR": str(tmp_path / "kept"),
        "CHATSERVER_BACKUP_PASSPHRASE_FILE": str(tmp_path / "passphrase"),
    }
    (tmp_path / "kept").mkdir()
    done = run("backups", "--data", data, **kept)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "There is no backup yet.\n")
    done = run("backup", tmp_path / "kept", "--data", data, **kept)
    assert done.returncode == 0, done
    assert "Backed up 2 users, 2 chats, 11 messages and 3 files; 1 MiB." in done.stderr
    path = Path(done.stdout.strip())
    assert path.name.endswith(".tar.zst.age")
    done = run("verify", "folder:newest", "--json", "--data", data, **kept)
    assert json.loads(done.stdout)["counts"]["users"] == 2
    done = run("backups", "--json", "--data", data, **kept)
    assert json.loads(done.stdout)["name"] == path.name
    done = run("restore", path, "--data", tmp_path / "new", "--passphrase-file", tmp_path / "passphrase")
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'new'}\n")
    assert "anna@example.org" in run("user", "list", "--data", tmp_path / "new").stdout
    done = run("restore", path, "--data", tmp_path / "new", "--passphrase-file", tmp_path / "passphrase")
    assert (done.returncode, done.stdout) == (1, "")


async def test_a_database_in_use_is_not_given_a_new_epoch(data: Path, tmp_path: Path) -> None:
    """A copy put in place by other means gets one; its lacking files are told."""
    backup, _ = await asyncio.to_thread(make, Settings(data=data))
    restored = await asyncio.to_thread(restore, backup, Settings(data=tmp_path / "data"))
    async with running_server(restored.data):
        done = await asyncio.to_thread(run, "new-epoch", "--data", restored.data)
        assert (done.returncode, done.stdout) == (5, "")
        assert "already serves" in done.stderr
    next((restored.data / "files" / "content").glob("*/*")).unlink()
    done = await asyncio.to_thread(run, "new-epoch", "--json", "--sign-out", "--data", restored.data)
    told = json.loads(done.stdout)
    assert done.returncode in {0, 8}  # 0 if it was the thumbnail, which the client can do without
    assert told["epoch"] != restored.epoch
    async with running_server(restored.data) as server:
        assert server.application.store.epoch == told["epoch"]


def at_schema(folder: Path, schema: int) -> None:
    """A database of an older version, with a user in it."""
    prepare(folder, ALL[:schema])
    with closing(sqlite3.connect(folder / "chat.db", isolation_level=None)) as connection:
        connection.execute(
            "INSERT INTO users (id, email, display_name, password_hash, rev, created_at)"
            " VALUES (1, 'anna@example.org', 'Anna', '!', 1, 1)"
        )


def schema_of(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "chat.db")) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def epoch_of(folder: Path) -> object:
    with closing(sqlite3.connect(folder / "chat.db")) as connection:
        return connection.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()


def test_an_upgrade_can_be_undone(tmp_path: Path) -> None:
    """A copy is kept before the schema changes, at most two of them; rolling back keeps what is in use aside."""
    folder = tmp_path / "data"
    at_schema(folder, 3)
    for newest in (4, 5, len(ALL)):
        prepare(folder, ALL[:newest])
    assert [copy.schema for copy in before_upgrade.copies(folder)] == [5, 4]
    before = epoch_of(folder)
    done = run("rollback", "--json", "--data", folder)
    told = json.loads(done.stdout)
    assert (told["schema"], schema_of(folder)) == (5, 5)
    assert epoch_of(folder) != before
    with closing(sqlite3.connect(told["aside"])) as aside:
        assert aside.execute("PRAGMA user_version").fetchone() == (len(ALL),)
    done = run("rollback", "--data", folder)
    assert "schema 4 again" in done.stderr
    done = run("rollback", "--data", folder)
    assert (done.returncode, done.stdout) == (5, "")
    assert "no copy of an older schema" in done.stderr


def test_a_copy_of_long_ago_is_put_in_place_only_by_its_name(tmp_path: Path) -> None:
    """After an upgrade without a change of the schema, there is nothing to undo but one from long before."""
    folder = tmp_path / "data"
    at_schema(folder, len(ALL) - 1)
    prepare(folder, ALL)
    copy = before_upgrade.copies(folder)[0].path
    copy.rename(copy.with_name(f"schema-{len(ALL) - 1}-20200101T000000Z.db"))
    done = run("rollback", "--data", folder)
    assert (done.returncode, schema_of(folder)) == (5, len(ALL))
    assert "days ago: what was stored since would no longer be in the database" in done.stderr
    assert run("rollback", "--data", folder, "--schema", len(ALL) - 2).returncode == 5
    assert run("rollback", "--data", folder, "--schema", len(ALL) - 1).returncode == 0
    assert schema_of(folder) == len(ALL) - 1


def test_without_room_for_the_copy_nothing_is_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The way on is said: free some space, or go without a copy once."""
    folder = tmp_path / "data"
    at_schema(folder, 4)
    usage = type("Usage", (), {"free": 1_000})
    monkeypatch.setattr("chatserver.store.sqlite.before_upgrade.shutil.disk_usage", lambda _: usage)
    with pytest.raises(StoreUnusableError, match="CHATSERVER_BACKUP_BEFORE_MIGRATION=false"):
        prepare(folder, ALL)
    assert schema_of(folder) == 4
    prepare(folder, ALL, copy_before_migration=False)
    assert schema_of(folder) == len(ALL)


def test_a_backup_of_an_older_schema_is_restored_and_migrated(data: Path, tmp_path: Path) -> None:
    """It is checked as it is, then brought to this version's schema."""
    from chatserver import backends  # noqa: PLC0415 - replaced for a while

    older = tmp_path / "older"
    at_schema(older, len(ALL) - 1)
    newest = backends.newest_schema
    try:
        backends.newest_schema = lambda: len(ALL) - 1
        backup, _ = make(Settings(data=older))
    finally:
        backends.newest_schema = newest
    restored = restore(backup, Settings(data=tmp_path / "new"))
    assert (restored.content.header.schema, schema_of(restored.data)) == (len(ALL) - 1, len(ALL))
    done = run("backup", tmp_path / "x", "--data", older)
    assert (done.returncode, done.stdout) == (1, "")
    assert "older schema" in done.stderr
