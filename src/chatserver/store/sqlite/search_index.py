"""The index at work: follows the logs in the background without getting in the way, and answers searches."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Final, TypeVar

from chatproto.errors import ChatError
from chatserver import measures
from chatserver.measures import Gauge
from chatserver.statement_times import took
from chatserver.store.sqlite import search_file
from chatserver.store.sqlite.errors import as_chat_error
from chatserver.store.sqlite.search_finder import Finder
from chatserver.store.sqlite.search_indexer import Indexer

FINDERS: Final = 2
"""Searches that run at a time."""
WAITING_MAX: Final = 200
"""Searches that may wait for their turn; more are refused as `overloaded`."""
CATCH_UP_S: Final = 0.3
"""Seconds that a search spends at most on indexing what is new in its chats."""
GATHER_S: Final = 1.0
"""Seconds after the start, and over which new messages are gathered: searches wait for neither, they catch up."""
_PAUSE_IDLE: Final = 0.5
_PAUSE_BUSY: Final = 9.0
"""Pauses between steps, as multiples of the time that a step took; the second while messages are being stored."""
_RETRY_S: Final = 30.0
_CHATS_PER_STEP: Final = 64
_DAMAGED: Final = ("SQLITE_CORRUPT", "SQLITE_NOTADB")

_seconds = measures.histogram("chatserver_search_seconds", "For finding a page of hits, waiting for a turn included.")
_caught_up = measures.histogram(
    "chatserver_search_catch_up_seconds", "Of a search, for indexing what was new in the chats it looks at."
)
_incomplete = measures.counter("chatserver_searches_incomplete", "Searches before which not all could be indexed.")

T = TypeVar("T")
_log = logging.getLogger("chatserver.store")


class SearchIndex:
    """One thread writes the index and two read it; the database is only read. All methods belong to the event loop.

    A file that is missing, damaged, or another database's is made anew from the logs.
    """

    def __init__(
        self, folder: Path, database: Path, epoch: str, *, is_busy: Callable[[], bool], gather_s: float = GATHER_S
    ) -> None:
        """`is_busy` says whether messages are being stored just now."""
        self._gather_s = gather_s
        self._file = folder / search_file.FILE_NAME
        self._database = database
        self._epoch = epoch
        self._is_busy = is_busy
        self._indexer: Indexer | None = None
        self._finders: list[tuple[Indexer | None, Finder]] = []
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="search-index")
        self._reading = ThreadPoolExecutor(FINDERS, thread_name_prefix="search")
        self._searches = 0
        self._behind: dict[int, float] = {}
        """Chats with messages not indexed, and since when."""
        self._wanted = asyncio.Event()
        self._missed = True
        self._closed = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to follow the logs."""
        self._task = asyncio.get_running_loop().create_task(self._follow(), name="search-index")

    async def close(self) -> None:
        """Stop after the step in hand. Idempotent."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        await asyncio.to_thread(self._end)

    def _end(self) -> None:
        self._writing.shutdown()
        self._reading.shutdown()
        while self._finders:
            self._finders.pop()[1].close()
        if self._indexer is not None:
            self._indexer.close()
            self._indexer = None

    def note(self, chat_ids: Iterable[int]) -> None:
        """The logs of these chats have grown."""
        if self._task is None:
            return
        self._fall_behind(chat_ids)
        self._wanted.set()

    def _fall_behind(self, chat_ids: Iterable[int]) -> None:
        now = perf_counter()
        for chat_id in chat_ids:
            self._behind.setdefault(chat_id, now)

    def gauges(self) -> list[Gauge]:
        """How far the index is behind, and how many searches wait."""

        def lag() -> float:
            return perf_counter() - min(self._behind.values()) if self._behind else 0.0

        return [
            Gauge(
                "chatserver_search_index_behind_chats", "Chats with messages not indexed.", lambda: len(self._behind)
            ),
            Gauge("chatserver_search_index_lag_seconds", "Since the oldest message that is not indexed.", lag),
            Gauge("chatserver_searches_pending", "Searches that run or wait.", lambda: self._searches),
        ]

    async def catch_up(self, heads: Sequence[tuple[int, int]]) -> bool:
        """Index these chats up to these seqs; False if that takes longer than a search should wait."""
        with _caught_up.time():
            complete = await self._write(lambda indexer: indexer.catch_up(heads, CATCH_UP_S))
        if not complete:
            _incomplete.value += 1
        return complete

    async def free_pages(self) -> int:
        """Pages of the index's file that hold nothing."""
        return await self._write(Indexer.free_pages)

    async def give_back(self, most: int) -> int:
        """Give at most so many free pages back to the disk; how many were."""
        return await self._write(lambda indexer: indexer.give_back(most))

    async def empty_log(self) -> bool:
        """Empty the index's write-ahead log, and see whether words are to be wiped; False if a search is in the way."""
        self._wanted.set()
        return await self._write(Indexer.empty_log)

    async def find(self, work: Callable[[Finder], T]) -> T:
        """Run a search. Raises `overloaded`, and what `work` raises."""
        if self._closed:
            raise ChatError("shuttingDown")
        if self._searches >= FINDERS + WAITING_MAX:
            raise ChatError("overloaded", retry_after=1.0)
        self._searches += 1
        running = asyncio.get_running_loop().run_in_executor(self._reading, self._search, work)
        began = perf_counter()
        running.add_done_callback(lambda _: self._searched(perf_counter() - began))
        try:
            with _seconds.time():
                return await running
        except sqlite3.Error as error:
            raise await self._failed(error, "search") from error

    def _searched(self, seconds: float) -> None:
        self._searches -= 1
        took("search", seconds)

    def _search(self, work: Callable[[Finder], T]) -> T:
        indexer = self._indexer
        made_for, finder = self._finders.pop() if self._finders else (None, None)
        if finder is None or made_for is not indexer:
            if finder is not None:
                finder.close()
            finder = Finder(self._file, self._epoch)
        try:
            result = work(finder)
        except sqlite3.Error:
            finder.close()
            raise
        except BaseException:  # whatever happens, the connection must not be lost
            self._finders.append((indexer, finder))
            raise
        self._finders.append((indexer, finder))
        return result

    async def _write(self, work: Callable[[Indexer], T]) -> T:
        if self._closed:
            raise ChatError("shuttingDown")
        try:
            return await asyncio.get_running_loop().run_in_executor(self._writing, self._step, work)
        except sqlite3.Error as error:
            raise await self._failed(error, "indexing") from error

    def _step(self, work: Callable[[Indexer], T]) -> T:
        if self._indexer is None:
            self._indexer = Indexer(self._file, self._database, self._epoch)
        return work(self._indexer)

    async def _failed(self, error: sqlite3.Error, what: str) -> ChatError:
        if str(getattr(error, "sqlite_errorname", "")).startswith(_DAMAGED) and not self._closed:
            _log.error("the search index %s is damaged and will be made anew", self._file)
            await asyncio.get_running_loop().run_in_executor(self._writing, self._drop)
            self._missed = True
            self._wanted.set()
        return as_chat_error(error, what)

    def _drop(self) -> None:
        if self._indexer is not None:
            self._indexer.close()
            self._indexer = None
        search_file.remove_index(self._file)

    async def _follow(self) -> None:
        await asyncio.sleep(self._gather_s)
        while True:
            try:
                if self._missed:
                    self._fall_behind(await self._write(Indexer.lagging))
                    self._missed = False
                await self._index()
                while not self._behind and await self._paced(Indexer.merge_step):
                    pass
            except ChatError:  # logged where it was raised; a full disk may have room later
                await asyncio.sleep(_RETRY_S)
                continue
            except Exception:
                # A mistake with one message must not end the work for all others; searches still catch up.
                _log.exception("indexing for search failed unexpectedly")
                await asyncio.sleep(_RETRY_S)
                continue
            await self._wanted.wait()
            self._wanted.clear()
            await asyncio.sleep(self._gather_s)

    async def _index(self) -> None:
        while self._behind:
            chats = [chat_id for chat_id, _ in zip(self._behind, range(_CHATS_PER_STEP), strict=False)]
            # Taken out first: what is noted during the step stays noted.
            taken = {chat_id: self._behind.pop(chat_id) for chat_id in chats}
            try:
                for chat_id in await self._paced(partial(Indexer.step, chat_ids=chats)):
                    del taken[chat_id]
            finally:
                self._behind.update(taken)

    async def _paced(self, work: Callable[[Indexer], T]) -> T:
        """One step, and a pause that leaves the processor to those who send."""
        begin = perf_counter()
        result = await self._write(work)
        taken = perf_counter() - begin
        await asyncio.sleep(taken * (_PAUSE_BUSY if self._is_busy() else _PAUSE_IDLE))
        return result
