"""The outbox of one session: frames leave at once while the socket keeps up, and wait in order, bounded, while not."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from chatproto.errors import CloseCode
from chatserver import measures

_overflows = measures.counter("chatserver_slow_consumers_closed", "Sessions closed because they read too slowly.")


class Link(Protocol):
    """One client's socket as the outbox sees it. All methods belong to the event loop's thread and never block."""

    on_resume: Callable[[], None] | None
    """Called when `paused` ends, and once when the socket is lost."""

    @property
    def paused(self) -> bool:
        """The socket's own buffer is above its mark: what is written now only grows it."""
        ...

    @property
    def closing(self) -> bool:
        """Nothing written from now on reaches the peer."""
        ...

    def write(self, data: bytes) -> None:
        """Send whole WebSocket frames, in order. Dropped when `closing`."""
        ...

    def close(self, code: int, reason: str = "") -> None:
        """Send a close frame, and end the connection soon even if the peer does not answer. Idempotent."""
        ...


class Outbox:
    """Frames for one session, in order, at most once.

    Starts held: until `release`, everything waits. What others cause (`offer`) is bounded in bytes, and
    overflow closes the socket with `SLOW`, which resume makes harmless. What the session itself asked for
    (`reply`) is bounded by its asker, who awaits `drained` before taking the next request. Ephemeral
    frames never wait: they are dropped first, and `on_lapse` is called once there is room again.
    """

    __slots__ = ("_bytes", "_drained", "_held", "_high_water", "_lapsed", "_limit", "_link", "_waiting", "on_lapse")

    def __init__(self, link: Link, limit: int) -> None:
        """`limit`: bytes of offered frames that may wait."""
        self._link = link
        self._limit = limit
        self._held = True
        self._bytes = 0
        self._high_water = 0
        self._waiting: deque[tuple[bytes, int]] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._lapsed = False
        self.on_lapse: Callable[[], None] | None = None
        link.on_resume = self._flush

    @property
    def backlogged(self) -> bool:
        """Whether something waits."""
        return self._waiting is not None or self._link.paused

    @property
    def waiting_bytes(self) -> int:
        """Bytes of offered frames that wait."""
        return self._bytes

    @property
    def high_water_bytes(self) -> int:
        """The most that ever waited."""
        return self._high_water

    def offer(self, frame: bytes) -> None:
        """Deliver a frame, now or when its turn comes; overflow closes the connection."""
        link = self._link
        if self._waiting is None and not self._held and not link.paused:
            link.write(frame)
            return
        if link.closing:
            return
        size = len(frame)
        if self._bytes + size > self._limit:
            self._waiting = None
            self._high_water = max(self._high_water, self._bytes + size)
            self._bytes = 0
            _overflows.value += 1
            link.close(CloseCode.SLOW, "You read too slowly; reconnect and resume.")
            self._wake()
            return
        self._bytes += size
        self._high_water = max(self._high_water, self._bytes)
        self._wait((frame, size))

    def reply(self, data: bytes) -> None:
        """Deliver what the session asked for; never overflows."""
        if self._waiting is None and not self._held and not self._link.paused:
            self._link.write(data)
        elif not self._link.closing:
            self._wait((data, 0))

    def offer_ephemeral(self, frame: bytes) -> None:
        """Deliver a frame that the next one replaces, if that is possible now."""
        if self._waiting is None and not self._held and not self._link.paused:
            self._link.write(frame)
        else:
            self._lapsed = True

    def release(self, first: bytes) -> None:
        """Send `first`, then what waited, then everything as it comes."""
        self._held = False
        self._link.write(first)
        self._flush()

    async def drained(self) -> None:
        """Wait until nothing waits, or the connection is closing."""
        while self.backlogged and not self._link.closing:
            if self._drained is None:
                self._drained = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._drained)

    def _wait(self, entry: tuple[bytes, int]) -> None:
        if self._waiting is None:
            self._waiting = deque()
        self._waiting.append(entry)

    def _flush(self) -> None:
        link, waiting = self._link, self._waiting
        if link.closing:
            self._waiting = None
            self._wake()
            return
        if self._held:
            return
        while waiting and not link.paused:
            frame, size = waiting.popleft()
            self._bytes -= size
            link.write(frame)
        if link.paused:
            return
        self._waiting = None
        self._wake()
        if self._lapsed and self.on_lapse is not None:
            self._lapsed = False
            self.on_lapse()

    def _wake(self) -> None:
        if self._drained is not None:
            if not self._drained.done():
                self._drained.set_result(None)
            self._drained = None
