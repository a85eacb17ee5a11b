"""Where the `limits` library counts: in this process, in bounded memory, without a thread of its own."""

import math
import time
from collections.abc import Callable
from typing import Final

from limits.storage import Storage
from limits.storage.base import SlidingWindowCounterSupport

MAX_KEYS: Final = 100_000
"""Keys remembered; about 30 MB if all of them are in use."""

_Count = list[int]
"""Number of the current window, what was taken in it, and what was taken in the one before."""


class BoundedStorage(Storage, SlidingWindowCounterSupport):
    """Counts sliding windows for the keys used most recently.

    The library's own memory storage grows with the number of keys and sweeps them in a thread every 10 ms. Here
    two generations of keys take turns: when the younger one is full, it becomes the older, and what was in that
    is forgotten. So a key in use is never forgotten, and each operation costs the same however many keys there are.
    """

    STORAGE_SCHEME = None

    def __init__(self, *, max_keys: int = MAX_KEYS, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds."""
        super().__init__()
        self._clock = clock
        self._generation = max(1, max_keys // 2)
        self._young: dict[str, _Count] = {}
        self._old: dict[str, _Count] = {}

    def __len__(self) -> int:
        """Keys that are remembered."""
        return len(self._young) + len(self._old)

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        """Nothing fails here."""
        return ()

    def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Take `amount` from a window of `expiry` seconds unless that would exceed its limit."""
        index, passed = self._window(expiry)
        count = self._count(key, index)
        if math.floor(count[2] * (1 - passed) + count[1]) + amount > limit:
            return False
        count[1] += amount
        return True

    def wait(self, key: str, limit: int, expiry: int, amount: int) -> float:
        """Seconds until `amount`, at most `limit`, may be taken if nothing else is taken meanwhile."""
        index, passed = self._window(expiry)
        _, current, previous = self._count(key, index)
        room = limit - amount
        if current <= room:
            fade = (1 - _share(room - current, previous)) - passed
            return max(0.0, fade * expiry)
        return (1 - passed + 1 - _share(room, current)) * expiry

    def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """See the library: counts and remaining seconds of the previous and the current window."""
        index, passed = self._window(expiry)
        _, current, previous = self._count(key, index)
        return previous, (1 - passed) * expiry if previous else 0.0, current, (2 - passed) * expiry

    def clear_sliding_window(self, key: str, expiry: int) -> None:
        """Forget a key."""
        self.clear(key)

    def clear(self, key: str) -> None:
        """Forget a key."""
        self._young.pop(key, None)
        self._old.pop(key, None)

    def reset(self) -> int:
        """Forget every key; returns how many there were."""
        known = len(self)
        self._young, self._old = {}, {}
        return known

    def check(self) -> bool:
        """Whether the storage works."""
        return True

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Count in a fixed window."""
        index, _ = self._window(expiry)
        count = self._count(key, index)
        count[1] += amount
        return count[1]

    def get(self, key: str) -> int:
        """What was taken in the latest window in which anything was."""
        count = self._young.get(key) or self._old.get(key)
        return count[1] if count else 0

    def get_expiry(self, key: str) -> float:
        """Fixed windows are not told apart by key here; the end of any is at most now."""
        return self._clock()

    def _window(self, expiry: float) -> tuple[int, float]:
        """The number of the current window, and the share of it that has passed."""
        index, seconds = divmod(self._clock(), expiry)
        return int(index), seconds / expiry

    def _count(self, key: str, index: int) -> _Count:
        count = self._young.get(key)
        if count is None:
            if len(self._young) >= self._generation:
                self._old, self._young = self._young, {}
            count = self._young[key] = self._old.pop(key) if key in self._old else [index, 0, 0]
        if count[0] != index:
            count[:] = [index, 0, count[1] if count[0] == index - 1 else 0]
        return count


def _share(room: int, count: int) -> float:
    """The share of `count` that leaves room for what is asked; 1 if all of it does."""
    return min(1.0, room / count) if count else 1.0
