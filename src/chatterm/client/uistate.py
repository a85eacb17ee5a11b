"""What only this device remembers of the interface: drafts, the chat last read, the theme."""

import sqlite3
import time
from pathlib import Path
from typing import Final, Self

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS draft (place TEXT PRIMARY KEY, text TEXT NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
ASIDE_MAX: Final = 3
"""Unreadable files kept for a rescue by hand."""


class UiState:
    """Small facts in one SQLite file, each written in a transaction of its own.

    A write survives the death of the process (`kill -9`) once it returns; a power failure may take the last
    ones (WAL, synchronous=NORMAL). Writes raise `sqlite3.Error` on a full or read-only disk. One thread.
    """

    def __init__(self, connection: sqlite3.Connection, set_aside: Path | None = None) -> None:
        self._connection = connection
        self.set_aside = set_aside
        """Where an unreadable earlier file was moved, if there was one."""

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open or create the file; one that is no database is moved to `NAME.broken-N` and a new one begun."""
        try:
            return cls(_connect(path))
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
        aside = _set_aside(path)
        return cls(_connect(path), aside)

    def draft(self, place: str) -> str:
        """The text left unsent at a place (a chat or person); empty if none."""
        row = self._connection.execute("SELECT text FROM draft WHERE place = ?", (place,)).fetchone()
        return str(row[0]) if row else ""

    def save_draft(self, place: str, text: str) -> None:
        """Keep a draft, or forget it if the text is blank."""
        if not text.strip():
            self._connection.execute("DELETE FROM draft WHERE place = ?", (place,))
            return
        self._connection.execute(
            "INSERT OR REPLACE INTO draft (place, text, at) VALUES (?, ?, ?)", (place, text, int(time.time()))
        )

    def setting(self, name: str) -> str | None:
        row = self._connection.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else None

    def save_setting(self, name: str, value: str) -> None:
        self._connection.execute("INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)", (name, value))

    def close(self) -> None:
        self._connection.close()


def _connect(path: Path) -> sqlite3.Connection:
    path.touch(mode=0o600)
    connection = sqlite3.connect(path, isolation_level=None, timeout=2.0)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.executescript(_SCHEMA)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _set_aside(path: Path) -> Path:
    for number in range(1, ASIDE_MAX + 1):
        aside = path.with_name(f"{path.name}.broken-{number}")
        if not aside.exists():
            break
    path.replace(aside)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    return aside
