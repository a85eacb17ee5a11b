"""Which keys of a stream are the busiest now: amounts that fade, in bounded memory, at the cost of a look-up each."""

from collections.abc import Callable
from math import log
from time import perf_counter
from typing import Final, NamedTuple

HALF_LIFE_S: Final = 20.0
"""Seconds after which something counts half."""
KEPT: Final = 256
"""Keys that are kept when the table, which holds twice as many, is full."""
_REBASE_DOUBLINGS: Final = 64.0
_GONE: Final = 1e-6
"""Less than this of one thing is nothing."""


class Heavy(NamedTuple):
    """A key with how often each of its two amounts came a minute lately."""

    key: int
    first: float
    second: float


class FadingTotals:
    """Two amounts for each of the heaviest keys. Only for one thread.

    A full table lets its lighter half go, and the heaviest of those bounds what any key may be short of (the purge of
    Anderson et al., "A High-Performance Algorithm for Identifying Frequent Items in Data Streams", 2017). What comes
    later weighs more instead of ageing what came before (forward decay: Cormode et al., ICDE 2009).
    """

    def __init__(
        self, *, kept: int = KEPT, half_life_s: float = HALF_LIFE_S, clock: Callable[[], float] = perf_counter
    ) -> None:
        """`clock` gives seconds."""
        self._kept = kept
        self._half_life_s = half_life_s
        self._clock = clock
        self._began = clock()
        self._totals: dict[int, list[float]] = {}
        self._missing = 0.0

    def __len__(self) -> int:
        """Keys in the table: at most twice as many as are kept."""
        return len(self._totals)

    def weight(self) -> float:
        """What one thing weighs now; may be used for all that is added at the same moment."""
        doublings = (self._clock() - self._began) / self._half_life_s
        if doublings > _REBASE_DOUBLINGS:
            self._rebase(doublings)
            doublings = 0.0
        return float(2.0**doublings)

    def add(self, key: int, first: int, second: int, weight: float) -> None:
        """Add to the amounts of a key; `weight` is from `weight` just before."""
        totals = self._totals.get(key)
        if totals is None:
            if len(self._totals) >= 2 * self._kept:
                self._purge()
            totals = self._totals[key] = [0.0, 0.0]
        totals[0] += first * weight
        totals[1] += second * weight

    def top(self, most: int) -> list[Heavy]:
        """The heaviest keys by the sum of their amounts, the heaviest first."""
        rate = self._per_minute()
        ranked = sorted(self._totals.items(), key=lambda item: (-sum(item[1]), item[0]))[:most]
        return [Heavy(key, rate * first, rate * second) for key, (first, second) in ranked]

    def error(self) -> float:
        """Per minute, of both amounts together: what a key may be short of, or one that is not told may have."""
        return self._missing * self._per_minute()

    def _per_minute(self) -> float:
        return 60 * log(2) / self._half_life_s / self.weight()

    def _purge(self) -> None:
        ranked = sorted(self._totals.items(), key=lambda item: sum(item[1]), reverse=True)
        self._missing += sum(ranked[self._kept][1])
        self._totals = dict(ranked[: self._kept])

    def _rebase(self, doublings: float) -> None:
        """Count from now on, before the weights become too large for a float."""
        scale = 2.0**-doublings
        self._began = self._clock()
        self._missing *= scale
        scaled = ((key, [first * scale, second * scale]) for key, (first, second) in self._totals.items())
        self._totals = {key: totals for key, totals in scaled if sum(totals) > _GONE}
