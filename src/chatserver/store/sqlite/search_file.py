"""The index file beside the database: its schema, how it is opened, and when it is made anew."""

import contextlib
import os
import sqlite3
import unicodedata
from pathlib import Path
from typing import Any, Final

import msgspec

from chatserver.store.sqlite.database import BUSY_TIMEOUT_MS

FILE_NAME: Final = "search.db"
SEQ_BITS: Final = 36
"""A document's id is its chat's number and, in the lower bits, its seq: the hits of a chat lie together, in order."""
SEQ_MASK: Final = (1 << SEQ_BITS) - 1
_FORMAT: Final = f"1 unicode {unicodedata.unidata_version}"
"""Changes with the schema and with what folding does; an index of another format is made anew."""
_PRAGMAS: Final = (
    "synchronous = NORMAL",  # no commit waits for the disk: what is lost with the power is indexed again
    "wal_autocheckpoint = 8192",  # a checkpoint does wait, and whoever stores a message at that moment with it
    "journal_size_limit = 67108864",
    "secure_delete = ON",
    "cache_size = -16384",
    "temp_store = MEMORY",
)
_KEPT_MIN: Final = 256
_KEPT_SHARE: Final = 20
_SECURE_DELETE_FROM: Final = (3, 42, 0)
"""From here on FTS5 can wipe the words of what is deleted at once, instead of when pieces of the index are merged."""
WIPES_AT_ONCE: Final = sqlite3.sqlite_version_info >= _SECURE_DELETE_FROM
_FLOORS: Final = """
CREATE TABLE IF NOT EXISTS floors (
    no INTEGER PRIMARY KEY,
    floor INTEGER NOT NULL -- documents up to this seq have been removed
) STRICT"""
_SCHEMA: Final = """
CREATE TABLE meta (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE chats (
    no INTEGER PRIMARY KEY,
    chat_id INTEGER NOT NULL UNIQUE,
    seq INTEGER NOT NULL -- up to here its log is indexed
) STRICT;
CREATE TABLE size (
    docs INTEGER NOT NULL,
    fresh INTEGER NOT NULL -- documents added since the index was last merged into one piece
) STRICT;
INSERT INTO size VALUES (0, 0);
CREATE TABLE docs (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    text TEXT NOT NULL -- folded, then the marks
) STRICT;
CREATE VIRTUAL TABLE words USING fts5(
    text, content = 'docs', content_rowid = 'id', tokenize = 'ascii', columnsize = 0
);
"""


def open_index(path: Path, epoch: str, *, writer: bool) -> sqlite3.Connection:
    """A connection to the index of the database with this epoch, for use by one thread at a time.

    The writer makes the file if it is missing, of another format or database, or damaged. Raises `sqlite3.Error`.
    """
    if not writer:
        return _connect(path)
    facts = f"{_FORMAT}, database {epoch}"
    with contextlib.suppress(sqlite3.DatabaseError):
        if path.exists():
            connection = _connect(path)
            if _facts(connection) == facts:
                connection.execute(_FLOORS)
                return connection
    remove_index(path)
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW, 0o600))
    connection = _connect(path)
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.executescript(f"BEGIN; {_SCHEMA} {_FLOORS}; COMMIT;")
    if WIPES_AT_ONCE:
        connection.execute("INSERT INTO words (words, rank) VALUES ('secure-delete', 1)")
    connection.execute("INSERT INTO meta (key, value) VALUES ('facts', ?)", (facts,))
    return connection


def vacuum(path: Path) -> None:
    """Write an index anew without what is unused in it, words of removed messages included. Raises `sqlite3.Error`."""
    with contextlib.closing(_connect(path)) as connection:
        connection.execute("INSERT INTO words (words) VALUES ('optimize')")
        for statement in ("PRAGMA auto_vacuum = INCREMENTAL", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
            connection.execute(statement).fetchall()


def kept_free(pages: int) -> int:
    """Free pages that a file of so many pages keeps: what is written next need not make it longer again."""
    return max(_KEPT_MIN, pages // _KEPT_SHARE)


def remove_index(path: Path) -> None:
    """Delete the file and what SQLite keeps beside it. Idempotent."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def one(connection: sqlite3.Connection, statement: str, *args: Any) -> Any:
    """The first column of the first row, decoded from JSON.

    Each row that Python fetches takes the interpreter's lock anew, which on a busy server takes milliseconds: so a
    statement gives all its rows as one text.
    """
    return msgspec.json.decode(connection.execute(statement, args).fetchone()[0])


def _connect(path: Path) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode=rw"  # never made by chance, with the wrong mode and empty
    timeout = BUSY_TIMEOUT_MS / 1000
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=timeout, check_same_thread=False)
    try:
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:  # also when interrupted, the file must not stay open
        connection.close()
        raise
    return connection


def _facts(connection: sqlite3.Connection) -> str | None:
    try:
        found = connection.execute("SELECT value FROM meta WHERE key = 'facts'").fetchone()
    except sqlite3.DatabaseError:
        found = None
    if found is None:
        connection.close()
        return None
    return str(found[0])
