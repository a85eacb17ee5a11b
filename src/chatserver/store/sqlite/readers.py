"""A small pool of reading connections, so that a slow read stalls neither sends nor the other reads."""

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import aiosqlite

from chatproto.errors import ChatError
from chatserver import measures
from chatserver.measures import Gauge
from chatserver.statement_times import took
from chatserver.store import rows
from chatserver.store.sqlite import database
from chatserver.store.sqlite.errors import as_chat_error
from chatserver.store.sqlite.statements import numbered

MAX_WAITING: Final = 10_000
"""Reads that may wait for a connection; one more is refused as `overloaded`."""

_seconds = measures.histogram("chatserver_read_seconds", "Of a reading connection's time, for one statement.")


class ReaderPool:
    """Runs single reading statements; each sees every commit acknowledged before it began."""

    def __init__(self, connections: list[aiosqlite.Connection]) -> None:
        self._connections = connections
        self._idle = list(connections)
        self._slots = asyncio.Semaphore(len(connections))
        self._waiting = 0
        self._closed = False

    @classmethod
    async def open(cls, path: Path, size: int) -> "ReaderPool":
        connections: list[aiosqlite.Connection] = []
        try:
            for _ in range(size):
                connections.append(await database.connect(path, writer=False))
        except BaseException:  # also when cancelled or interrupted, the threads must end
            for connection in connections:
                await connection.close()
            raise
        return cls(connections)

    async def all(self, statement: str, *args: Any) -> Sequence[rows.Row]:
        """Every row of one statement. Raises `ChatError` (`overloaded`, `storageFailed`, `shuttingDown`)."""
        if self._waiting >= MAX_WAITING:
            raise ChatError("overloaded", retry_after=1.0)
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        try:
            return await self._run(statement, args)
        finally:
            self._slots.release()

    def gauges(self) -> list[Gauge]:
        """How much of the pool is in use."""
        size = len(self._connections)
        return [
            Gauge("chatserver_readers", "Reading connections.", lambda: size),
            Gauge("chatserver_readers_busy", "Reading connections in use.", lambda: size - len(self._idle)),
            Gauge("chatserver_reads_waiting", "Reads that wait for a connection.", lambda: self._waiting),
        ]

    async def _run(self, statement: str, args: tuple[Any, ...]) -> Sequence[rows.Row]:
        if self._closed:
            raise ChatError("shuttingDown")
        connection, began = self._idle.pop(), perf_counter()
        try:
            return list(await connection.execute_fetchall(numbered(statement), args))
        except sqlite3.Error as error:
            raise as_chat_error(error, "read") from error
        except asyncio.CancelledError:
            # Nobody waits for the rows any more: the connection must not stay busy with them.
            if not self._closed:
                await connection.interrupt()
            raise
        finally:
            seconds = perf_counter() - began
            took(statement, seconds)
            self._idle.append(connection)
            _seconds.observe(seconds)

    async def close(self) -> None:
        """Refuse new reads, let running ones end, then close. Idempotent."""
        self._closed = True
        while self._connections:
            await self._connections.pop().close()
