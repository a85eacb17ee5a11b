"""Takes readings of this process: its measures, its gauges, its disk, the busiest chats and the statements."""

import asyncio
import os
import resource
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Final

from chatserver import measures, statement_times
from chatserver.measures import Counter, Distribution, Gauge, Histogram
from chatserver.ops.reading import (
    CHATS_MAX,
    FORMAT,
    STATEMENTS_MAX,
    Buckets,
    ChatReading,
    HistogramReading,
    Process,
    Reading,
    Series,
    StatementReading,
)
from chatserver.realtime.hub import BusyChat

BusiestChats = Callable[[int], tuple[list[BusyChat], float]]
TakeReading = Callable[[], Awaitable[Reading]]

_STATUS: Final = Path("/proc/self/statm")
_FILES: Final = Path("/proc/self/fd")


class Readings:
    """Gives a reading whenever it is asked; nothing is kept between two."""

    def __init__(self, gauges: Sequence[Gauge], refresh: Callable[[], Awaitable[None]], busiest: BusiestChats) -> None:
        """`gauges` may still grow; `refresh` is called before they are read."""
        self._gauges = gauges
        self._refresh = refresh
        self._busiest = busiest
        self._started_at = time.time()
        self._version = version("chatterm")

    async def take(self) -> Reading:
        """Everything as it is now."""
        await self._refresh()
        process = await asyncio.to_thread(_process)
        chats, error = self._busiest(CHATS_MAX)
        everything = measures.everything()
        gauges = [*(one for one in everything if isinstance(one, Gauge)), *self._gauges]
        return Reading(
            format=FORMAT,
            version=self._version,
            at=time.time(),
            started_at=self._started_at,
            process=process,
            counters={
                **{one.name: _counter(one) for one in everything if isinstance(one, Counter)},
                **_by_name(gauge for gauge in gauges if gauge.counts),
            },
            histograms={one.name: _histogram(one) for one in everything if isinstance(one, Histogram)},
            gauges=_by_name(gauge for gauge in gauges if not gauge.counts),
            chats=[
                ChatReading(id=chat.chat_id, events=chat.events, deliveries=chat.deliveries, sessions=chat.sessions)
                for chat in chats
            ],
            chats_error=error,
            statement_bounds=list(measures.SECONDS),
            statements=_statements(),
        )


def _counter(counter: Counter) -> list[Series]:
    if not counter.labels:
        return [Series(value=counter.value)]
    return [Series(value=value, labels=list(labels)) for labels, value in counter.by_labels.items()]


def _histogram(histogram: Histogram) -> HistogramReading:
    of: list[tuple[str, Distribution]] = list(histogram.by_label.items()) if histogram.label else [("", histogram)]
    return HistogramReading(
        bounds=list(histogram.bounds),
        series=[Buckets(counts=list(one.counts), sum=one.sum, label=label) for label, one in of],
    )


def _by_name(gauges: Iterable[Gauge]) -> dict[str, list[Series]]:
    return {
        gauge.name: [Series(value=value, labels=list(labels)) for labels, value in measures.read(gauge).items()]
        for gauge in gauges
    }


def _statements() -> list[StatementReading]:
    """Those that took most time together."""
    ranked = sorted(statement_times.by_name().items(), key=lambda item: -item[1].sum)
    return [
        StatementReading(name=name, counts=times.counts, sum=times.sum, worst=times.worst, worst_at=times.worst_at)
        for name, times in ranked[:STATEMENTS_MAX]
    ]


def _process() -> Process:
    used = resource.getrusage(resource.RUSAGE_SELF)
    try:
        resident = int(_STATUS.read_text().split()[1]) * resource.getpagesize()
        files = len(os.listdir(_FILES))  # noqa: PTH208 - names only: no path is made for each of thousands
    except OSError:  # no Linux: the peak is known at least
        resident, files = used.ru_maxrss * 1_024, 0
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return Process(
        pid=os.getpid(),
        cpu_seconds=used.ru_utime + used.ru_stime,
        resident_bytes=resident,
        open_files=files,
        open_files_max=max(0, soft),
    )
