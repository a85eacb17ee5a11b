"""The SQLite file: who may read it, which schemas are accepted, how it is upgraded, and that look-ups use indexes."""

import asyncio
import hashlib
import importlib
import os
import pkgutil
import re
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from chatproto.errors import ChatError
from chatserver import store
from chatserver.store import migrations, sql
from chatserver.store.errors import SchemaTooNewError, StoreInUseError, StoreUnusableError
from chatserver.store.migrations import Migration
from chatserver.store.sqlite import SqliteStore, database, statements
from chatserver.store.sqlite.database import prepare
from tests.support.store import Commits, make_users, new_message, stored

FIRST_SCHEMA_SHA256 = "9f5038e45d40b87cb73639e3ee1beabef8432f8463ac94b5b32d213753103d2c"
SECOND = Migration(2, "test", "ALTER TABLE users ADD COLUMN motto TEXT NOT NULL DEFAULT 'none';")
BROKEN = Migration(3, "broken", "CREATE TABLE half (id INTEGER PRIMARY KEY); CREATE TABLE half (again INTEGER);")


def version_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


def first_schema() -> Migration:
    return migrations.load("sqlite")[0]


def build_first(data_dir: Path) -> Path:
    """A database as the first release made it, with a user in it."""
    path, _ = prepare(data_dir, [first_schema()])
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("INSERT INTO users VALUES (7, 'anna@example.org', 'Anna', 'h', 1, 0, 5)")
    return path


def test_the_first_schema_is_frozen() -> None:
    """Databases of it exist: any change belongs into a new migration."""
    assert hashlib.sha256(first_schema().script.encode()).hexdigest() == FIRST_SCHEMA_SHA256


async def test_a_database_of_the_first_schema_is_upgraded(tmp_path: Path) -> None:
    """Today's store opens it with everything that was in it."""
    path = build_first(tmp_path / "data")
    store = await SqliteStore.open(tmp_path / "data")
    try:
        account = await store.account_by_email("anna@example.org")
        assert account is not None
        assert account.user.id == 7
    finally:
        await store.close()
    assert version_of(path) == len(migrations.load("sqlite"))


def test_migrations_run_once_and_in_order(tmp_path: Path) -> None:
    """Only what is missing is applied, to the data that is there; a second start changes nothing."""
    path = build_first(tmp_path)
    for _ in range(2):
        assert prepare(tmp_path, [first_schema(), SECOND]) == (path, None)
        assert version_of(path) == 2
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT motto FROM users").fetchall() == [("none",)]


def test_a_migration_that_fails_leaves_no_trace(tmp_path: Path) -> None:
    """Those before it are kept, itself is undone whole, and the error says what to do."""
    path = build_first(tmp_path)
    with pytest.raises(StoreUnusableError, match="half already exists"):
        prepare(tmp_path, [first_schema(), SECOND, BROKEN])
    assert version_of(path) == 2
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_schema WHERE name = 'half'").fetchall() == []


def test_a_database_in_use_is_not_upgraded(tmp_path: Path) -> None:
    """A command of a newer release leaves the schema of a running older server alone; so does a second server."""
    path, lock = prepare(tmp_path, [first_schema()], serving=True)
    assert lock is not None
    try:
        for serving in (False, True):
            with pytest.raises(StoreInUseError, match="Stop it first"):
                prepare(tmp_path, [first_schema(), SECOND], serving=serving)
        assert version_of(path) == 1
        assert prepare(tmp_path, [first_schema()]) == (path, None)
    finally:
        os.close(lock)
    assert prepare(tmp_path, [first_schema(), SECOND]) == (path, None)
    assert version_of(path) == 2


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """A server that is too old says so and touches nothing."""
    path = build_first(tmp_path)
    prepare(tmp_path, [first_schema(), SECOND])
    before = path.read_bytes()
    with pytest.raises(
        SchemaTooNewError, match=r"schema 2, and this chatserver knows 1 at most\. Use .* chatserver rollback"
    ):
        prepare(tmp_path, [first_schema()])
    assert path.read_bytes() == before


def test_other_files_are_refused(tmp_path: Path) -> None:
    """Neither another program's database nor something that is no database is written to."""
    with closing(sqlite3.connect(tmp_path / database.FILE_NAME)) as connection:
        connection.execute("CREATE TABLE theirs (id INTEGER)")
    with pytest.raises(StoreUnusableError, match="another program's"):
        prepare(tmp_path, migrations.load("sqlite"))
    (tmp_path / database.FILE_NAME).write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreUnusableError, match="cannot be opened: file is not a database"):
        prepare(tmp_path, migrations.load("sqlite"))


def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    """A file in the way, or a missing database that must not be made, is an error that names the flag."""
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnusableError, match="--data"):
        prepare(tmp_path / "file", migrations.load("sqlite"))
    with pytest.raises(StoreUnusableError, match="no database in"):
        prepare(tmp_path / "missing", migrations.load("sqlite"), create=False)
    assert not (tmp_path / "missing").exists()


async def test_only_the_owner_can_read_the_files(tmp_path: Path) -> None:
    """Folder 0700 and every file 0600, also where an empty folder or a lax file was there before."""
    for before in ("missing", "empty", "lax"):
        folder = tmp_path / before
        if before != "missing":
            folder.mkdir(mode=0o755)
        if before == "lax":
            build_first(folder)
            (folder / database.FILE_NAME).chmod(0o644)
        store = await SqliteStore.open(folder)
        try:
            await make_users(store, "Bert")
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.rglob("*") if file.is_file()}
            assert {"chat.db", "chat.db-wal"} <= set(modes)
            assert set(modes.values()) == {0o600}
            assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir() if path.is_dir()} <= {0o700}
        finally:
            await store.close()


