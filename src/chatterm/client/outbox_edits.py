"""Changing the text of an unsent message where it stands; a function on a connection of the caller."""

import os
import sqlite3

import msgspec

from chatterm.client import outbox_file
from chatterm.client.model import NOTHING_ENCLOSED, Enclosed, OutboxRow, OutboxState
from chatterm.client.outbox_rows import by_id, find, target_key


def rewrite(connection: sqlite3.Connection, client_id: bytes, text: str, enclosed: Enclosed) -> OutboxRow | None:
    """Give a message another text and what goes with it; its place and its files stay. A refused one is queued again.

    Only one that cannot have reached the server is changed: never attempted, or refused. None for all others. After an
    attempt it goes on under a new client id, because the old one stands for the old text.
    """
    row = find(connection, client_id)
    if row is None or row.state is OutboxState.SENDING or (row.state is not OutboxState.FAILED and row.attempts):
        return None
    new_id = os.urandom(16) if row.attempts else client_id
    more = None if enclosed == NOTHING_ENCLOSED else msgspec.json.encode(enclosed)
    connection.execute(
        "UPDATE messages SET client_id = ?, text = ?, enclosed = ?, attempts = 0,"
        " state = CASE state WHEN 'failed' THEN 'queued' ELSE state END, blocks = 0, error = NULL WHERE row_id = ?",
        (new_id, text, more, row.row_id),
    )
    outbox_file.settle(connection, target_key(row.target))
    return by_id(connection, row.row_id)
