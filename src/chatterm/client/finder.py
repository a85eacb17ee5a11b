"""Search on this device: what is cached of all chats, without asking anybody and without stopping the event loop."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, Literal

from chatproto import limits
from chatterm.client.errors import ClientError
from chatterm.client.paths import AccountFiles

if TYPE_CHECKING:
    from chatterm.client.finder_thread import Asked, Cursor, Reader, SearchResults
    from chatterm.client.search_index import SearchIndex

_CATCH_UP_S: Final = 0.02
"""How long a search lets the index take in what has just changed."""
_CATCH_UP_WAIT_S: Final = 0.1
"""How long it waits for that, when the disk is busy with something else."""


class Finder:
    """Full-text search over the cached messages, on a thread of its own. Its answers come in the order of asking."""

    def __init__(self, files: AccountFiles, index: "SearchIndex") -> None:
        self._files = files
        self._index = index
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="chatterm-finder")
        self._reader: Reader | None = None
        self._closed = False

    async def search(
        self,
        query: str,
        *,
        limit: int = limits.SEARCH_PAGE_DEFAULT,
        newest: bool = True,
        before: "Cursor | None" = None,
    ) -> "SearchResults":
        """A page of the cached messages that a search finds, the newest or the best first.

        `before` is the cursor of the page before. Cancelling the call ends the search. Raises `ChatError`
        (`searchInvalid`, which says where and what is wrong, or `searchTooBroad`) and `ClientError`.
        """
        from chatterm.client.finder_thread import Asked  # noqa: PLC0415 - only who searches loads the search

        noted = await self._catch_up()
        results = await self._ask(Asked(query, "newest" if newest else "relevance", limit, before))
        if noted and not results.incomplete:
            from dataclasses import replace  # noqa: PLC0415 - rare

            return replace(results, incomplete=True)
        return results

    async def suggest(self, name: Literal["from", "in"], beginning: str, limit: int = 8) -> list[tuple[str, str]]:
        """What may follow `from:` or `in:`: what is shown, and what is to be written. Raises `ClientError`."""
        work = self._opened_reader
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, lambda: work().suggest(name, beginning, limit)
        )

    async def build(self, seconds: float) -> bool:
        """Let the index follow the cache for at most this long; whether it knows everything then."""
        return (await self._index.build(seconds)).complete

    async def close(self) -> None:
        """End what is being searched, and close the files. Idempotent."""
        if self._closed:
            return
        self._closed = True
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close)
        self._thread.shutdown(wait=False)

    async def _catch_up(self) -> bool:
        """Whether something that changed is still not in the index."""
        work = asyncio.ensure_future(self._index.catch_up(_CATCH_UP_S))
        done, _ = await asyncio.wait([work], timeout=_CATCH_UP_WAIT_S)
        if not done:
            work.add_done_callback(lambda future: future.cancelled() or future.exception())
            return True
        return work.result().noted

    async def _ask(self, asked: "Asked") -> "SearchResults":
        if self._closed:
            raise ClientError("stopped", "This session has been stopped.", "Open the account again.")
        stop = threading.Event()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._search, asked, stop)
        finally:
            stop.set()  # whoever does not wait any more does not want the answer

    def _search(self, asked: "Asked", stop: threading.Event) -> "SearchResults":
        return self._opened_reader().search(asked, stop)

    def _opened_reader(self) -> "Reader":
        from chatterm.client.finder_thread import Reader  # noqa: PLC0415 - as above

        if self._reader is None:
            self._reader = Reader(self._files.cache, self._files.search)
        return self._reader

    def _close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None
