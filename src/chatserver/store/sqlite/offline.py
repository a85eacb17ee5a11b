"""Databases that nobody serves: copies, to be checked, brought to the newest schema and put in place."""

import contextlib
import os
import secrets
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from chatserver.store import migrations
from chatserver.store.errors import StoreUnusableError
from chatserver.store.offline import Counts, OfflineStore, StoredContent
from chatserver.store.sqlite import database, search_file
from chatserver.store.sqlite.copying import explained

_COMPLAINTS_MAX: Final = 10

_COUNTS: Final = """
    SELECT (SELECT COUNT(*) FROM users WHERE deleted_at IS NULL), (SELECT COUNT(*) FROM chats),
        (SELECT COUNT(*) FROM events WHERE kind = 'message'), (SELECT COUNT(*) FROM events),
        (SELECT COUNT(*) FROM files), (SELECT COUNT(*) FROM blobs)"""
_CONTENT_BYTES: Final = "SELECT COALESCE(SUM(size + thumbnail_size), 0) FROM blobs"
_CONTENTS: Final = "SELECT key, sha256, size, thumbnail_size FROM blobs ORDER BY key"
_CONTRADICTIONS: Final = (
    (
        "The log of chat {} has a hole, or ends elsewhere than it says.",
        """SELECT c.id FROM chats c LEFT JOIN (
            SELECT chat_id, COUNT(*) AS events, MIN(seq) AS low, MAX(seq) AS high FROM events GROUP BY chat_id
        ) e ON e.chat_id = c.id
        WHERE c.head <> COALESCE(e.high, c.floor) OR e.low <> c.floor + 1 OR e.events <> e.high - c.floor""",
    ),
    (
        "The times in chat {} do not increase.",
        """SELECT DISTINCT chat_id FROM (
            SELECT chat_id, at, LAG(at) OVER (PARTITION BY chat_id ORDER BY seq) AS earlier FROM events
        ) WHERE earlier >= at""",
    ),
    ("The file {} has no content.", "SELECT id FROM files WHERE sha256 NOT IN (SELECT sha256 FROM blobs)"),
    (
        "The marker of a reader of chat {} is beyond its end.",
        "SELECT c.id FROM members m JOIN chats c ON c.id = m.chat_id WHERE m.seen_seq > c.head",
    ),
)


