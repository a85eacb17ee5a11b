"""What the server measures, as Prometheus reads it."""

import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from chatproto import codec
from chatserver import measures
from chatserver.http.beside import serving_beside
from chatserver.measures import Counter, Distribution, Gauge, Histogram
from chatserver.ops.readings import TakeReading

_HEAD_MAX_BYTES: Final = 8_192

Refresh = Callable[[], Awaitable[None]]
"""Looks at what takes a moment to find out, before the gauges are read."""


class MeasuresCollector:
    """Turns plain numbers into metric families when it is asked: counting costs no library call."""

    def __init__(self, gauges: Sequence[Gauge]) -> None:
        """`gauges` are read besides everything in `measures`."""
        self._gauges = gauges

    def collect(self) -> Iterator[Any]:
        """See `prometheus_client.registry.Collector`."""
        for measure in (*measures.everything(), *self._gauges):
            if isinstance(measure, Counter):
                yield _counter(measure)
            elif isinstance(measure, Histogram):
                yield _histogram(measure)
            else:
                yield from _gauge(measure)


def exposition(gauges: Sequence[Gauge]) -> Callable[[str], tuple[bytes, str]]:
    """What gives all metrics in the format that an Accept header asks for, and the media type of that."""
    from prometheus_client.exposition import choose_encoder  # noqa: PLC0415 - loads when metrics are wanted

    registry = _registry(gauges)

    def give(accept: str) -> tuple[bytes, str]:
        encode, media_type = choose_encoder(accept)
        return encode(registry), media_type

    return give


def metrics_application(gauges: Sequence[Gauge], refresh: Refresh, take_reading: TakeReading) -> Any:
    """An ASGI application: a reading at `/metrics.json`, everywhere else the metrics in the format asked for."""
    import prometheus_client  # noqa: PLC0415 - loads when metrics are wanted

    exposed = prometheus_client.make_asgi_app(_registry(gauges), disable_compression=True)

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] != "/metrics.json":
            await refresh()
            await exposed(scope, receive, send)
            return
        body = codec.encode(await take_reading())
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    return answer


def _registry(gauges: Sequence[Gauge]) -> Any:
    import prometheus_client  # noqa: PLC0415 - loads when metrics are wanted

    registry = prometheus_client.CollectorRegistry()
    registry.register(MeasuresCollector(gauges))
    prometheus_client.ProcessCollector(registry=registry)
    prometheus_client.PlatformCollector(registry=registry)
    prometheus_client.GCCollector(registry=registry)
    return registry


@contextlib.asynccontextmanager
async def serving_metrics(
    sockets: list[socket.socket], gauges: Sequence[Gauge], refresh: Refresh, take_reading: TakeReading
) -> AsyncIterator[None]:
    """Answer on listening sockets within the block."""
    application = metrics_application(gauges, refresh, take_reading)
    async with serving_beside(
        application,
        sockets,
        "metrics",
        http="h11",
        limit_concurrency=16,
        h11_max_incomplete_event_size=_HEAD_MAX_BYTES,
    ):
        yield


def _counter(counter: Counter) -> Any:
    from prometheus_client.core import CounterMetricFamily  # noqa: PLC0415 - loads when metrics are wanted

    if not counter.labels:
        return CounterMetricFamily(counter.name, counter.help, value=counter.value)
    family = CounterMetricFamily(counter.name, counter.help, labels=counter.labels)
    for values, count in counter.by_labels.items():
        family.add_metric(values, count)
    return family


def _gauge(gauge: Gauge) -> Iterator[Any]:
    """No family at all if nothing is known."""
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily  # noqa: PLC0415 - as above

    values = measures.read(gauge)
    if not values:
        return
    family = (CounterMetricFamily if gauge.counts else GaugeMetricFamily)(gauge.name, gauge.help, labels=gauge.labels)
    for labels, value in values.items():
        family.add_metric(labels, value)
    yield family


def _histogram(histogram: Histogram) -> Any:
    from prometheus_client.core import HistogramMetricFamily  # noqa: PLC0415 - loads when metrics are wanted

    if not histogram.label:
        return HistogramMetricFamily(histogram.name, histogram.help, _buckets(histogram), histogram.sum)
    family = HistogramMetricFamily(histogram.name, histogram.help, labels=[histogram.label])
    for value, distribution in histogram.by_label.items():
        family.add_metric([value], _buckets(distribution), distribution.sum)
    return family


def _buckets(distribution: Distribution) -> list[tuple[str, float]]:
    """Cumulative counts by upper bound, as the exposition format wants them."""
    bounds: Iterable[str] = [*(repr(bound) for bound in distribution.bounds), "+Inf"]
    total, buckets = 0, []
    for bound, count in zip(bounds, distribution.counts, strict=True):
        total += count
        buckets.append((bound, float(total)))
    return buckets
