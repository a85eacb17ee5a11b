"""What only this device remembers of the interface: drafts, texts sent before, the chat last read, the theme."""

import sqlite3
import time
from pathlib import Path
from typing import Final

import msgspec

from chatproto.errors import ErrorInfo
from chatterm.client import database
from chatterm.client.errors import ClientError

_HISTORY: Final = "CREATE TABLE history (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT"
FORMAT: Final = database.Format(
    application_id=0x43545549,  # "CTUI"
    version=2,
    schema=f"""
    CREATE TABLE draft (
        place TEXT PRIMARY KEY, text TEXT NOT NULL, at INTEGER NOT NULL, more TEXT NOT NULL DEFAULT ''
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
    {_HISTORY}
    """,
    synchronous="NORMAL",
    check=True,
    upgrades={1: f"ALTER TABLE draft ADD COLUMN more TEXT NOT NULL DEFAULT ''; {_HISTORY}"},
)
_BROKEN_MAX: Final = 3
"""Unreadable files kept for a rescue by hand."""
HISTORY_MAX: Final = 500
"""Sent texts that are remembered."""


class Draft(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is written and not sent. Beside the text, everything is as the interface put it there.

    `marks` are mentions: (row, start, end, user id). `reply_to` and `edit_of` are seqs of messages of the same chat,
    0 for none; `before` is what was written when the edit began. `files` are paths.
    """

    text: str = ""
    marks: tuple[tuple[int, int, int, int], ...] = ()
    reply_to: int = 0
    edit_of: int = 0
    before: "Draft | None" = None
    files: tuple[str, ...] = ()

    @property
    def is_blank(self) -> bool:
        """Whether nothing would be lost with it."""
        return not (self.text.strip() or self.reply_to or self.edit_of or self.files)


NO_DRAFT: Final = Draft()


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

    def draft(self, place: str) -> Draft:
        """What was left unsent at a place (a chat or person); blank if nothing was."""
        with database.reading(self._path):
            row = self._connection.execute("SELECT text, more FROM draft WHERE place = ?", (place,)).fetchone()
        if row is None:
            return NO_DRAFT
        text, more = row
        try:
            return (
                msgspec.structs.replace(msgspec.json.decode(more, type=Draft), text=text) if more else Draft(text=text)
            )
        except (msgspec.DecodeError, RecursionError):  # of another version: the text is what must not be lost
            return Draft(text=text)

    def save_draft(self, place: str, draft: Draft) -> None:
        """Keep a draft, or forget it if it is blank."""
        if draft.is_blank:
            self._write("DELETE FROM draft WHERE place = ?", place)
            return
        rest = msgspec.structs.replace(draft, text="")
        more = "" if rest == NO_DRAFT else msgspec.json.encode(rest).decode()
        statement = "INSERT OR REPLACE INTO draft (place, text, at, more) VALUES (?, ?, ?, ?)"
        self._write(statement, place, draft.text, int(time.time()), more)

    def draft_places(self, limit: int = 1_000) -> list[str]:
        """The places where something was left unsent."""
        with database.reading(self._path):
            rows = self._connection.execute("SELECT place FROM draft LIMIT ?", (limit,)).fetchall()
        return [str(place) for (place,) in rows]

    def history(self) -> list[str]:
        """The texts sent last, oldest first, at most `HISTORY_MAX`."""
        with database.reading(self._path):
            rows = self._connection.execute("SELECT text FROM history ORDER BY id").fetchall()
        return [str(text) for (text,) in rows]

    def remember_sent(self, text: str) -> None:
        """Add to the history; the same text once more moves to its end, and the oldest are forgotten."""
        with database.transaction(self._connection, self._path):
            self._connection.execute("DELETE FROM history WHERE text = ?", (text,))
            self._connection.execute("INSERT INTO history (text) VALUES (?)", (text,))
            oldest = "SELECT id FROM history ORDER BY id DESC LIMIT -1 OFFSET ?"
            self._connection.execute(f"DELETE FROM history WHERE id IN ({oldest})", (HISTORY_MAX,))  # noqa: S608 - own

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
