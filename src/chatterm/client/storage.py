"""The one thread that writes an account's cache, outbox and index, so that a slow disk never stalls the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from chatterm.client.cache import Cache
from chatterm.client.change_queue import ChangeQueue
from chatterm.client.errors import ClientError
from chatterm.client.outbox import Outbox
from chatterm.client.paths import AccountFiles

if TYPE_CHECKING:
    from chatterm.client.search_indexer import Indexer

T = TypeVar("T")


class Storage:
    """Runs work on connections of its own, one piece after the other in the order asked for.

    Each file is opened with the first piece of work on it.
    """

    def __init__(self, files: AccountFiles) -> None:
        self._files = files
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="chatterm-storage")
        self._cache: Cache | None = None
        self._outbox: Outbox | None = None
        self._changes: ChangeQueue | None = None
        self._indexer: Indexer | None = None
        self._closed = False

    async def cache(self, work: Callable[[Cache], T]) -> T:
        """Run `work` on the cache. Raises what it raises, `ClientError` for a failing disk."""
        return await self._run(lambda: work(self._open_cache()))

    async def outbox(self, work: Callable[[Outbox], T]) -> T:
        """Run `work` on the outbox. Raises what it raises, `ClientError` for a failing disk."""
        return await self._run(lambda: work(self._open_outbox()))

    async def changes(self, work: Callable[[ChangeQueue], T]) -> T:
        """Run `work` on the queue of changes. Raises what it raises, `ClientError` for a failing disk."""
        return await self._run(lambda: work(self._open_changes()))

    async def index(self, work: "Callable[[Indexer], T]") -> T:
        """Run `work` on the index for search. Raises what it raises, `ClientError` for a failing disk."""
        return await self._run(lambda: work(self._open_index()))

    async def close(self) -> None:
        """Finish what was asked for and close the files. Idempotent."""
        if self._closed:
            return
        closing = self._run(self._close_files)
        self._closed = True
        await closing
        self._thread.shutdown(wait=False)

    def _run(self, work: Callable[[], T]) -> "asyncio.Future[T]":
        if self._closed:
            raise ClientError("stopped", "This session has been stopped.", "Open the account again.")
        return asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _open_cache(self) -> Cache:
        if self._cache is None:
            self._cache = Cache.open(self._files.cache)
        return self._cache

    def _open_outbox(self) -> Outbox:
        if self._outbox is None:
            self._outbox = Outbox.open(self._files.outbox)
        return self._outbox

    def _open_changes(self) -> ChangeQueue:
        if self._changes is None:
            self._changes = ChangeQueue.open(self._files.changes)
        return self._changes

    def _open_index(self) -> "Indexer":
        if self._indexer is None:
            from chatterm.client.search_indexer import Indexer  # noqa: PLC0415 - not needed before the first screen

            self._open_cache()  # makes it if it is missing
            self._indexer = Indexer(self._files.search, self._files.cache)
        return self._indexer

    def _close_files(self) -> None:
        for file in (self._cache, self._outbox, self._changes, self._indexer):
            if file is not None:
                file.close()
