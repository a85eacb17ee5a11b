"""The Store on SQLite: puts file, migrations, reader pool and group-commit writer together."""

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from chatproto.errors import ErrorInfo
from chatserver.clock import Clock, now_us
from chatserver.measures import Gauge
from chatserver.store import migrations, sql, writes
from chatserver.store.areas.area import Reader
from chatserver.store.areas.chats import ChatArea
from chatserver.store.areas.erasures import ErasureArea
from chatserver.store.areas.files import FileArea
from chatserver.store.areas.imports import ImportArea
from chatserver.store.areas.invites import InviteArea
from chatserver.store.areas.last_seen import LastSeenArea
from chatserver.store.areas.messages import MessageArea
from chatserver.store.areas.push import PushArea
from chatserver.store.areas.retention import RetentionArea
from chatserver.store.areas.sessions import SessionArea
from chatserver.store.areas.snapshots import SnapshotReads
from chatserver.store.areas.users import UserArea
from chatserver.store.base import Commit, CommitListener, NewMessage, Store, Stored
from chatserver.store.batches import SeenRequest
from chatserver.store.interfaces.state import StoreState
from chatserver.store.reads import Reads
from chatserver.store.sqlite import database, search_file, statements
from chatserver.store.sqlite.commit_clock import CommitClock
from chatserver.store.sqlite.readers import ReaderPool
from chatserver.store.sqlite.search import SearchArea
from chatserver.store.sqlite.search_index import SearchIndex
from chatserver.store.sqlite.snapshot import open_snapshot
from chatserver.store.sqlite.space import SpaceArea
from chatserver.store.sqlite.watcher import Watcher
from chatserver.store.sqlite.writer import GroupCommitWriter

READERS: Final = 4
POLL_S: Final = 1.0
"""Seconds between looks for commits of other processes, such as `chatserver user add`."""