class OfflineSqlite:
    """See `OfflineStore`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def path(self) -> Path:
        return self._path

    @property
    def size(self) -> int:
        return self._path.stat().st_size

    def schema(self) -> int:
        with self._open() as connection:
            return database.checked_version(connection, self._path, newest=len(migrations.load("sqlite")))

    def epoch(self) -> str:
        with self._open() as connection:
            return bytes(connection.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()[0]).decode()

    def counts(self) -> Counts:
        with self._open() as connection:
            users, chats, messages, events, files, contents = connection.execute(_COUNTS).fetchone()
        return Counts(users=users, chats=chats, messages=messages, events=events, files=files, contents=contents)

    def content_bytes(self) -> int:
        with self._open() as connection:
            return int(connection.execute(_CONTENT_BYTES).fetchone()[0])

    def contents(self) -> Iterator[StoredContent]:
        with self._open() as connection:
            for key, sha256, size, thumbnail_size in connection.execute(_CONTENTS):
                yield StoredContent(key, sha256, size, thumbnail_size)

    def damage(self) -> list[str]:
        try:
            with self._open() as connection:
                found = connection.execute(f"PRAGMA integrity_check({_COMPLAINTS_MAX})").fetchall()
                complaints = [f"SQLite says: {row[0]}." for row in found if row[0] != "ok"]
                if not complaints:
                    broken = connection.execute("PRAGMA foreign_key_check").fetchmany(_COMPLAINTS_MAX)
                    complaints = [f"A row of {row[0]} refers to a row of {row[2]} that is not there." for row in broken]
                    complaints += _strangers(connection, self.schema())
        except StoreUnusableError as error:
            return [str(error)]
        return complaints

    def contradictions(self) -> list[str]:
        with self._open() as connection:
            complaints: list[str] = []
            for text, query in _CONTRADICTIONS:
                complaints += [text.format(row[0]) for row in connection.execute(query).fetchmany(_COMPLAINTS_MAX)]
        return complaints

    def migrate(self) -> None:
        database.prepare(self._path.parent, migrations.load("sqlite"), create=False, copy_before_migration=False)
        self._become_one_file()

    def vacuum(self) -> None:
        # What SQLite puts aside meanwhile goes where there is room for it, which /tmp may not have.
        os.environ["SQLITE_TMPDIR"] = str(self._path.parent.absolute())
        with self._open(writable=True) as connection:
            for statement in ("PRAGMA auto_vacuum = INCREMENTAL", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
                connection.execute(statement).fetchall()
        index = self._path.with_name(search_file.FILE_NAME)
        with contextlib.suppress(sqlite3.DatabaseError):  # it is made anew if it cannot be used
            if index.exists():
                search_file.vacuum(index)

    def renew(self, *, sign_out: bool) -> str:
        epoch = secrets.token_hex(16)
        with self._open(writable=True) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("UPDATE meta SET value = ? WHERE key = 'epoch'", (epoch.encode(),))
            if sign_out:
                now = time.time_ns() // 1_000
                connection.execute("UPDATE sessions SET revoked_at = ? WHERE revoked_at IS NULL", (now,))
                connection.execute("DELETE FROM meta WHERE key IN ('secret.access-token', 'secret.refresh-token')")
            connection.execute("COMMIT")
        return epoch

    def _become_one_file(self) -> None:
        """Take everything into the file itself, so that it may be moved alone."""
        with self._open(writable=True) as connection:
            connection.execute("PRAGMA journal_mode = DELETE")

    @contextlib.contextmanager
    def _open(self, *, writable: bool = False) -> Iterator[sqlite3.Connection]:
        mode = "rw" if writable else "ro"
        uri = f"{self._path.absolute().as_uri()}?mode={mode}"  # never made by chance, and empty
        with explained(self._path):
            timeout = database.BUSY_TIMEOUT_MS / 1000
            connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=timeout)
            with contextlib.closing(connection):
                connection.execute("PRAGMA trusted_schema = OFF")
                connection.execute("PRAGMA cell_size_check = ON")
                connection.execute("PRAGMA synchronous = FULL")
                yield connection


def _strangers(connection: sqlite3.Connection, schema: int) -> list[str]:
    """What the schema has too much or too little; a trigger of somebody else's would run with every message.

    Two tables are Litestream's own, in which it takes its locks (https://litestream.io/how-it-works/).
    """
    query = """SELECT type, name, tbl_name, CASE WHEN type IN ('trigger', 'view') THEN sql END FROM sqlite_schema
        WHERE name NOT LIKE 'sqlite_%' AND NOT (type = 'table' AND name IN ('_litestream_lock', '_litestream_seq'))"""
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as fresh:
        for migration in migrations.load("sqlite")[:schema]:
            for statement in database.split_script(migration.script):
                fresh.execute(statement)
        ours = set(fresh.execute(query).fetchall())
    difference = sorted(ours ^ set(connection.execute(query).fetchall()), key=str)
    return [f"The {kind} {name} is not as this schema has it." for kind, name, _, _ in difference[:_COMPLAINTS_MAX]]


def offline(folder: Path) -> OfflineSqlite:
    """The database in a folder. Raises `StoreUnusableError` if there is none."""
    path = folder / database.FILE_NAME
    if not path.is_file():
        raise StoreUnusableError(f"There is no database in {folder}. Check --data.")
    return OfflineSqlite(path)


if TYPE_CHECKING:
    _: type[OfflineStore] = OfflineSqlite  # the type checker proves that the interface is met
