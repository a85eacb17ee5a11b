"""One write transaction on the writing connection, as the shared writes see it."""

from collections.abc import Collection, Iterable, Sequence
from time import perf_counter
from typing import Any

import aiosqlite

from chatserver.statement_times import took
from chatserver.store import rows, writes
from chatserver.store.areas import membership
from chatserver.store.base import Commit
from chatserver.store.sqlite import statements
from chatserver.store.sqlite.statements import numbered

_SENT_BEFORE_MAX = 1_024
"""Keys in one look-up: twice as many parameters, far below SQLite's limit of 32,766."""


class SqliteTransaction(writes.Transaction):
    """Every statement is one hop to the connection's thread. `begin`, then `commit` or `rollback`."""

    def __init__(self, connection: aiosqlite.Connection, now: int) -> None:
        self._connection = connection
        self.now = now
        self.changes = Commit()
        self.joined: list[tuple[int, int, int]] = []
        self.steps: list[Commit] = []
        """What the steps that were applied apart have changed, in order; all of them precede `changes`."""

    async def all(self, statement: str, *args: Any) -> Sequence[rows.Row]:
        began = perf_counter()
        try:
            return list(await self._connection.execute_fetchall(numbered(statement), args))
        finally:
            took(statement, perf_counter() - began)

    async def many(self, statement: str, args: Iterable[tuple[Any, ...]]) -> None:
        began = perf_counter()
        try:
            await self._connection.executemany(numbered(statement), args)
        finally:
            took(statement, perf_counter() - began)

    async def memberships(self, pairs: Collection[tuple[int, int]]) -> Sequence[rows.Row]:
        return await self.all(statements.MEMBERSHIPS, rows.to_json(list(pairs)))

    async def heads_of(self, pairs: Collection[tuple[int, int]]) -> Sequence[rows.Row]:
        return await self.all(statements.HEADS_OF, rows.to_json(list(pairs)))

    async def chats_of(self, pairs: Collection[tuple[int, int]]) -> Sequence[rows.Row]:
        return await self.all(statements.CHATS_OF, rows.to_json(list(pairs)))

    async def sent_before(self, keys: Collection[tuple[int, bytes]]) -> Sequence[rows.Row]:
        wanted = list(keys)
        found: list[rows.Row] = []
        for start in range(0, len(wanted), _SENT_BEFORE_MAX):
            args = statements.padded(wanted[start : start + _SENT_BEFORE_MAX])
            found += await self.all(statements.sent_before(len(args) // 2), *args)
        return found

    async def begin(self) -> None:
        # A rollback that failed earlier must not poison every later transaction.
        await self.rollback()
        await self.all("BEGIN IMMEDIATE")

    async def commit(self) -> None:
        await self.all("COMMIT")

    @property
    def is_open(self) -> bool:
        """Some errors (a full disk, for one) make SQLite roll back by itself."""
        return self._connection.in_transaction

    async def rollback(self) -> None:
        """Undo everything; harmless when nothing is open."""
        if self._connection.in_transaction:
            await self.all("ROLLBACK")

    async def apart(self, write: writes.Write[Any]) -> Any:
        """Run one write so that its failure leaves no trace and no harm to the others of this transaction."""
        changes, self.changes = self.changes, Commit()
        await self.all("SAVEPOINT one")
        try:
            result = await write(self)
            if self.joined:
                await membership.tell_joined(self)
            await self.all("RELEASE one")
        except BaseException:  # also when cancelled or interrupted, no trace of the step may stay
            if self.is_open:
                await self.all("ROLLBACK TO one")
                await self.all("RELEASE one")
            self.changes, self.joined = changes, []
            raise
        self.steps.append(self.changes)
        self.changes = changes
        return result
