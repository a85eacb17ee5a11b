"""Rests between the small commits of work that may take long, so that few of those who send meet one."""

from asyncio import sleep
from time import perf_counter
from typing import Final

from chatserver.store.base import Store

BUSY: Final = 40.0
"""Rests while others write, as multiples of the time that one commit took."""
_MIN_S: Final = 0.005


class Rests:
    """Begun before a commit; its `rest` after it depends on how long that took and on whether others write."""

    def __init__(self, store: Store, *, idle: float, busy: float = BUSY) -> None:
        """`idle` and `busy`: multiples of the time that a commit took, with nobody else writing and with others."""
        self._store = store
        self._idle = idle
        self._busy = busy
        self._commits = store.commits
        self._began = perf_counter()

    def begin(self) -> None:
        """A commit is about to be made."""
        self._commits, self._began = self._store.commits, perf_counter()

    def taken(self) -> float:
        """Seconds since it began."""
        return perf_counter() - self._began

    async def rest(self) -> None:
        """After that commit."""
        taken = self.taken()
        await sleep(max(_MIN_S if self._idle else 0, taken * self._idle))
        if self._store.commits > self._commits + 1:
            await sleep(taken * max(0, self._busy - self._idle))
