"""Asks a server at an interval, for as long as it takes: a server that has gone is asked again, ever more seldom."""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Mapping
from time import monotonic, time
from typing import Final, Protocol

from chatproto.errors import ChatError
from chatserver.ops.reading import Reading
from chatserver.top.board import View
from chatserver.top.source import SourceError
from chatserver.top.watch import Watch

INTERVALS: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Seconds between two readings that can be chosen."""
_BACKOFF_S: Final = 1.0
_BACKOFF_MAX_S: Final = 15.0


class Reads(Protocol):
    """What readings come from; see `Source`."""

    @property
    def url(self) -> str: ...

    async def read(self) -> Reading:
        """Raises `SourceError`."""
        ...


class Names(Protocol):
    """What tells the names of chats."""

    async def names(self, chat_ids: Collection[int]) -> dict[int, str]: ...


class Poller:
    """The state of watching one server. All methods belong to the event loop."""

    def __init__(self, source: Reads, interval: float, names: Names | None, changed: Callable[[], None]) -> None:
        """`changed` is called after every answer, and after none."""
        self._source = source
        self._names = names
        self._changed = changed
        self._again = asyncio.Event()
        self._answered_at = monotonic()
        self._next_at = 0.0
        self.watch = Watch(source.url)
        self.interval = interval
        self.trouble = ""

    async def run(self) -> None:
        """Ask until cancelled."""
        failures = 0
        while True:
            begun = monotonic()
            failures = 0 if await self._ask() else failures + 1
            pause = min(_BACKOFF_MAX_S, _BACKOFF_S * 2 ** (failures - 1)) if failures else self._pause()
            self._next_at = begun + pause
            self._changed()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, self._next_at - monotonic())):
                    await self._again.wait()
            self._again.clear()

    def choose(self, interval: float) -> None:
        """From now on ask this often."""
        self.interval = interval
        self._again.set()

    def view(self, *, sort: str, paused: bool, keys: str) -> View:
        """What is to be shown now."""
        now = monotonic()
        return View(
            watch=self.watch,
            url=self._source.url,
            interval=self.interval,
            now=time(),
            sort=sort,
            paused=paused,
            trouble=self.trouble,
            silent_s=now - self._answered_at,
            retry_s=max(0.0, self._next_at - now),
            keys=keys,
        )

    def _pause(self) -> float:
        # The first two readings follow each other quickly: only then are there rates.
        return min(self.interval, 1.0) if self.watch.figures is None else self.interval

    async def _ask(self) -> bool:
        try:
            reading = await self._source.read()
        except SourceError as error:
            self.trouble = str(error)
            return False
        self.trouble = ""
        self._answered_at = monotonic()
        self.watch.take(reading, await self._known([chat.id for chat in reading.chats]))
        return True

    async def _known(self, chat_ids: Collection[int]) -> Mapping[int, str]:
        if self._names is None:
            return {}
        try:
            return await self._names.names(chat_ids)
        except ChatError:  # the database is busy or has gone; ids will do
            return {}