class SqliteStore(
    Reads,
    ChatArea,
    ErasureArea,
    FileArea,
    ImportArea,
    InviteArea,
    LastSeenArea,
    MessageArea,
    PushArea,
    RetentionArea,
    SearchArea,
    SessionArea,
    SpaceArea,
    UserArea,
):
    """See `chatserver.store.base.Store` for what every method guarantees. Open it with `open`."""

    def __init__(
        self,
        *,
        epoch: str,
        path: Path,
        readers: ReaderPool,
        writer: GroupCommitWriter,
        index: SearchIndex,
        lock: int | None,
    ) -> None:
        self._epoch = epoch
        self._path = path
        self._readers = readers
        self._writer = writer
        self._index = index
        self._lock = lock
        self._listener: CommitListener | None = None
        self._watcher: Watcher | None = None
        self._closing: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls,
        data_dir: Path,
        *,
        serving: bool = True,
        create: bool = True,
        copy_before_migration: bool = True,
        clock: Clock = now_us,
        poll_s: float = POLL_S,
    ) -> "SqliteStore":
        """Open the database in `data_dir`, making and migrating it as needed.

        With `serving` this process becomes the folder's one server (others may still open it without) and
        notices within about `poll_s` seconds what other processes commit. Raises `StoreUnusableError`, also
        when there is no database yet and `create` is false.
        """
        path, lock = await asyncio.to_thread(
            database.prepare,
            data_dir,
            migrations.load("sqlite"),
            create=create,
            serving=serving,
            copy_before_migration=copy_before_migration,
        )
        async with contextlib.AsyncExitStack() as undo:
            if lock is not None:
                undo.callback(os.close, lock)
            readers = await ReaderPool.open(path, READERS)
            undo.push_async_callback(readers.close)
            epoch = bytes((await readers.all(sql.META, "epoch"))[0][0]).decode()
            timing = CommitClock(path)
            connection = await database.connect(path, writer=True, clock=timing)
            writer = GroupCommitWriter(connection, clock, timing, note_untold=not serving)
            undo.push_async_callback(writer.close)
            index = SearchIndex(data_dir, path, epoch, is_busy=lambda: writer.is_busy)
            undo.push_async_callback(index.close)
            store = cls(epoch=epoch, path=path, readers=readers, writer=writer, index=index, lock=lock)
            writer.on_commit(store._note)
            if serving:
                index.start()
                store._watcher = Watcher(store, store._tell, clock=clock, interval_s=poll_s)
                await store.take_untold()  # nobody is connected yet: who comes asks for what is new
                await store._watcher.start()
            undo.pop_all()
        return store

    @property
    def _reader(self) -> Reader:
        return self._readers

    @property
    def _search_index(self) -> SearchIndex:
        return self._index

    async def _write(self, step: writes.Write[writes.T]) -> writes.T:
        return await self._writer.write(step)

    @property
    def _heads_statement(self) -> str:
        return statements.HEADS

    @property
    def epoch(self) -> str:
        return self._epoch

    def on_commit(self, listener: CommitListener) -> None:
        self._listener = listener

        def on_commit(changes: Commit) -> None:
            self._note(changes)
            listener(changes)

        self._writer.on_commit(on_commit)

    def _note(self, changes: Commit) -> None:
        self._index.note(chat.chat_id for chat in changes.chats)
        self._index.note(told.floor.chat_id for told in changes.floors)

    async def take_untold(self) -> list[tuple[int, int]]:
        """See `writes.take_untold`."""
        if await self._one(sql.ANY_UNTOLD) is None:
            return []
        return await self._write(writes.take_untold)

    @property
    def _files(self) -> tuple[Path, GroupCommitWriter, SearchIndex]:
        return self._path, self._writer, self._index

    def _tell(self, changes: Commit) -> None:
        self._note(changes)
        if self._listener is not None:
            self._listener(changes)

    async def close(self) -> None:
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self._close(), name="store-close")
        # A caller that gives up must not leave the files half closed.
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        if self._watcher is not None:
            await self._watcher.close()
        await self._writer.close()
        await self._index.close()
        await self._readers.close()
        if self._lock is not None:
            os.close(self._lock)

    async def check_writable(self) -> None:
        await self._writer.write(writes.touch)

    async def schema_is_current(self) -> bool:
        version = (await self._readers.all("PRAGMA user_version"))[0][0]
        return int(version) == len(migrations.load("sqlite"))

    def snapshot(self) -> AbstractAsyncContextManager[SnapshotReads]:
        return open_snapshot(self._path)

    @property
    def commits(self) -> int:
        return self._writer.commits

    @property
    def writes_waiting(self) -> int:
        return self._writer.waiting

    @property
    def engine(self) -> tuple[str, str]:
        return "sqlite", sqlite3.sqlite_version

    def gauges(self) -> list[Gauge]:
        return [*self._readers.gauges(), *self._index.gauges()]

    async def state(self) -> StoreState:
        size, pages, free, schema, files = (await self._readers.all(statements.STATE))[0]
        log = self._path.with_name(self._path.name + "-wal")
        search = self._path.with_name(search_file.FILE_NAME)
        # Looked at from outside only: opening the database's files and closing them would drop SQLite's locks.
        log_bytes, search_bytes = await asyncio.to_thread(lambda: [_size(log), _size(search)])
        return StoreState(
            {"database": size * pages, "log": log_bytes, "search": search_bytes}, size * free, files, schema
        )

    async def secret(self, name: str) -> bytes:
        return await self._writer.write(partial(writes.secret, name=name))

    # --- logs
    async def append(self, messages: Sequence[NewMessage]) -> list[Stored | ErrorInfo]:
        return await self._writer.append(messages)

    async def mark_seen(self, user_id: int, chat_id: int, seq: int) -> None:
        await self._writer.mark_seen(SeenRequest(user_id, chat_id, seq))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


if TYPE_CHECKING:
    _: type[Store] = SqliteStore  # the type checker proves that the interface is met
