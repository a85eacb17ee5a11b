"""The outbox's rows as they are stored: targets as text, and what belongs to a message as JSON."""

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from chatproto.errors import ErrorInfo
from chatterm.client.database import damaged
from chatterm.client.model import NOTHING_ENCLOSED, Attachment, Enclosed, OutboxRow, OutboxState, Target

COLUMNS: Final = "row_id, client_id, target, text, created_at, state, attempts, error, enclosed, attached, waits"
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
