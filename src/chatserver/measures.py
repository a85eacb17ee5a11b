"""What this process counts and times: plain numbers, cheap enough for every message, read when somebody asks.

Any room declares its own at import, in one line, with a name that says what and in which unit (as Prometheus
recommends: https://prometheus.io/docs/practices/naming/), and adds to it. They belong to the process, so they go on
when a store or an application is closed and another is opened. Nothing here knows who reads them: see `ops/metrics.py`.
Labels must have few values, never an id, an address or anything a client makes up. Only for the event loop's thread.
"""

import logging
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeVar

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
        self.value: float = 0
        self.by_labels: dict[tuple[str, ...], float] = {}

    def add(self, amount: float, *values: str) -> None:
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


Reading = float | None | Mapping[tuple[str, ...], float]
"""A value, or one for each of the labels' values; None if it is not known."""


@dataclass(frozen=True, slots=True)
class Gauge:
    """Something that goes up and down, looked at only when somebody asks. An application has its own."""

    name: str
    help: str
    read: Callable[[], Reading]
    labels: tuple[str, ...] = ()
    """Their names; with any, `read` gives a mapping."""
    counts: bool = False
    """It only grows: whoever reads it sees a counter, with `_total` behind its name."""


_log = logging.getLogger("chatserver.metrics")

M = TypeVar("M", Counter, Histogram, Gauge)
F = TypeVar("F", bound=Callable[..., Any])

_all: dict[str, Counter | Histogram | Gauge] = {}
_caches: dict[str, Callable[[], Any]] = {}


def everything() -> list[Counter | Histogram | Gauge]:
    """All of them, in the order in which they were declared."""
    return list(_all.values())


def counter(name: str, help_text: str, *labels: str, values: tuple[str, ...] = ()) -> Counter:
    """Declare a counter. Names are unique.

    `values` of its one label are there from the beginning, with 0: so the first time counts as growth, too.
    """
    declared = _declared(Counter(name, help_text, labels))
    declared.by_labels.update(dict.fromkeys(((value,) for value in values), 0))
    return declared


def histogram(name: str, help_text: str, bounds: tuple[float, ...] = SECONDS, label: str = "") -> Histogram:
    """Declare a histogram. Names are unique."""
    return _declared(Histogram(name, help_text, bounds, label))


def gauge(name: str, help_text: str, read: Callable[[], Reading], *labels: str, counts: bool = False) -> Gauge:
    """Declare a gauge of the process. Names are unique; what belongs to one application goes to its own gauges."""
    return _declared(Gauge(name, help_text, read, labels, counts))


def read(gauge: Gauge) -> Mapping[tuple[str, ...], float]:
    """What a gauge tells now by its labels' values; nothing if it is not known or cannot be read, which is logged.

    One that fails must not take all others with it.
    """
    try:
        reading = gauge.read()
    except Exception:
        _log.exception("the metric %s cannot be read", gauge.name)
        return {}
    if reading is None:
        return {}
    return reading if isinstance(reading, Mapping) else {(): reading}


def cached(name: str) -> Callable[[F], F]:
    """Count the hits of a function under `functools.lru_cache`; to be written above it."""

    def decorate(function: F) -> F:
        _caches[name] = function.cache_info  # type: ignore[attr-defined] # what lru_cache gives has it
        return function

    return decorate


def _of_caches(part: str) -> Mapping[tuple[str, ...], float]:
    return {(name,): getattr(info(), part) for name, info in _caches.items()}


def _declared(measure: M) -> M:
    assert measure.name not in _all, f"two measures are called {measure.name}"
    _all[measure.name] = measure
    return measure


gauge("chatserver_cache_hits", "Look-ups answered from memory.", partial(_of_caches, "hits"), "cache", counts=True)
gauge("chatserver_cache_misses", "Look-ups worked out anew.", partial(_of_caches, "misses"), "cache", counts=True)
gauge("chatserver_cache_entries", "What is remembered.", partial(_of_caches, "currsize"), "cache")
