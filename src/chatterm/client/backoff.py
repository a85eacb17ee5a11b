"""When to connect again: exponential backoff with full jitter, without an end."""

import random
import time
from collections.abc import Callable
from typing import Final

BASE_S: Final = 0.5
CAP_S: Final = 60.0
STABLE_S: Final = 30.0
"""A connection that lived this long makes the next delay start from the base again."""
RETRY_AFTER_MAX_S: Final = 900.0
"""The longest wait that a server may ask for."""
_EXPONENT_MAX: Final = 16


class Backoff:
    """Delays between attempts: a random part of `min(cap, base * 2**failures)`.

    Full jitter (Brooker, "Exponential Backoff and Jitter", AWS 2015) spreads clients that lost one server
    together over the whole time. `rng` returns numbers in [0, 1), `clock` seconds of a steady clock.
    """

    def __init__(
        self,
        *,
        base: float = BASE_S,
        cap: float = CAP_S,
        stable: float = STABLE_S,
        rng: Callable[[], float] = random.random,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._base = base
        self._cap = cap
        self._stable = stable
        self._rng = rng
        self._clock = clock
        self._failures = 0
        self._online_since: float | None = None

    @property
    def failures(self) -> int:
        """Attempts since the last stable connection."""
        return self._failures

    def connected(self) -> None:
        """The connection is up."""
        self._online_since = self._clock()

    def forget(self) -> None:
        """The reasons for the failures so far are gone: the next delay starts from the base again."""
        self._failures = 0

    def next_delay(self, retry_after: float | None = None) -> float:
        """Seconds to wait after an attempt failed or the connection was lost.

        `retry_after` is a floor, at most 15 minutes; the jitter comes on top, so that clients who were told
        the same time do not return at once.
        """
        since, self._online_since = self._online_since, None
        if since is not None and self._clock() - since >= self._stable:
            self._failures = 0
        ceiling = min(self._cap, self._base * 2.0 ** min(self._failures, _EXPONENT_MAX))
        self._failures += 1
        floor = min(max(retry_after or 0.0, 0.0), RETRY_AFTER_MAX_S)
        return floor + self._rng() * ceiling
