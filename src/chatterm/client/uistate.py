"""What only this device remembers of the interface: drafts, the chat last read, the theme."""

import sqlite3
import time
from pathlib import Path
from typing import Final

from chatproto.errors import ErrorInfo
from chatterm.client import database
from chatterm.client.errors import ClientError

FORMAT: Final = database.Format(
    application_id=0x43545549,  # "CTUI"
    version=1,
    schema="""
    CREATE TABLE draft (place TEXT PRIMARY KEY, text TEXT NOT NULL, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID
    """,
    synchronous="NORMAL",
    check=True,
)
_BROKEN_MAX: Final = 3
"""Unreadable files kept for a rescue by hand."""


class UiState:
    """Small facts in one SQLite file, each written in a transaction of its own.

    A write survives the death of the process (`kill -9`) once it returns; a power failure may take the last
    ones. Reads and writes raise `ClientError` (`diskFull`, `notWritable`, `storageBusy`, `storageFailed`);
    then nothing was changed. An instance belongs to the thread that opened it.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, problem: ErrorInfo | None) -> None:
        """Use `UiState.open`."""
        self._connection = connection
        self._path = path
        self.problem = problem
        """Why an earlier file was set aside at opening, if one was."""

    @classmethod
    def open(cls, path: Path) -> "UiState":
        """Open the file, making it if missing; a damaged or foreign one is renamed to `.broken-N`, a new one begun."""
        connection, problem = database.open_or_begin_anew(path, FORMAT, _told, keep=_BROKEN_MAX)
        return cls(connection, path, problem)

    def draft(self, place: str) -> str:
        """The text left unsent at a place (a chat or person); empty if none."""
        return self._read("SELECT text FROM draft WHERE place = ?", place) or ""

    def save_draft(self, place: str, text: str) -> None:
        """Keep a draft, or forget it if the text is blank."""
        if text.strip():
            statement = "INSERT OR REPLACE INTO draft (place, text, at) VALUES (?, ?, ?)"
            self._write(statement, place, text, int(time.time()))
        else:
            self._write("DELETE FROM draft WHERE place = ?", place)

    def setting(self, name: str) -> str | None:
        """What is remembered under a name; None if nothing is."""
        return self._read("SELECT value FROM setting WHERE name = ?", name)

    def save_setting(self, name: str, value: str) -> None:
        self._write("INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)", name, value)

    def close(self) -> None:
        self._connection.close()

    def _read(self, statement: str, key: str) -> str | None:
        with database.reading(self._path):
            row = self._connection.execute(statement, (key,)).fetchone()
        return str(row[0]) if row else None

    def _write(self, statement: str, *values: str | int) -> None:
        with database.transaction(self._connection, self._path):
            self._connection.execute(statement, values)


def _told(reason: database.UnusableError, broken: Path) -> ErrorInfo:
    return ClientError(
        "storageFailed", f"Your drafts could not be read ({reason}).", f"The old file is kept as {broken}."
    ).info()
