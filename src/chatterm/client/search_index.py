"""Keeps the index for search up to date in the background, giving way to whatever else there is to do."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import Final, TypeVar

from chatterm.client.errors import ClientError
from chatterm.client.model import CacheReset, EventsStored, Notice
from chatterm.client.search_indexer import Indexer, Progress
from chatterm.client.storage import Storage

GATHER_S: Final = 0.5
"""What comes within this time is indexed together."""
LOOK_EVERY_S: Final = 5.0
"""How soon is noticed what other processes put into the cache."""
_PAUSE: Final = 3.0
"""Rest after a step, in lengths of that step: so a quarter of a core is used at most, and a key waits for one step."""
_PAUSE_MIN_S: Final = 0.004
_RETRY_S: Final = 60.0
_STOP_S: Final = 0.05

_log = logging.getLogger("chatterm.search")
T = TypeVar("T")


class SearchIndex:
    """One session's part in keeping the index. Of several sessions, whoever comes first does the work."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._wanted = asyncio.Event()

    def heard(self, notice: Notice) -> None:
        """Something reached the cache, perhaps."""
        if isinstance(notice, EventsStored | CacheReset):
            self._wanted.set()

    async def run(self) -> None:
        """Follow the cache until cancelled. A failure is logged, and the work tried again later."""
        while True:
            try:
                while await self._paced(Indexer.step):
                    pass
                while not self._wanted.is_set() and await self._paced(Indexer.merge_step):
                    pass
            except ClientError as error:  # a full disk may have room later; searches say what is missing
                _log.warning("indexing for search failed: %s %s", error.code, error.message)
                await asyncio.sleep(_RETRY_S)
            except Exception:
                # A mistake with one message must not end the session; what is missing is said by searches.
                _log.exception("indexing for search failed unexpectedly")
                await asyncio.sleep(_RETRY_S)
            try:
                await asyncio.wait_for(self._wanted.wait(), LOOK_EVERY_S)
                await asyncio.sleep(GATHER_S)
            except TimeoutError:
                pass
            self._wanted.clear()

    async def stop(self) -> None:
        """Take in what has just changed, if it is little: what was deleted should not stay in the index."""
        with contextlib.suppress(ClientError):
            await self.catch_up(_STOP_S)

    async def catch_up(self, seconds: float) -> Progress:
        """Index at once what has changed, within this time; how far the index follows then. Raises `ClientError`."""
        return await self._storage.index(lambda indexer: indexer.follow(seconds))

    async def build(self, seconds: float) -> Progress:
        """Index whatever is cached, within this time; how far the index follows then. Raises `ClientError`."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and await self._storage.index(Indexer.step):
            pass
        return await self._storage.index(Indexer.progress)

    async def _paced(self, work: Callable[[Indexer], T]) -> T:
        begin = time.perf_counter()
        result = await self._storage.index(work)
        await asyncio.sleep(max(_PAUSE_MIN_S, (time.perf_counter() - begin) * _PAUSE))
        return result
