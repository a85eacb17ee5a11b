"""Keys that run out: each is held for the same time, and one timer serves them all."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Expiring(Generic[K]):
    """Keys, each until `seconds` after it was held last. Holding and dropping cost the same for any number of keys."""

    __slots__ = ("_deadlines", "_on_end", "_seconds", "_timer")

    def __init__(self, seconds: float, on_end: Callable[[K], None]) -> None:
        """`on_end` is called on the event loop for each key whose time is over, but not for keys dropped."""
        self._seconds = seconds
        self._on_end = on_end
        self._deadlines: OrderedDict[K, float] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    def __contains__(self, key: K) -> bool:
        return key in self._deadlines

    def __len__(self) -> int:
        return len(self._deadlines)

    def hold(self, key: K) -> None:
        """Begin the key's time, or begin it anew. Must run on the event loop."""
        loop = asyncio.get_running_loop()
        self._deadlines[key] = loop.time() + self._seconds
        self._deadlines.move_to_end(key)  # so that the first is always the next to end
        if self._timer is None:
            self._timer = loop.call_later(self._seconds, self._run)

    def drop(self, key: K) -> None:
        """Forget a key. Idempotent."""
        self._deadlines.pop(key, None)

    def close(self) -> None:
        """Forget all keys."""
        self._deadlines.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _run(self) -> None:
        loop = asyncio.get_running_loop()
        now, ended = loop.time(), []
        self._timer = None
        while self._deadlines:
            key, deadline = self._deadlines.popitem(last=False)
            if deadline > now:
                self._deadlines[key] = deadline
                self._deadlines.move_to_end(key, last=False)
                self._timer = loop.call_at(deadline, self._run)
                break
            ended.append(key)
        for key in ended:
            self._on_end(key)
