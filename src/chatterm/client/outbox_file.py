"""The outbox's file: its schema, and how a damaged one is set aside without losing what it holds."""

import sqlite3
from pathlib import Path
from typing import Final

from chatproto.errors import ErrorInfo
from chatterm.client import database
from chatterm.client.errors import ClientError

_BROKEN_MAX: Final = 100
_SCHEMA: Final = """
CREATE TABLE messages (
    row_id INTEGER PRIMARY KEY AUTOINCREMENT,
    client_id BLOB NOT NULL UNIQUE CHECK (length(client_id) = 16),
    target TEXT NOT NULL CHECK (target GLOB '[cu]:[0-9]*' OR target GLOB 'e:?*'),
    text TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'sending', 'held', 'failed')),
    attempts INTEGER NOT NULL DEFAULT 0,
    error BLOB,
    blocks INTEGER NOT NULL DEFAULT 0,
    enclosed BLOB,
    attached BLOB,
    waits INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX messages_by_state ON messages (state, row_id);
CREATE INDEX messages_by_target ON messages (target, row_id);
CREATE INDEX messages_in_flight ON messages (target) WHERE state = 'sending';
CREATE INDEX messages_blocking ON messages (target, row_id) WHERE blocks;
CREATE INDEX messages_waiting ON messages (target, row_id) WHERE waits;
CREATE INDEX messages_attached ON messages (row_id) WHERE attached IS NOT NULL
"""
_UPGRADES: Final = {
    1: "ALTER TABLE messages ADD COLUMN enclosed BLOB",
    2: """
ALTER TABLE messages ADD COLUMN attached BLOB;
ALTER TABLE messages ADD COLUMN waits INTEGER NOT NULL DEFAULT 0;
CREATE INDEX messages_waiting ON messages (target, row_id) WHERE waits;
CREATE INDEX messages_attached ON messages (row_id) WHERE attached IS NOT NULL""",
}
FORMAT: Final = database.Format(0x43544F42, 3, _SCHEMA, "FULL", check=True, upgrades=_UPGRADES)


def open_file(path: Path) -> tuple[sqlite3.Connection, ErrorInfo | None]:
    """Open the outbox at `path`, making or repairing it; the second value is what the user should know of it."""
    problem: ErrorInfo | None = None
    aside = _aside(path)

    def repair(reason: database.UnusableError | None) -> None:
        nonlocal problem
        problem = _repair(path, reason)

    if aside.exists() or database.log_of(aside).exists():
        with database.exclusively(path):
            _finish_move(path, aside)
    return database.open_or_create(path, FORMAT, repair), problem


def settle(connection: sqlite3.Connection, key: str) -> None:
    """Make the rows of a target HELD that lie behind a blocking refusal, and only those."""
    first = connection.execute("SELECT min(row_id) FROM messages WHERE target = ? AND blocks", (key,)).fetchone()[0]
    if first is not None:
        connection.execute(
            "UPDATE messages SET state = 'held' WHERE target = ? AND state = 'queued' AND row_id > ?", (key, first)
        )
    connection.execute(
        "UPDATE messages SET state = 'queued' WHERE target = ? AND state = 'held' AND (?2 IS NULL OR row_id < ?2)",
        (key, first),
    )


def _aside(path: Path) -> Path:
    """A damaged file's name until its rescue is finished, so that a kill in between is noticed."""
    return path.with_name(f"{path.name}.rescue")


def _finish_move(path: Path, aside: Path) -> None:
    """Go on where a rescue was killed."""
    if not path.exists():
        return  # the rescue itself is still to be done
    if aside.exists():  # the new file is whole, and has what was rescued
        database.move_files(aside, database.broken_name(path, _BROKEN_MAX))
    elif database.log_of(aside).exists():  # only the log was moved yet: the file at `path` belongs to it
        database.move_files(path, aside)


def _repair(path: Path, reason: database.UnusableError | None) -> ErrorInfo | None:
    if reason is not None and reason.newer:
        raise ClientError(
            "outboxNewer",
            f"The outbox, {path}, was written by a newer chatterm: {reason}.",
            "Update this chatterm; the messages in it are kept.",
        )
    aside = _aside(path)
    if reason is None and not aside.exists() and database.log_of(path).exists():
        path.touch(0o600)
        reason = database.UnusableError("the file is missing, its log is there")
    if reason is not None:
        database.move_files(path, aside)
    if not aside.exists():
        database.create(path, FORMAT)
        return None
    from chatterm.client import outbox_rescue  # noqa: PLC0415 - hardly ever needed

    rescued = outbox_rescue.read(aside)
    database.create(path, FORMAT, lambda connection: outbox_rescue.write(connection, rescued))
    broken = database.broken_name(path, _BROKEN_MAX)
    database.move_files(aside, broken)
    return ClientError(
        "outboxRecovered",
        f"The outbox was damaged ({reason or 'an earlier rescue was interrupted'});"
        f" {len(rescued)} unsent messages were rescued.",
        f"Look at 'chatterm outbox'. The damaged file is kept as {broken}.",
    ).info()
