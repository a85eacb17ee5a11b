"""The group-commit writer: one task owns the writing connection and puts everything that waits into one commit."""

import asyncio
import contextlib
import logging
import sqlite3
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from time import perf_counter
from typing import Any, Final

import aiosqlite

from chatproto.errors import ChatError, ErrorInfo
from chatserver import measures
from chatserver.clock import Clock
from chatserver.store import batches, writes
from chatserver.store.areas import membership
from chatserver.store.base import Commit, CommitListener, NewMessage, Stored
from chatserver.store.batches import SeenRequest
from chatserver.store.sqlite.commit_clock import CommitClock
from chatserver.store.sqlite.errors import as_chat_error
from chatserver.store.sqlite.transaction import SqliteTransaction
from chatserver.store.writes import T

MAX_BATCH: Final = 1_024
"""Messages (or other writes) after which a commit takes no further caller."""
MAX_WAITING_BYTES: Final = 32 * 1_048_576
"""What may wait for the next commit; more is refused as `overloaded`."""
_REQUEST_BYTES: Final = 512
"""What one waiting write costs besides its text."""
_ADDITIONS_BYTES: Final = 4_096
"""What a message with as many mentions and files as it may have costs at most besides."""

_log = logging.getLogger("chatserver.store")

_seconds = measures.histogram("chatserver_commit_seconds", "From taking a batch of writes until it is durable.")
_writes = measures.histogram("chatserver_commit_writes", "Messages and other writes in one commit.", measures.COUNTS)
_failed = measures.counter("chatserver_commits_failed", "Commits that were undone.")
_waited = measures.histogram("chatserver_write_wait_seconds", "How long the first write of a commit waited for it.")
_synced = measures.histogram("chatserver_commit_sync_seconds", "Of a commit, for making it durable: the log is synced.")
_checkpointed = measures.histogram(
    "chatserver_checkpoint_seconds", "Commits that also brought the log into the database: both syncs and the copying."
)


@dataclass(slots=True, eq=False)
class _Request:
    """One caller's write: messages, a seen marker, or anything else as a step of its own."""

    future: asyncio.Future[Any]
    weight: int
    bytes: int
    messages: Sequence[NewMessage] = ()
    seen: SeenRequest | None = None
    write: writes.Write[Any] | None = None
    asked_at: float = field(default_factory=perf_counter)
    outcome: Any = None
    """The result or, if an exception, the refusal; told to the caller once it is durable."""


@dataclass(slots=True, eq=False)
class _Spare:
    """Work for a moment in which nobody waits."""

    future: asyncio.Future[Any]
    work: Callable[[aiosqlite.Connection], Awaitable[Any]]


