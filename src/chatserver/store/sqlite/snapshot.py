"""A reading connection that keeps one moment: a transaction that is open for as long as somebody reads."""

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiosqlite

from chatserver.store import rows
from chatserver.store.areas.snapshots import SnapshotReads
from chatserver.store.sqlite import database
from chatserver.store.sqlite.errors import as_chat_error
from chatserver.store.sqlite.statements import numbered


class _Moment:
    """Runs statements in one reading transaction (of WAL, so that nobody waits for it)."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    async def all(self, statement: str, *args: Any) -> Sequence[rows.Row]:
        try:
            return list(await self._connection.execute_fetchall(numbered(statement), args))
        except sqlite3.Error as error:
            raise as_chat_error(error, "read") from error


@asynccontextmanager
async def open_snapshot(path: Path) -> AsyncIterator[SnapshotReads]:
    """What the database at `path` holds now. Raises `ChatError` (`storageFailed`)."""
    connection = await database.connect(path, writer=False)
    try:
        moment = _Moment(connection)
        await moment.all("BEGIN")
        await moment.all("SELECT 1 FROM meta LIMIT 1")  # the first read, not BEGIN, takes the moment
        yield SnapshotReads(moment)
    finally:
        await connection.close()
