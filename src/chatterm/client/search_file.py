"""The index for search of one account: its file beside the cache, and when it is made anew."""

import contextlib
import sqlite3
import unicodedata
from pathlib import Path
from typing import Final

from chatterm.client import database
from chatterm.client.database import Format, UnusableError
from chatterm.client.errors import ClientError

SLOT_BITS: Final = 10
"""A document's id is its message's time and, in the lower bits, its place among the messages of that microsecond.

So the newest documents are the last ones, whatever their chats, and a time is a bound of ids. What more than 1,024
chats say in the same microsecond is not found.
"""
SLOTS: Final = 1 << SLOT_BITS
_SCHEMA: Final = """
CREATE TABLE meta (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
-- Chats whose messages before `seq` have not been looked at, and a time that none of those is later than.
CREATE TABLE todo (chat_id INTEGER PRIMARY KEY, seq INTEGER NOT NULL, at INTEGER NOT NULL) STRICT;
CREATE INDEX todo_by_time ON todo (at);
-- fresh: documents added since the index was last merged into one piece; removed: whether words of documents that
-- are gone may be left in it, and merged_at, when it was last rid of them, in seconds since 1970 UTC.
CREATE TABLE size (docs INTEGER NOT NULL, fresh INTEGER NOT NULL, removed INTEGER NOT NULL, merged_at INTEGER NOT NULL)
STRICT;
INSERT INTO size VALUES (0, 0, 0, 0);
CREATE TABLE docs (
    id INTEGER PRIMARY KEY,
    chat_id INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    sender_id INTEGER NOT NULL,
    has INTEGER NOT NULL, -- 1: files, 2: a link
    text TEXT NOT NULL -- folded
) STRICT;
CREATE VIRTUAL TABLE words USING fts5(text, content = '', tokenize = 'ascii', columnsize = 0)
"""
FORMAT: Final = Format(0x43545345, 1, _SCHEMA, "NORMAL")
"""It is made from the cache, so it may be lost."""
_SECURE_DELETE_FROM: Final = (3, 42, 0)
WIPES_AT_ONCE: Final = sqlite3.sqlite_version_info >= _SECURE_DELETE_FROM
"""Whether FTS5 can wipe the words of what is deleted at once, instead of when pieces of the index are merged."""
_CACHE_KIB: Final = 8_192


def open_index(path: Path, copy: str) -> sqlite3.Connection:
    """A connection to the index of this copy of the cache, made if missing, damaged, or of another copy.

    Raises `ClientError`: `searchUnavailable` if this Python's SQLite has no full-text search.
    """
    connection = existing_index(path, copy)
    if connection is None:
        with database.exclusively(path):
            connection = existing_index(path, copy)
            if connection is None:
                _check_engine()
                database.remove_files(path)
                database.create(path, FORMAT, lambda new: _begin(new, copy))
        connection = connection or existing_index(path, copy)
    if connection is None:
        raise ClientError("storageFailed", f"{path} was made anew and still cannot be used.", "Check the disk.")
    return connection


def existing_index(path: Path, copy: str) -> sqlite3.Connection | None:
    """A connection to the index of this copy if there is one."""
    try:
        connection = database.connect(path, FORMAT)
    except (FileNotFoundError, UnusableError):
        return None
    try:
        if facts_of(connection) == _facts(copy):
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            return connection
    except sqlite3.DatabaseError:
        pass
    connection.close()
    return None


def identity(path: Path) -> tuple[int, int] | None:
    """Which file lies there now, None if there is none: an index made anew has the same name as the old one."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def is_of(connection: sqlite3.Connection, copy: str) -> bool:
    """Whether an open index is still that of this copy."""
    return facts_of(connection) == _facts(copy)


def facts_of(connection: sqlite3.Connection) -> str:
    """What an index was made from, and how."""
    row = connection.execute("SELECT value FROM meta WHERE key = 'facts'").fetchone()
    return "" if row is None else str(row[0])


def missing_before(connection: sqlite3.Connection) -> int:
    """A time (microseconds since 1970 UTC) before which messages may be missing in an index; 0 if none are."""
    row = connection.execute("SELECT max(at) FROM todo").fetchone()
    return 0 if row[0] is None else int(row[0]) + 1


def remove_index(path: Path) -> None:
    """Delete the index. Idempotent."""
    with contextlib.suppress(OSError):
        database.remove_files(path)


def _facts(copy: str) -> str:
    return f"unicode {unicodedata.unidata_version}, cache {copy}"


def _begin(connection: sqlite3.Connection, copy: str) -> None:
    connection.execute("INSERT INTO meta VALUES ('facts', ?)", (_facts(copy),))
    if WIPES_AT_ONCE:
        connection.execute("INSERT INTO words (words, rank) VALUES ('secure-delete', 1)")


def _check_engine() -> None:
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.execute("CREATE VIRTUAL TABLE words USING fts5(text)")
        except sqlite3.OperationalError as error:
            raise ClientError(
                "searchUnavailable",
                "The SQLite of this Python has no full-text search (FTS5).",
                "Only the server can be asked; use another Python to search on this device, too.",
            ) from error
