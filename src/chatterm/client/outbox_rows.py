"""The outbox's rows as they are stored, targets as text and the rest as JSON, and how one of them changes its state."""

import os
import sqlite3
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from chatproto.errors import ErrorInfo
from chatterm.client.database import damaged
from chatterm.client.model import NOTHING_ENCLOSED, Attachment, Enclosed, OutboxRow, OutboxState, Target

COLUMNS: Final = "row_id, client_id, target, text, created_at, state, attempts, error, enclosed, attached, waits"
BLOCKING: Final = frozenset({"notMember", "userNotFound"})
"""Refusals that every later message to the same target would meet, too."""
NEW_ID: Final = "clientIdConflict"
"""The refusal after which only a new client id can help."""
READY: Final = 0
UPLOADING: Final = 1
"""Some of the row's files are not on the server: it waits, and later rows to its target wait behind it."""
PAUSED: Final = 2
"""As `UPLOADING`, but nobody waits behind it."""


def target_key(target: Target) -> str:
    """A target as the text by which rows are found: `c:CHAT`, `u:USER` or `e:EMAIL`."""
    given = [value for value in (target.chat_id, target.user_id, target.email) if value is not None]
    if len(given) != 1:
        raise ValueError("a target has exactly one of chat_id, user_id and email")
    if target.chat_id is not None:
        return f"c:{target.chat_id}"
    return f"u:{target.user_id}" if target.user_id is not None else f"e:{target.email}"


def parse_target(key: str) -> Target:
    """The inverse of `target_key`. Raises `ValueError`."""
    kind, _, value = key.partition(":")
    if kind == "c":
        return Target(chat_id=int(value))
    if kind == "u":
        return Target(user_id=int(value))
    if kind == "e" and value:
        return Target(email=value)
    raise ValueError(f"no target: {key!r}")


def decode(row: tuple[Any, ...]) -> OutboxRow:
    """A row of `COLUMNS`; for use inside `reading` or `transaction`, which put its errors into words."""
    row_id, client_id, target, text, created_at, state, attempts, error, more, attached, waits = row
    try:
        info = None if error is None else msgspec.json.decode(error, type=ErrorInfo)
        enclosed = NOTHING_ENCLOSED if more is None else msgspec.json.decode(more, type=Enclosed)
        files = () if attached is None else msgspec.json.decode(attached, type=tuple[Attachment, ...])
        place = (row_id, client_id, parse_target(target))
        paused = waits == PAUSED
        return OutboxRow(*place, text, created_at, OutboxState(state), attempts, info, enclosed, files, paused)
    except ValueError as problem:  # msgspec's errors are ValueErrors, too
        raise damaged(f"row {row_id} makes no sense") from problem


def find(connection: sqlite3.Connection, client_id: bytes) -> OutboxRow | None:
    """The row with this client id."""
    row = connection.execute(f"SELECT {COLUMNS} FROM messages WHERE client_id = ?", (client_id,)).fetchone()  # noqa: S608 - own names only
    return None if row is None else decode(row)


def by_id(connection: sqlite3.Connection, row_id: int) -> OutboxRow:
    """The row with this id, which must be there."""
    row = connection.execute(f"SELECT {COLUMNS} FROM messages WHERE row_id = ?", (row_id,)).fetchone()  # noqa: S608 - own names only
    return decode(row)


def encode_attached(attached: Sequence[Attachment]) -> bytes | None:
    """What the column holds."""
    return msgspec.json.encode(attached) if attached else None


def waits_for(attached: Sequence[Attachment]) -> int:
    """The value of `waits` for a row that is not paused."""
    return UPLOADING if any(not attachment.file_id for attachment in attached) else READY


def requeue(connection: sqlite3.Connection, client_id: bytes) -> str | None:
    """Put a row that was in flight back; its target, None if it was not in flight."""
    row = connection.execute(
        "UPDATE messages SET state = 'queued' WHERE client_id = ? AND state = 'sending' RETURNING target", (client_id,)
    ).fetchone()
    return row and str(row[0])


def refuse(connection: sqlite3.Connection, client_id: bytes, error: ErrorInfo) -> str | None:
    """Mark a row as failed; its target, None if it is tried again after all, or gone."""
    if error.temporary:
        raise ValueError(f"{error.code} is temporary: the message is to be tried again, not refused")
    if error.code == "fileNotFound":
        from chatterm.client.outbox_uploads import upload_again  # noqa: PLC0415 - few messages have files

        if upload_again(connection, client_id):
            return None
    row = connection.execute(
        "UPDATE messages SET state = 'failed', blocks = ?, error = ? WHERE client_id = ? RETURNING target",
        (error.code in BLOCKING, msgspec.json.encode(error), client_id),
    ).fetchone()
    return row and str(row[0])


def revive(connection: sqlite3.Connection, client_id: bytes) -> None:
    """Queue a failed row again, under a new client id if only that can help."""
    row = find(connection, client_id)
    if row is None:
        return
    new_id, attempts = client_id, row.attempts
    if row.error is not None and row.error.code == NEW_ID:
        new_id, attempts = os.urandom(16), 0
    attached = row.attached
    if attached:
        from chatterm.client.outbox_uploads import revived  # noqa: PLC0415 - few messages have files

        attached = revived(row)
    connection.execute(
        "UPDATE messages SET client_id = ?, attempts = ?, state = 'queued', blocks = 0, error = NULL, attached = ?,"
        " waits = ? WHERE row_id = ?",
        (new_id, attempts, encode_attached(attached), waits_for(attached), row.row_id),
    )


def delete(connection: sqlite3.Connection, client_id: bytes) -> tuple[Attachment, ...]:
    """Delete a row; the copies that are not needed any more once that is committed."""
    row = find(connection, client_id)
    connection.execute("DELETE FROM messages WHERE client_id = ?", (client_id,))
    return () if row is None else row.attached
