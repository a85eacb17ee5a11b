"""What two readings of a server say together: rates, quantiles, queues, errors. `docs/schema/top.json` describes it."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import msgspec

from chatserver.ops.reading import Reading, StatementReading
from chatserver.top.complaints import complaints


class Part(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """Base of all parts."""


class Latency(Part, frozen=True, kw_only=True):
    """Quantiles in seconds over the interval, from histograms: as exact as their buckets; null if nothing happened."""

    p50: float | None = None
    p99: float | None = None


class Queues(Part, frozen=True, kw_only=True):
    """What waits now."""

    writes: float
    outbox_bytes: float
    passwords: float
    pushes: float


class ErrorCount(Part, frozen=True, kw_only=True):
    """Something that went wrong: how often lately (within a minute, if watched for so long), and since the start."""

    name: str
    lately: float
    total: float


class StorageFigures(Part, frozen=True, kw_only=True):
    """Bytes on the disk of the data folder; null if the server could not find out."""

    disk_free: int | None
    disk_total: int | None
    database: dict[str, int]
    """By file: what is in it is told by the metric `chatserver_database_bytes`."""


class ChatFigures(Part, frozen=True, kw_only=True):
    """A busy chat, a minute; `name` only where it was asked for and is known."""

    id: int
    messages: float
    deliveries: float
    sessions: int
    name: str | None = None


class StatementFigures(Part, frozen=True, kw_only=True):
    """A statement on the database: runs a second and p99 lately, the share of time spent in it, the worst ever."""

    name: str
    per_second: float
    p99: float | None
    share: float
    total: int
    worst: float
    worst_at: float


class Figures(Part, frozen=True, kw_only=True):
    """Everything that is shown. Rates are per second, times in seconds, moments in seconds since 1970 UTC."""

    format: int
    url: str
    version: str
    at: float
    started_at: float
    interval: float
    """Seconds that rates and quantiles are over."""
    restarted: bool
    """Whether the server was started anew within the interval; rates are then over its time since."""
    messages: float
    deliveries: float
    frames: float
    requests: float
    send_to_ack: Latency
    commit_to_delivery: Latency
    commit: Latency
    fsync: Latency
    loop_lag: Latency
    cpu: float
    """Share of one core."""
    resident: int
    open_files: int
    open_files_max: int
    connections: int
    sessions: int
    users: int
    queues: Queues
    unready: list[str]
    """The checks of /readyz that fail."""
    storage: StorageFigures
    backup_at: float | None
    certificate_expires_at: float | None
    errors: list[ErrorCount]
    chats: list[ChatFigures]
    chats_error: float
    statements: list[StatementFigures]


class Baseline(msgspec.Struct, frozen=True):
    """What has to be kept of a reading to tell later what came since."""

    at: float
    started_at: float
    errors: Mapping[str, float]
    statements: Mapping[str, Sequence[int]]

    @classmethod
    def of(cls, reading: Reading) -> "Baseline":
        return cls(
            reading.at,
            reading.started_at,
            complaints(reading.counters),
            {one.name: one.counts for one in reading.statements},
        )


def figures(url: str, now: Reading, before: Reading, lately: Baseline, names: Mapping[int, str]) -> Figures:
    """Rates and quantiles since `before`; errors and statements since `lately`; chats with the names that are known."""
    restarted = now.started_at != before.started_at
    interval = max(1e-3, min(now.at - before.at, now.at - now.started_at) if restarted else now.at - before.at)
    since = None if restarted else before

    def rate(counter: str) -> float:
        return grown(total(now, counter), total(since, counter)) / interval

    return Figures(
        format=1,
        url=url,
        version=now.version,
        at=now.at,
        started_at=now.started_at,
        interval=interval,
        restarted=restarted,
        messages=rate("chatserver_events"),
        deliveries=rate("chatserver_deliveries"),
        frames=rate("chatserver_frames_received"),
        requests=rate("chatserver_requests"),
        send_to_ack=_latency(now, since, "chatserver_receive_to_ack_seconds"),
        commit_to_delivery=_latency(now, since, "chatserver_commit_to_delivery_seconds"),
        commit=_latency(now, since, "chatserver_commit_seconds"),
        fsync=_latency(now, since, "chatserver_commit_sync_seconds"),
        loop_lag=_latency(now, since, "chatserver_event_loop_lag_seconds"),
        cpu=grown(now.process.cpu_seconds, since.process.cpu_seconds if since else 0.0) / interval,
        resident=now.process.resident_bytes,
        open_files=now.process.open_files,
        open_files_max=now.process.open_files_max,
        connections=int(gauge(now, "chatserver_websockets_open") or 0),
        sessions=int(gauge(now, "chatserver_sessions") or 0),
        users=int(gauge(now, "chatserver_users_connected") or 0),
        queues=_queues(now),
        unready=[" ".join(one.labels) for one in now.gauges.get("chatserver_ready", ()) if not one.value],
        storage=_storage(now),
        backup_at=gauge(now, "chatserver_backup_last_success_timestamp_seconds") or None,
        certificate_expires_at=gauge(now, "chatserver_certificate_expiry_timestamp_seconds", least=True) or None,
        errors=_errors(now, lately),
        chats=_chats(now, names),
        chats_error=now.chats_error,
        statements=_statements(now, lately),
    )


def _queues(now: Reading) -> Queues:
    return Queues(
        writes=gauge(now, "chatserver_writes_waiting") or 0,
        outbox_bytes=gauge(now, "chatserver_outbox_bytes") or 0,
        passwords=gauge(now, "chatserver_passwords_waiting") or 0,
        pushes=gauge(now, "chatserver_pushes_waiting") or 0,
    )


def _chats(now: Reading, names: Mapping[int, str]) -> list[ChatFigures]:
    return [
        ChatFigures(
            id=chat.id,
            messages=chat.events,
            deliveries=chat.deliveries,
            sessions=chat.sessions,
            name=names.get(chat.id),
        )
        for chat in now.chats
    ]


def grown(now: float, before: float) -> float:
    """How much a counter grew; one that fell began anew."""
    return now - before if now >= before else now


def total(reading: Reading | None, counter: str) -> float:
    """A counter, over all of its labels."""
    return sum(series.value for series in reading.counters.get(counter, ())) if reading else 0.0


def gauge(reading: Reading, name: str, *, least: bool = False) -> float | None:
    """A gauge, over all of its labels: their sum, or the least. A counter by this name would do as well."""
    found = [one.value for one in reading.gauges.get(name) or reading.counters.get(name) or ()]
    if not found:
        return None
    return min(found) if least else sum(found)


def quantile(share: float, bounds: Sequence[float], counts: Sequence[int]) -> float | None:
    """As Prometheus' `histogram_quantile`: linear within a bucket; the last bound for what lies above all of them."""
    wanted = share * sum(counts)
    if not wanted:
        return None
    passed = 0
    for (low, high), count in zip(pairwise((0.0, *bounds)), counts, strict=False):
        if passed + count >= wanted:
            return low + (high - low) * (wanted - passed) / count
        passed += count
    return bounds[-1]


