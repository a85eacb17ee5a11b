"""What this process counts and times: plain numbers, cheap enough for every message, read when somebody asks.

Any room declares its own at import, in one line, with a name that says what and in which unit (as Prometheus
recommends: https://prometheus.io/docs/practices/naming/), and adds to it. They belong to the process, so they go on
when a store or an application is closed and another is opened. Nothing here knows who reads them: see `ops/metrics.py`.
Labels must have few values, never an id, an address or anything a client makes up. Only for the event loop's thread.
"""

import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds for histograms of durations, in seconds."""
COUNTS: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0)
"""Upper bounds for histograms of how many."""


class Counter:
    """Something that only grows. `value` may be added to directly where there are no labels."""

    __slots__ = ("by_labels", "help", "labels", "name", "value")

    def __init__(self, name: str, help_text: str, labels: tuple[str, ...] = ()) -> None:
        """`name` without `_total`; `labels` are their names."""
        self.name = name
        self.help = help_text
        self.labels = labels
        self.value = 0
        self.by_labels: dict[tuple[str, ...], int] = {}

    def add(self, amount: int, *values: str) -> None:
        """Count for these values of the labels."""
        self.by_labels[values] = self.by_labels.get(values, 0) + amount


class Distribution:
    """The counts of one histogram."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float, times: int = 1) -> None:
        """Count a value, as if it had been observed so many times."""
        self.counts[bisect_left(self.bounds, value)] += times
        self.sum += value * times


class Histogram(Distribution):
    """How values are distributed over buckets, whole or for each value of one label."""

    __slots__ = ("by_label", "help", "label", "name")

    def __init__(self, name: str, help_text: str, bounds: tuple[float, ...], label: str = "") -> None:
        super().__init__(bounds)
        self.name = name
        self.help = help_text
        self.label = label
        self.by_label: dict[str, Distribution] = {}

    def of(self, label_value: str) -> Distribution:
        """The distribution for a value of the label."""
        found = self.by_label.get(label_value)
        if found is None:
            found = self.by_label[label_value] = Distribution(self.bounds)
        return found

    @contextmanager
    def time(self) -> Iterator[None]:
        """Observe how many seconds the block takes, whether it fails or not."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.observe(time.perf_counter() - started)


@dataclass(frozen=True, slots=True)
class Gauge:
    """Something that goes up and down, looked at only when somebody asks. An application has its own."""

    name: str
    help: str
    read: Callable[[], float]


M = TypeVar("M", Counter, Histogram)

_all: dict[str, Counter | Histogram] = {}


def everything() -> list[Counter | Histogram]:
    """All of them, in the order in which they were declared."""
    return list(_all.values())


def counter(name: str, help_text: str, *labels: str) -> Counter:
    """Declare a counter. Names are unique."""
    return _declared(Counter(name, help_text, labels))


def histogram(name: str, help_text: str, bounds: tuple[float, ...] = SECONDS, label: str = "") -> Histogram:
    """Declare a histogram. Names are unique."""
    return _declared(Histogram(name, help_text, bounds, label))


def _declared(measure: M) -> M:
    assert measure.name not in _all, f"two measures are called {measure.name}"
    _all[measure.name] = measure
    return measure
