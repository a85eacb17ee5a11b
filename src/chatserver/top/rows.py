"""The rows of figures with their sparklines, and from which value on each is worth a look."""

from collections.abc import Callable
from typing import Final, NamedTuple

from chatproto.text import terminal_safe
from chatserver.top.cells import BAD, DIM, GRAPH, STRONG, WARN, Glyphs, Line, Piece, graph
from chatserver.top.figures import Figures
from chatserver.top.watch import Watch
from chatserver.top.words import UNKNOWN, duration, number, pair, share, size, span

LABEL_CELLS: Final = 13
VALUE_CELLS: Final = 14
_DAY: Final = 86_400.0
FIRST: Final = (
    *(
        "messages/s",
        "ready",
        "send to ack",
        "CPU",
        "connections",
        "disk free",
        "memory",
        "loop lag p99",
        "deliveries/s",
    ),
    *("to delivery", "fsync", "waiting", "last backup", "certificate"),
)
"""The rows that tell most, for where there is no room for all."""


class Row(NamedTuple):
    """One figure: what it is, its sparkline, its value."""

    label: str
    value: str
    graph: Line
    style: str = STRONG


MakeRows = Callable[[Watch, float, int, Glyphs], list[Row]]


def judged(value: float | None, warn: float, bad: float) -> str:
    """The style of a value that should be low (of one that should be high, if `bad` is below `warn`)."""
    if value is None:
        return DIM
    sign = 1 if bad >= warn else -1
    if sign * value >= sign * bad:
        return BAD
    return WARN if sign * value >= sign * warn else STRONG


def traffic(watch: Watch, now: float, width: int, marks: Glyphs) -> list[Row]:
    """How much is done, and how long it takes; graphs of latencies are of their p99."""
    figures, draw = _figures(watch), _Drawing(watch, now, width, marks)
    ack, delivery, lag = figures.send_to_ack, figures.commit_to_delivery, figures.loop_lag
    commit, sync = figures.commit, figures.fsync
    return [
        Row("messages/s", number(figures.messages), draw("messages")),
        Row("deliveries/s", number(figures.deliveries), draw("deliveries")),
        Row("requests/s", number(figures.requests), draw("requests")),
        Row("send to ack", pair(ack.p50, ack.p99), draw("send_to_ack"), judged(ack.p99, 0.25, 1.0)),
        Row("to delivery", pair(delivery.p50, delivery.p99), draw("commit_to_delivery"), judged(delivery.p99, 0.1, 1)),
        Row("commit", pair(commit.p50, commit.p99), draw("commit"), judged(commit.p99, 0.1, 0.5)),
        Row("fsync", pair(sync.p50, sync.p99), draw("fsync"), judged(sync.p99, 0.05, 0.25)),
        Row("loop lag p99", duration(lag.p99), draw("loop_lag"), judged(lag.p99, 0.05, 0.1)),
        Row(
            "slow sockets", size(figures.queues.outbox_bytes), [], judged(figures.queues.outbox_bytes, 1 << 20, 1 << 24)
        ),
        Row("waiting", _waiting(figures), [], judged(figures.queues.writes, 256, 2_048)),
    ]


def resources(watch: Watch, now: float, width: int, marks: Glyphs) -> list[Row]:
    """What it takes, and what may run out."""
    figures, draw = _figures(watch), _Drawing(watch, now, width, marks)
    files = figures.open_files / figures.open_files_max if figures.open_files_max else 0.0
    return [
        Row("CPU", share(figures.cpu), draw("cpu"), judged(figures.cpu, 0.7, 0.9)),
        Row("memory", size(figures.resident), draw("resident")),
        Row("connections", number(figures.connections), draw("connections")),
        Row("sessions", f"{number(figures.sessions)} of {number(figures.users)} users", []),
        Row(
            "open files",
            f"{number(figures.open_files)} of {number(figures.open_files_max)}",
            [],
            judged(files, 0.8, 0.95),
        ),
        Row("disk free", *_disk(figures)),
        Row("database", size(sum(figures.storage.database.values())), []),
        Row("ready", *_ready(figures)),
        Row("last backup", *_backup(figures, now)),
        Row("certificate", *_certificate(figures, now)),
    ]


def _figures(watch: Watch) -> Figures:
    assert watch.figures is not None
    return watch.figures


class _Drawing:
    """Draws the sparklines of one column."""

    def __init__(self, watch: Watch, now: float, width: int, marks: Glyphs) -> None:
        self._watch, self._now, self._marks = watch, now, marks
        self._cells = max(0, width - LABEL_CELLS - VALUE_CELLS - 1)

    def __call__(self, name: str) -> Line:
        values = self._watch.sparklines[name].values(self._now, self._cells)
        return [Piece(graph(values, self._marks), GRAPH)]


def _disk(figures: Figures) -> tuple[str, Line, str]:
    free, whole = figures.storage.disk_free, figures.storage.disk_total
    if free is None or not whole:
        return UNKNOWN, [], BAD
    return f"{size(free)} ({share(free / whole)})", [], judged(free / whole, 0.1, 0.05)


def _ready(figures: Figures) -> tuple[str, Line, str]:
    if figures.unready:
        return "NO: " + terminal_safe(", ".join(figures.unready)), [], BAD
    return "yes", [], STRONG


def _waiting(figures: Figures) -> str:
    queues = figures.queues
    parts = ((queues.writes, "writes"), (queues.passwords, "passwords"), (queues.pushes, "pushes"))
    told = ", ".join(f"{number(count)} {what}" for count, what in parts if count)
    return told or "nothing"


def _backup(figures: Figures, now: float) -> tuple[str, Line, str]:
    if figures.backup_at is None:
        return "none known", [], DIM
    age = now - figures.backup_at
    return f"{span(age)} ago", [], judged(age, 1.5 * _DAY, 3 * _DAY)


def _certificate(figures: Figures, now: float) -> tuple[str, Line, str]:
    if figures.certificate_expires_at is None:
        return "none", [], DIM
    left = figures.certificate_expires_at - now
    if left <= 0:
        return "EXPIRED", [], BAD
    return f"{span(left)} left", [], judged(left, 20 * _DAY, 7 * _DAY)