def _storage(now: Reading) -> StorageFigures:
    free, whole = gauge(now, "chatserver_disk_free_bytes"), gauge(now, "chatserver_disk_bytes")
    return StorageFigures(
        disk_free=None if free is None else int(free),
        disk_total=None if whole is None else int(whole),
        database={"".join(one.labels): int(one.value) for one in now.gauges.get("chatserver_database_bytes", ())},
    )


def _latency(now: Reading, since: Reading | None, name: str) -> Latency:
    histogram = now.histograms.get(name)
    if histogram is None:
        return Latency()
    counts = _summed([series.counts for series in histogram.series])
    before = since.histograms.get(name) if since else None
    if before is not None:
        counts = _new(counts, _summed([series.counts for series in before.series]))
    return Latency(p50=quantile(0.5, histogram.bounds, counts), p99=quantile(0.99, histogram.bounds, counts))


def _summed(lists: Sequence[Sequence[int]]) -> list[int]:
    return [sum(column) for column in zip(*lists, strict=True)]


def _new(now: Sequence[int], before: Sequence[int]) -> list[int]:
    """Counts of a histogram since an earlier look; all of them if it began anew."""
    if len(before) != len(now) or any(new < old for new, old in zip(now, before, strict=True)):
        return list(now)
    return [new - old for new, old in zip(now, before, strict=True)]


def _errors(now: Reading, lately: Baseline) -> list[ErrorCount]:
    same = lately.started_at == now.started_at
    found = [
        ErrorCount(name=name, lately=grown(count, lately.errors.get(name, 0.0) if same else 0.0), total=count)
        for name, count in complaints(now.counters).items()
        if count
    ]
    return sorted(found, key=lambda error: (-error.lately, -error.total, error.name))


def _statements(now: Reading, lately: Baseline) -> list[StatementFigures]:
    same = lately.started_at == now.started_at
    seconds = max(1e-3, now.at - (lately.at if same else now.started_at))
    whole = sum(one.sum for one in now.statements) or 1.0

    def told(one: StatementReading) -> StatementFigures:
        counts = _new(one.counts, lately.statements.get(one.name, ()) if same else ())
        p99 = quantile(0.99, now.statement_bounds, counts)
        return StatementFigures(
            name=one.name,
            per_second=sum(counts) / seconds,
            p99=None if p99 is None else min(p99, one.worst),
            share=one.sum / whole,
            total=sum(one.counts),
            worst=one.worst,
            worst_at=one.worst_at,
        )

    return [told(one) for one in now.statements]
