"""Backups: what is put in comes out, and whatever is wrong with one is found before anything is touched."""

import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest
import uvloop

from chatserver.backup.errors import BackupError, BackupUnusableError
from chatserver.backup.folder import replacing
from chatserver.settings import Settings
from tests.support.backups import furnish, make, restore, tree, verify
from tests.support.server import running_server


class Backed(NamedTuple):
    """A server that has stopped, and a backup of it."""

    settings: Settings
    backup: bytes


@pytest.fixture(scope="module")
def backed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backed]:
    data = tmp_path_factory.mktemp("server") / "data"
    uvloop.run(furnish(data))
    settings = Settings(data=data)
    yield Backed(settings, make(settings)[0])


def rows(data: Path) -> dict[str, list[tuple[object, ...]]]:
    """Everything in a database but its epoch."""
    with closing(sqlite3.connect(data / "chat.db")) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {
            table: sorted(connection.execute(f"SELECT * FROM {table}").fetchall(), key=repr)
            for table in tables
            if table != "meta"
        }


def meta(data: Path) -> dict[str, bytes]:
    with closing(sqlite3.connect(data / "chat.db")) as connection:
        return dict(connection.execute("SELECT key, value FROM meta").fetchall())


async def test_what_is_restored_is_what_was_backed_up(backed: Backed, tmp_path: Path) -> None:
    """Rows, secrets, content and keys are the same; the epoch is new; everything is for its owner alone."""
    data = backed.settings.data
    restored = restore(backed.backup, Settings(data=tmp_path / "new" / "data"))
    assert rows(restored.data) == rows(data)
    assert tree(restored.data) == tree(data)
    assert len([name for name in tree(data) if name.startswith("files/content/")]) == 3
    assert "acme/account.json" in tree(restored.data)
    before, after = meta(data), meta(restored.data)
    assert before.pop("epoch") != after.pop("epoch") == restored.epoch.encode()
    assert before == after
    for path in (restored.data, *restored.data.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["data"]
    async with running_server(restored.data) as server:
        assert server.application.store.epoch == restored.epoch


def test_counts_are_told_and_checked(backed: Backed) -> None:
    """What verifying finds is what the backup says of itself."""
    found = verify(backed.backup)
    assert found.counts == found.header.counts
    counts = found.counts
    assert (counts.users, counts.chats, counts.messages, counts.files, counts.contents) == (2, 2, 11, 3, 2)
    assert (found.contents, found.problems, found.small_files) == (3, 0, 1)


def test_what_litestream_adds_is_no_damage_and_what_anybody_else_adds_is(backed: Backed, tmp_path: Path) -> None:
    """Its tables go along; a trigger, or any other table, is refused."""
    data = tmp_path / "data"
    shutil.copytree(backed.settings.data, data)
    added = (
        "CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER)",
        "CREATE TABLE _litestream_lock (id INTEGER)",
    )
    with closing(sqlite3.connect(data / "chat.db")) as connection:
        for statement in added:
            connection.execute(statement)
    assert verify(make(Settings(data=data))[0]).problems == 0
    for statement, told in (
        ("CREATE TABLE litestream (id INTEGER)", "The table litestream is not as this schema has it"),
        (
            "CREATE TRIGGER _litestream_seq AFTER INSERT ON events BEGIN DELETE FROM users; END",
            "The trigger _litestream_seq is not as this schema has it",
        ),
    ):
        with closing(sqlite3.connect(data / "chat.db")) as connection:
            connection.execute(statement)
        with pytest.raises(BackupUnusableError, match=told):
            verify(make(Settings(data=data))[0])


def test_configuration_goes_along(backed: Backed, tmp_path: Path) -> None:
    """The file itself and what it names, but never the passphrase of the backup."""
    for name in ("chat.toml", "smtp", "passphrase"):
        (tmp_path / name).write_text(f"{name} content")
    settings = Settings(
        data=backed.settings.data,
        smtp_password_file=tmp_path / "smtp",
        backup_passphrase_file=tmp_path / "passphrase",
    )
    backup, _ = make(settings, config=tmp_path / "chat.toml")
    restored = restore(backup, Settings(data=tmp_path / "data"))
    assert restored.config is not None
    assert tree(restored.config) == {"chat.toml": b"chat.toml content", "smtp_password_file/smtp": b"smtp content"}


def test_a_folder_with_anything_in_it_is_left_alone(backed: Backed, tmp_path: Path) -> None:
    """Also one that holds nothing but a stranger's file."""
    (tmp_path / "mine").touch()
    with pytest.raises(BackupError, match="not empty: it has 'mine'"):
        restore(backed.backup, Settings(data=tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_lacking_files_are_told_and_the_rest_is_there(backed: Backed, tmp_path: Path) -> None:
    """A server that has lost files can still be backed up; the backup says which are missing and which are damaged."""
    restored = restore(backed.backup, Settings(data=tmp_path / "data"))
    stored = [path for path in (restored.data / "files" / "content").rglob("*") if path.is_file()]
    thumbnail, picture, large = sorted(stored, key=lambda path: path.stat().st_size)
    thumbnail.unlink()
    picture.write_bytes(b"x" * picture.stat().st_size)
    large.write_bytes(large.read_bytes()[:5_000])
    backup, made = make(Settings(data=restored.data))
    assert made.problems == 3
    found = verify(backup)
    assert (found.problems, found.first_problem) == (3, made.first_problem)
    again = restore(backup, Settings(data=tmp_path / "again"))
    assert rows(again.data) == rows(restored.data)


def test_an_encrypted_backup_opens_with_its_passphrase_only(backed: Backed, tmp_path: Path) -> None:
    """Nothing of it can be read without."""
    backup, _ = make(backed.settings, passphrase="correct horse")
    assert verify(backup, "correct horse").problems == 0
    with pytest.raises(BackupUnusableError, match="passphrase is not the one"):
        verify(backup, "wrong horse")
    with pytest.raises(BackupUnusableError, match="is encrypted"):
        verify(backup)


@pytest.mark.parametrize("part", [100_000, 9_000_000])
def test_little_is_ever_unwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: int) -> None:
    """Whatever the parts: a commit of the server on the same disk would have to wait for all of it."""
    sizes: list[int] = []
    synced = os.fdatasync

    def noted(descriptor: int) -> None:
        sizes.append(os.fstat(descriptor).st_size)
        synced(descriptor)

    monkeypatch.setattr(os, "fdatasync", noted)
    with replacing(tmp_path / "backup") as file:
        for _ in range(9_000_000 // part):
            file.write(bytes(part))
    assert (tmp_path / "backup").stat().st_size == 9_000_000
    assert max(after - before for before, after in pairwise([0, *sizes, 9_000_000])) < 3 * 1_048_576
