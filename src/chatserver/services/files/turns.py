"""One request at a time for each upload, where a newcomer ends the one before: its connection is the live one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Turn:
    """Who works on one upload, and who waits to."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    wanted: int = 0
    receiving: asyncio.Timeout | None = None

    @asynccontextmanager
    async def interruptible(self) -> AsyncIterator[None]:
        """A newcomer ends this block early, wherever it waits, and the code after it goes on."""
        try:
            async with asyncio.timeout(None) as self.receiving:
                if self.wanted > 1:
                    self.interrupt()
                yield
        except TimeoutError:
            if self.receiving is None or not self.receiving.expired():
                raise
        finally:
            self.receiving = None

    def interrupt(self) -> None:
        """End the interruptible block that runs now, if any."""
        if self.receiving is not None and not self.receiving.expired():
            self.receiving.reschedule(asyncio.get_running_loop().time())


class Turns:
    """The turns of all uploads that somebody works on now."""

    def __init__(self) -> None:
        self._turns: dict[int, Turn] = {}

    def busy(self, upload_id: int) -> bool:
        """Somebody works on this upload."""
        return upload_id in self._turns

    @asynccontextmanager
    async def take(self, upload_id: int) -> AsyncIterator[Turn]:
        """Interrupt whoever receives bytes for this upload, and wait until they are done."""
        turn = self._turns.setdefault(upload_id, Turn())
        turn.wanted += 1
        turn.interrupt()
        try:
            async with turn.lock:
                yield turn
        finally:
            turn.wanted -= 1
            if not turn.wanted:
                del self._turns[upload_id]