class GroupCommitWriter:
    """Takes writes from any number of callers; each returns once the commit that holds it is durable.

    A batch is applied whole or not at all, but for a step that fails by itself: that step alone is undone.
    After a commit every caller wakes first, then the listener is called for each step, in order.
    """

    def __init__(
        self, connection: aiosqlite.Connection, clock: Clock, timing: CommitClock, *, note_untold: bool = False
    ) -> None:
        """`timing` is told of the connection's commits. With `note_untold` the events of its commits are noted for
        another process to tell of them.
        """
        self._connection = connection
        self._note_untold = note_untold
        self.commits = 0
        """See `Store.commits`."""
        self._seen_version: int | None = None
        """SQLite's number of this connection that rises with the commits of others."""
        self._spare: deque[_Spare] = deque()
        self._clock = clock
        self._timing = timing
        self._waiting: deque[_Request] = deque()
        self._waiting_bytes = 0
        self._wanted = asyncio.Event()
        self._closing = False
        self._listener: CommitListener | None = None
        self._task = asyncio.get_running_loop().create_task(self._run(), name="group-commit")

    @property
    def waiting(self) -> int:
        """Callers that wait for the next commit."""
        return len(self._waiting)

    def on_commit(self, listener: CommitListener) -> None:
        self._listener = listener

    @property
    def is_busy(self) -> bool:
        """Writes wait, or are being committed."""
        return self._wanted.is_set()

    async def append(self, messages: Sequence[NewMessage]) -> list[Stored | ErrorInfo]:
        """See `Store.append`."""
        if not messages:
            return []
        # Text that is not Unicode would fail in the middle of the others' transaction; here it fails alone.
        size = sum(_REQUEST_BYTES + len(message.text.encode()) for message in messages)
        size += sum(_ADDITIONS_BYTES for message in messages if message.more is not None)
        result: list[Stored | ErrorInfo] = await self._submit(len(messages), size, messages=messages)
        return result

    async def mark_seen(self, request: SeenRequest) -> None:
        """See `Store.mark_seen`."""
        await self._submit(1, _REQUEST_BYTES, seen=request)

    async def write(self, step: writes.Write[T]) -> T:
        """Apply one step in the next commit."""
        result: T = await self._submit(1, _REQUEST_BYTES, write=step)
        return result

    async def when_idle(self, work: Callable[[aiosqlite.Connection], Awaitable[T]]) -> T:
        """Run work outside of any transaction once nobody waits for a commit; who comes meanwhile waits for it."""
        if self._closing:
            raise ChatError("shuttingDown")
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._spare.append(_Spare(future, work))
        self._wanted.set()
        result: T = await future
        return result

    async def close(self) -> None:
        """Commit what is in hand, then stop and close the connection. Idempotent."""
        self._closing = True
        self._wanted.set()
        await asyncio.wait([self._task])
        await self._connection.close()

    def _submit(self, weight: int, size: int, **what: Any) -> asyncio.Future[Any]:
        if self._closing:
            raise ChatError("shuttingDown")
        if self._waiting_bytes + size > MAX_WAITING_BYTES:
            raise ChatError("overloaded", retry_after=1.0)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Request(future, weight, size, **what))
        self._waiting_bytes += size
        self._wanted.set()
        return future

    async def _run(self) -> None:
        batch: list[_Request] = []
        try:
            while True:
                await self._wanted.wait()
                if self._waiting:
                    batch = self._take()
                    if batch:
                        await self._commit(batch)
                elif self._closing:
                    return
                elif self._spare:
                    await self._work(self._spare[0])
                    self._spare.popleft()
                else:
                    self._wanted.clear()
        finally:
            # Only reached with work in hand when the whole loop is being torn down.
            self._closing = True
            for future in [each.future for each in (*batch, *self._waiting)] + [each.future for each in self._spare]:
                if not future.done():
                    future.set_exception(ChatError("shuttingDown"))

    async def _work(self, spare: _Spare) -> None:
        try:
            result = await spare.work(self._connection)
        except sqlite3.Error as error:
            result = as_chat_error(error, "tidying")
        except Exception:  # as for a commit: the writer must outlive it
            _log.exception("tidying failed unexpectedly")
            result = ChatError("internal")
        if spare.future.done():
            return
        if isinstance(result, Exception):
            spare.future.set_exception(result)
        else:
            spare.future.set_result(result)

    def _take(self) -> list[_Request]:
        taken = weight = 0
        for request in self._waiting:
            if taken and weight + request.weight > MAX_BATCH:
                break
            taken += 1
            weight += request.weight
        batch = list(islice(self._waiting, taken))
        for request in batch:
            self._waiting.popleft()
            self._waiting_bytes -= request.bytes
        # A caller that has given up is not written, unless it gives up while its commit is under way.
        return [request for request in batch if not request.future.cancelled()]

    async def _commit(self, batch: list[_Request]) -> None:
        started = perf_counter()
        _waited.observe(started - batch[0].asked_at)
        tx = SqliteTransaction(self._connection, self._clock())
        try:
            await tx.begin()
            if self._note_untold:
                await self._look_for_others(tx)
            await self._apply(tx, batch)
            if self._note_untold:
                await writes.note_untold(tx, [*tx.steps, tx.changes])
            await tx.commit()
        except sqlite3.Error as error:
            _failed.value += 1
            await self._undo(tx)
            self._fail(batch, as_chat_error(error, "commit"))
            return
        except Exception:
            # The writer must outlive any mistake in the code above: nothing else can store messages.
            _failed.value += 1
            _log.exception("a commit of %d writes failed unexpectedly", len(batch))
            await self._undo(tx)
            self._fail(batch, ChatError("storageFailed", retry_after=1.0))
            return
        self.commits += 1
        tx.changes.durable_at = perf_counter()
        tx.changes.asked_at = next((request.asked_at for request in batch if request.messages), None)
        self._measure(batch, tx.changes.durable_at - started)
        self._resolve(batch)
        if self._listener is not None:
            # Behind the callers' wake-ups in the loop's queue: an author's ack precedes the fan-out.
            for changes in (*tx.steps, tx.changes):
                if changes != Commit():
                    asyncio.get_running_loop().call_soon(self._listener, changes)

    async def _look_for_others(self, tx: SqliteTransaction) -> None:
        """Count once what other processes committed (https://www.sqlite.org/pragma.html#pragma_data_version)."""
        version = int((await tx.all("PRAGMA data_version"))[0][0])
        self.commits += self._seen_version not in (None, version)
        self._seen_version = version

    def _measure(self, batch: list[_Request], seconds: float) -> None:
        _seconds.observe(seconds)
        _writes.observe(sum(request.weight for request in batch))
        (_checkpointed if self._timing.checkpointed else _synced).observe(self._timing.seconds)

    async def _undo(self, tx: SqliteTransaction) -> None:
        with contextlib.suppress(sqlite3.Error):  # begin() of the next batch tries again
            await tx.rollback()

    async def _apply(self, tx: SqliteTransaction, batch: list[_Request]) -> None:
        for request in batch:
            if request.write is not None:
                request.outcome = await self._apart(tx, request.write)
        senders = [request for request in batch if request.messages]
        if senders:
            results = iter(await batches.append(tx, [message for request in senders for message in request.messages]))
            for request in senders:
                request.outcome = list(islice(results, len(request.messages)))
        await self._apply_seen(tx, [request for request in batch if request.seen is not None])
        if tx.joined:
            await membership.tell_joined(tx)

    async def _apply_seen(self, tx: SqliteTransaction, viewers: list[_Request]) -> None:
        if not viewers:
            return
        refusals = await batches.mark_seen(tx, [request.seen for request in viewers if request.seen is not None])
        for request, refusal in zip(viewers, refusals, strict=True):
            request.outcome = ChatError(refusal.code) if refusal else None

    async def _apart(self, tx: SqliteTransaction, step: writes.Write[Any]) -> Any:
        try:
            return await tx.apart(step)
        except ChatError as refusal:
            return refusal
        except sqlite3.Error as error:
            if not tx.is_open:
                raise
            return as_chat_error(error, "write")
        except Exception:
            # A mistake in one step must not harm the others of the commit; the savepoint has undone it.
            if not tx.is_open:
                raise
            _log.exception("a write failed unexpectedly")
            return ChatError("internal")

    def _resolve(self, batch: list[_Request]) -> None:
        for request in batch:
            if request.future.done():
                continue
            if isinstance(request.outcome, Exception):
                request.future.set_exception(request.outcome)
            else:
                request.future.set_result(request.outcome)

    def _fail(self, batch: list[_Request], error: ChatError) -> None:
        for request in batch:
            if not request.future.done():
                request.future.set_exception(ChatError(error.code, retry_after=error.retry_after))
