"""The cache's file: private, shared between processes, whole after a kill, and begun anew when it cannot be used."""

import contextlib
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from chatproto.frames import ChatSettings
from chatproto.models import Chat, User
from chatterm.client.cache import Cache
from chatterm.client.database import storage_error
from chatterm.client.errors import ClientError
from chatterm.client.model import Section
from tests.unit.chatterm.client.samples import BELA, EPOCH, ME, direct, messages


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "account" / "cache.db"


def filled(path: Path) -> Cache:
    cache = Cache.open(path)
    cache.adopt(EPOCH, ME)
    cache.store_users([BELA])
    cache.store_chats([direct(10, 2, 300)])
    cache.store_events(10, messages(10, 1, 300))
    return cache


def test_everything_is_there_after_opening_again(path: Path) -> None:
    """Opening an existing cache changes nothing."""
    filled(path).close()
    again = Cache.open(path)
    assert again.problem is None
    assert again.events(10, 1, 300) == messages(10, 1, 300)
    assert [entry.name for entry in again.entries()] == ["Béla"]
    again.close()


def test_files_are_private_with_any_umask(path: Path) -> None:
    """Database, log and lock are 0600 in a 0700 folder."""
    before = os.umask(0)
    try:
        cache = filled(path)
        modes = {name.name: stat.S_IMODE(name.stat().st_mode) for name in path.parent.iterdir()}
        cache.close()
    finally:
        os.umask(before)
    assert set(modes.values()) == {0o600}
    assert {"cache.db", "cache.db-wal", "cache.db-shm"} <= set(modes)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def _overwrite(path: Path, start: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(start)
        file.write(data)


def _truncate(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(5_000)


def _foreign(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE somebody_elses (x)")
    connection.close()


def _other_version(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b"this is no database"),
        lambda path: path.write_bytes(b""),
        lambda path: _overwrite(path, 0, b"X" * 100),
        _truncate,
        _foreign,
        _other_version,
    ],
    ids=["text", "empty", "header", "truncated", "foreign", "version"],
)
def test_a_file_that_cannot_be_used_is_set_aside(path: Path, damage: object) -> None:
    """A new cache is begun, the old file is kept under another name, and the reason can be told."""
    assert callable(damage)
    filled(path).close()
    damage(path)
    old = path.read_bytes()
    cache = Cache.open(path)
    assert cache.entries() == []
    assert cache.problem is not None
    assert cache.problem.code == "cacheBroken"
    assert str(path.with_name("cache.db.broken-1")) in cache.problem.hint
    assert path.with_name("cache.db.broken-1").read_bytes() == old
    cache.adopt(EPOCH, ME)
    cache.close()
    again = Cache.open(path)
    assert (again.problem, again.epoch()) == (None, EPOCH)
    again.close()


_ENTRIES_3 = """
DROP TABLE entries;
DROP TABLE totals;
CREATE TABLE entries (
    rank INTEGER NOT NULL, sort_name TEXT NOT NULL, kind TEXT NOT NULL, id INTEGER NOT NULL, name TEXT NOT NULL,
    unread INTEGER NOT NULL, peer_id INTEGER, email TEXT NOT NULL, mentions INTEGER NOT NULL,
    has_left INTEGER NOT NULL, PRIMARY KEY (rank, sort_name, kind, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX entries_by_ref ON entries (kind, id);
CREATE TABLE totals (entries INTEGER NOT NULL);
INSERT INTO totals VALUES (0);
DROP INDEX chats_by_floor;
ALTER TABLE chats DROP COLUMN floor;
ALTER TABLE chats DROP COLUMN floor_days;
ALTER TABLE unindexed DROP COLUMN at;
PRAGMA user_version = 3;
"""


def test_the_list_of_a_file_of_version_3_is_made_anew_from_what_it_holds(path: Path) -> None:
    """Opened by this version, it has sections, and nothing of it must be fetched again."""
    cache = filled(path)
    people = [User(id=number, email=f"p{number}@example.org", display_name=f"P {number}", rev=9) for number in (39, 40)]
    cache.store_users([*people, User(id=41, email="d@example.org", display_name="Dénes", rev=9, disabled=True)])
    chats = [
        Chat(id=70 + number, kind="group", title=f"Group {number}", head=number, head_at=number) for number in range(4)
    ]
    cache.store_chats([*chats, Chat(id=80, kind="direct", peer_id=39, head=0, head_at=0)], 1)
    cache.store_settings(70, ChatSettings(chat_id=70, useq=2, pinned=True, muted_until=99))
    cache.store_settings(71, ChatSettings(chat_id=71, useq=3, archived=True))
    cache.store_left([72], 4)
    before, counts = cache.entries(limit=1_000), cache.section_counts()
    cache.close()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(_ENTRIES_3)
    again = Cache.open(path)
    assert again.problem is None
    assert (again.entries(limit=1_000), again.section_counts()) == (before, counts)
    assert {entry.section for entry in before} == set(Section)
    again.close()


def test_a_file_of_an_earlier_version_is_deleted(path: Path) -> None:
    """It is filled anew from the server, nobody has to hear of it, and its texts do not stay behind."""
    filled(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 1")
    connection.close()
    cache = Cache.open(path)
    assert (cache.problem, cache.entries(), cache.epoch()) == (None, [], "")
    cache.close()
    assert list(path.parent.glob("cache.db.broken-*")) == []


def test_only_two_broken_files_are_kept(path: Path) -> None:
    """A disk that breaks every file is not filled with them."""
    for number in range(5):
        filled(path).close()
        path.write_bytes(b"broken %d" % number)
    Cache.open(path).close()
    kept = {name.read_bytes() for name in path.parent.glob("cache.db.broken-*")}
    assert kept == {b"broken 3", b"broken 4"}


def test_damage_met_in_use_is_a_clear_error_and_mended_by_the_next_start(path: Path) -> None:
    """A page that broke deep inside is not found at opening; whoever meets it is told what to do."""
    cache = filled(path)
    cache.close()
    size = path.stat().st_size
    with contextlib.closing(sqlite3.connect(path)) as connection:
        [(last_root,)] = connection.execute("SELECT max(rootpage) FROM sqlite_schema")
    for page in range(last_root, size // 4096):  # the schema lies before, and what grew lies after
        _overwrite(path, page * 4096, b"\xa5" * 4096)
    cache = Cache.open(path)
    assert cache.problem is None, "the first pages are whole"
    with pytest.raises(ClientError) as caught:
        cache.events(10, 1, 300)
    cache.close()
    assert caught.value.code == "cacheBroken"
    assert str(path) in caught.value.message
    mended = Cache.open(path)
    assert mended.problem is not None
    assert mended.events(10, 1, 300) == []
    mended.close()


def test_a_full_disk_is_a_clear_error_and_changes_nothing(path: Path) -> None:
    """The write that did not fit is not there in part, and what was there stays readable and writable."""
    cache = filled(path)
    before = (cache.entries(), cache.head(10))
    pages = cache._connection.execute("PRAGMA page_count").fetchone()[0]
    cache._connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(ClientError) as caught:
        cache.store_events(10, messages(10, 301, 900))
    assert caught.value.code == "diskFull"
    assert caught.value.temporary
    assert (cache.entries(), cache.head(10)) == before
    assert cache.holes(10, 1, 900) == [(301, 900)]
    cache._connection.execute("PRAGMA max_page_count = 1000000")
    assert cache.store_events(10, messages(10, 301, 900)).new == (301, 900)
    cache.close()


def test_a_folder_in_the_file_s_place_is_a_clear_error(path: Path) -> None:
    """Nothing is moved that is no file of ours."""
    path.mkdir(parents=True)
    with pytest.raises(ClientError) as caught:
        Cache.open(path)
    assert str(path) in caught.value.message
    assert caught.value.hint
    assert path.is_dir()


def test_a_reader_sees_what_another_connection_wrote(path: Path) -> None:
    """The engine writes on its own thread; the screen reads on another connection."""
    reader = Cache.open(path)
    assert reader.entries() == []
    writer = threading.Thread(target=lambda: filled(path).close())
    writer.start()
    writer.join()
    assert [entry.name for entry in reader.entries()] == ["Béla"]
    assert reader.holes(10, 1, 300) == []
    reader.close()


def test_many_processes_open_and_write_one_new_cache(path: Path) -> None:
    """They begin together, make one file, and no write is lost."""
    script = (
        "import sys, pathlib; from chatterm.client.cache import Cache\n"
        "from chatproto.models import User\n"
        "cache = Cache.open(pathlib.Path(sys.argv[1])); n = int(sys.argv[2])\n"
        "for i in range(n, n + 20):\n"
        "    cache.store_users([User(id=i, email=str(i), display_name=str(i), rev=i)])\n"
        "cache.close()"
    )
    processes = [subprocess.Popen([sys.executable, "-c", script, str(path), str(n)]) for n in range(100, 800, 100)]
    assert [process.wait(30) for process in processes] == [0] * 7
    cache = Cache.open(path)
    assert cache.problem is None
    assert cache.entry_count() == len(cache.entries(limit=1_000)) == 140
    assert cache.users_rev() == 719
    cache.close()
    assert not list(path.parent.glob("*.broken-*"))


def test_a_kill_between_writes_leaves_a_whole_cache(path: Path) -> None:
    """After kill -9 every stored event is there with the head and activity that belong to it."""
    script = (
        "import sys, pathlib; from chatterm.client.cache import Cache\n"
        "from tests.unit.chatterm.client.samples import messages, direct, ME\n"
        "cache = Cache.open(pathlib.Path(sys.argv[1]))\n"
        "cache.adopt('e', ME); cache.store_chats([direct(10, 2, 0)])\n"
        "for i in range(cache.head(10) + 1, 1000000, 5):\n"
        "    cache.store_events(10, messages(10, i, i + 4)); print(i + 4, flush=True)"
    )
    for lines in (1, 7, 30):
        with subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            for _ in range(lines):
                told = int(writer.stdout.readline())
            writer.kill()
        cache = Cache.open(path)
        head = cache.head(10)
        assert cache.problem is None
        assert head >= told
        assert head % 5 == 0
        assert cache.events(10, 1, head) == messages(10, 1, head)
        assert cache.entries()[0].activity == messages(10, head, head)[0].at
        assert cache.entries()[0].unread == min(head, 1_000)
        cache.close()


def test_a_busy_cache_is_a_clear_error(path: Path) -> None:
    """When another process writes for too long, the write fails whole and can be tried again."""
    cache = filled(path)
    cache._connection.execute("PRAGMA busy_timeout = 1")
    other = Cache.open(path)
    other._connection.execute("BEGIN IMMEDIATE")
    with pytest.raises(ClientError) as caught:
        cache.store_users([User(id=9, email="x", display_name="x", rev=9)])
    assert caught.value.code == "storageBusy"
    assert caught.value.temporary
    assert cache.user(2) == BELA, "reading goes on"
    other._connection.execute("ROLLBACK")
    other.close()
    cache.store_users([User(id=9, email="x", display_name="x", rev=9)])
    cache.close()


def test_no_room_for_the_index_of_the_log_is_a_full_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk SQLite cannot even read, and calls it an I/O error; people are told what it is."""
    cannot_grow = sqlite3.OperationalError("disk I/O error")
    cannot_grow.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMSIZE
    path.parent.mkdir()
    assert storage_error(cannot_grow, path).code == "storageFailed"
    usage = list(os.statvfs(path.parent))
    usage[4] = 0  # f_bavail
    monkeypatch.setattr(os, "statvfs", lambda _folder: os.statvfs_result(usage))
    assert storage_error(cannot_grow, path).code == "diskFull"
