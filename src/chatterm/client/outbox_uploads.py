"""What happens in the outbox to the files of unsent messages; each function on a connection of the caller."""

import os
import sqlite3
from typing import Final

import msgspec

from chatterm.client.model import Attachment, OutboxRow
from chatterm.client.outbox_rows import COLUMNS, PAUSED, UPLOADING, decode, encode_attached, find, waits_for

_TRIES_MAX: Final = 5
"""Attempts after which a message whose files the server has dropped is refused, instead of uploading them again."""
_LISTED_MAX: Final = 500
_QUEUED: Final = f"SELECT {COLUMNS} FROM messages WHERE waits = ? AND state = 'queued' ORDER BY row_id LIMIT ?"  # noqa: S608 - own names only
_ATTACHED: Final = f"SELECT {COLUMNS} FROM messages WHERE attached IS NOT NULL ORDER BY row_id LIMIT ?"  # noqa: S608 - own names only


def fresh_attachment(name: str, size: int) -> Attachment:
    """A file that has not been copied or announced yet, under names of its own."""
    return Attachment(spool=os.urandom(16).hex(), name=name, size=size, key=os.urandom(16))


def uploading(connection: sqlite3.Connection, limit: int) -> list[OutboxRow]:
    """Rows whose files are to be uploaded now, in the order of sending."""
    return [decode(row) for row in connection.execute(_QUEUED, (UPLOADING, limit))]


def with_files(connection: sqlite3.Connection, limit: int = _LISTED_MAX) -> list[OutboxRow]:
    """All rows with files, in the order of sending."""
    return [decode(row) for row in connection.execute(_ATTACHED, (limit,))]


def complete(connection: sqlite3.Connection, client_id: bytes, spool: str, file_id: int) -> None:
    """The server has this file: the row can be sent once it has all of them."""
    _change(connection, client_id, spool, file_id=file_id)


def begin_anew(connection: sqlite3.Connection, client_id: bytes, spool: str) -> None:
    """The upload cannot be continued: the next one has another client id."""
    _change(connection, client_id, spool, key=os.urandom(16), file_id=0)


def set_paused(connection: sqlite3.Connection, client_id: bytes, *, paused: bool) -> bool:
    """Pause the upload of a row's files, or go on with it; False if there is nothing to pause."""
    row = find(connection, client_id)
    if row is None or not row.is_uploading:
        return False
    waits = PAUSED if paused else UPLOADING
    connection.execute("UPDATE messages SET waits = ? WHERE row_id = ?", (waits, row.row_id))
    return True


def upload_again(connection: sqlite3.Connection, client_id: bytes) -> bool:
    """The server dropped the files of a message before it came: have them uploaded again. False if that is no help."""
    row = find(connection, client_id)
    if row is None or not row.attached or row.enclosed.file_ids or row.attempts > _TRIES_MAX:
        return False
    _store(connection, row, tuple(_again(attachment) for attachment in row.attached))
    connection.execute("UPDATE messages SET state = 'queued' WHERE row_id = ?", (row.row_id,))
    return True


def revived(row: OutboxRow) -> tuple[Attachment, ...]:
    """The files of a failed row that is tried again."""
    if row.error is not None and row.error.code in ("fileNotFound", "uploadConflict"):
        return tuple(_again(attachment) for attachment in row.attached)
    return row.attached


def spooled(connection: sqlite3.Connection) -> set[str]:
    """Names of all copies that rows still need."""
    found = connection.execute("SELECT attached FROM messages WHERE attached IS NOT NULL")
    return {file.spool for (data,) in found for file in msgspec.json.decode(data, type=tuple[Attachment, ...])}


def _change(connection: sqlite3.Connection, client_id: bytes, spool: str, **values: object) -> None:
    row = find(connection, client_id)
    if row is None:
        return
    attached = tuple(
        msgspec.structs.replace(attachment, **values) if attachment.spool == spool else attachment
        for attachment in row.attached
    )
    _store(connection, row, attached)


def _store(connection: sqlite3.Connection, row: OutboxRow, attached: tuple[Attachment, ...]) -> None:
    waits = waits_for(attached)
    if row.paused and waits:
        waits = PAUSED
    connection.execute(
        "UPDATE messages SET attached = ?, waits = ? WHERE row_id = ?", (encode_attached(attached), waits, row.row_id)
    )


def _again(attachment: Attachment) -> Attachment:
    return msgspec.structs.replace(attachment, key=os.urandom(16), file_id=0)