def test_several_processes_may_make_it_at_once(tmp_path: Path) -> None:
    """Whoever is first makes the schema; the others find it made, and all agree on one epoch."""
    script = (
        "import asyncio, pathlib, sys\n"
        "from chatserver.store.sqlite import SqliteStore\n"
        "async def main():\n"
        "    store = await SqliteStore.open(pathlib.Path(sys.argv[1]), serving=False)\n"
        "    print(store.epoch)\n"
        "    await store.close()\n"
        "asyncio.run(main())\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "data")]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(4)]
    epochs = {process.communicate(timeout=30)[0] for process in processes}
    assert [process.returncode for process in processes] == [0] * 4
    assert len(epochs) == 1


async def test_a_full_disk_refuses_for_now_and_stores_nothing(tmp_path: Path) -> None:
    """Every caller of the commit gets `diskFull`; once there is room the same messages go in, without a hole."""
    store = await SqliteStore.open(tmp_path)
    try:
        anna, bert = await make_users(store, "Anna", "Bert")
        chat = await store.open_direct(anna.id, bert.id)
        commits = Commits(store)
        writer = store._writer._connection  # only the connection itself can be told that the disk is full
        [[pages]] = await writer.execute_fetchall("PRAGMA page_count")
        await writer.execute_fetchall(f"PRAGMA max_page_count = {pages + 2}")
        calls = [[new_message(anna, "x" * 5_000, chat_id=chat.id) for _ in range(5)] for _ in range(10)]
        results = await asyncio.gather(*map(store.append, calls), return_exceptions=True)
        assert [result.code for result in results if isinstance(result, ChatError)] == ["diskFull"] * 10
        assert all(result.temporary for result in results if isinstance(result, ChatError))
        assert await store.events(chat.id, limit=5) == ([], False)
        assert commits.all == []
        await writer.execute_fetchall("PRAGMA max_page_count = 100000")
        again = await asyncio.gather(*map(store.append, calls))
        assert sorted(place.seq for result in again for place in stored(result)) == list(range(1, 51))
    finally:
        await store.close()


async def test_a_step_that_fills_the_disk_does_not_poison_the_writer(tmp_path: Path) -> None:
    """Writes other than messages get `diskFull` too, and the next commit works."""
    store = await SqliteStore.open(tmp_path)
    try:
        writer = store._writer._connection  # as above
        [[pages]] = await writer.execute_fetchall("PRAGMA page_count")
        await writer.execute_fetchall(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(ChatError) as caught:
            await store.create_user("long@example.org", "x" * 50_000, "h")
        assert caught.value.code == "diskFull"
        await writer.execute_fetchall("PRAGMA max_page_count = 100000")
        assert (await store.create_user("long@example.org", "x" * 50_000, "h")).rev == 1
    finally:
        await store.close()


async def test_a_database_locked_by_others_refuses_for_now(tmp_path: Path) -> None:
    """Another process that holds the write lock too long causes `storageFailed`; afterwards all is well."""
    store = await SqliteStore.open(tmp_path)
    try:
        anna, bert = await make_users(store, "Anna", "Bert")
        message = new_message(anna, "hello", peer=bert)
        await store._writer._connection.execute_fetchall("PRAGMA busy_timeout = 1")  # instead of seconds
        with closing(sqlite3.connect(tmp_path / database.FILE_NAME, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(ChatError) as caught:
                await store.append([message])
            assert caught.value.code == "storageFailed"
            other.execute("ROLLBACK")
        assert stored(await store.append([message]))[0].seq == 1
    finally:
        await store.close()


def test_every_statement_finds_its_rows_by_an_index(tmp_path: Path) -> None:
    """No query reads a table from end to end: cost grows with the answer, not with the database."""
    path, _ = prepare(tmp_path, migrations.load("sqlite"))
    texts = {
        f"{module.name}.{name}": text
        for module in pkgutil.walk_packages(store.__path__, "chatserver.store.")
        if not module.name.startswith("chatserver.store.sqlite.search_")  # they ask another file
        and module.name != "chatserver.store.sqlite.offline"  # it counts and checks all of a copy
        for name, text in vars(importlib.import_module(module.name)).items()
        if name.isupper() and isinstance(text, str)
    }
    texts |= {"sent before": statements.sent_before(4), "at": sql.messages_at(4), "seqs at": sql.message_seqs_at(4)}
    complete = {
        name: statements.numbered(text)
        for name, text in texts.items()
        if text.split()[0] in {"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"}
        and not any(other.startswith(text) for other in texts.values() if other != text)  # beginnings of others
        and not ("WHERE" not in text and text.endswith("LIMIT 1"))  # reads one row, whichever
    }
    assert len(complete) > 20
    with closing(sqlite3.connect(path)) as connection:
        for name, text in complete.items():
            count = max([int(number) for number in re.findall(r"\?(\d+)", text)], default=text.count("?"))
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {text}", [None] * count)]
            scans = [step for step in plan if step.startswith("SCAN") and not is_bounded(step)]
            assert scans == [], (name, plan)


def is_bounded(step: str) -> bool:
    """A list that came as an argument, a subquery with its own limit, one value that SQLite knows of the file, or what
    is taken away by reading it.
    """
    return any(
        name in step
        for name in ("untold_events", "json_each", " p ", "CONSTANT ROW", "wanted", " w", "capped", "pragma_")
    )
