"""One look at everything the server measures, as plain numbers: what `/metrics.json` gives and `chatserver top` reads.

It holds ids, counts and times: no name, no text, no address.
"""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

FORMAT: Final = 1
"""Raised when a field changes its meaning; new fields do not raise it."""
CHATS_MAX: Final = 50
STATEMENTS_MAX: Final = 100

Count = Annotated[int, Meta(ge=0)]
Amount = Annotated[float, Meta(ge=0)]


class _Part(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """Base of all parts."""


class Series(_Part, frozen=True, kw_only=True):
    """One value of a counter or gauge, with the values of its labels."""

    value: float
    labels: list[str] = []


class Buckets(_Part, frozen=True, kw_only=True):
    """One histogram since the start: how many values fell into each bucket (not cumulative), and their sum."""

    counts: list[Count]
    sum: float
    label: str = ""


class HistogramReading(_Part, frozen=True, kw_only=True):
    """A histogram: the upper bounds of its buckets but the last, which has none, and its series."""

    bounds: list[float]
    series: list[Buckets]


class ChatReading(_Part, frozen=True, kw_only=True):
    """A busy chat: events and deliveries a minute, fading with a half-life of 20 s, and the sessions that listen."""

    id: int
    events: Amount
    deliveries: Amount
    sessions: Count


class StatementReading(_Part, frozen=True, kw_only=True):
    """A statement on the database since the start, in seconds; its histogram has the bounds of `statementBounds`."""

    name: str
    counts: list[Count]
    sum: Amount
    worst: Amount
    worst_at: Amount
    """Seconds since 1970 UTC."""


class Process(_Part, frozen=True, kw_only=True):
    """What the process itself uses."""

    pid: Count
    cpu_seconds: Amount
    """Processor time since the start, of all threads."""
    resident_bytes: Count
    open_files: Count
    open_files_max: Count


class Reading(_Part, frozen=True, kw_only=True):
    """Everything at one moment. Names, units and labels are those of the metrics, see docs/monitoring.md."""

    format: Count
    version: str
    at: Amount
    """Seconds since 1970 UTC."""
    started_at: Amount
    """Counters begin at this moment; another one means that the server was started anew."""
    process: Process
    counters: dict[str, list[Series]]
    histograms: dict[str, HistogramReading]
    gauges: dict[str, list[Series]]
    chats: list[ChatReading]
    chats_error: Amount
    """Events and deliveries a minute that a chat may have had more than is told."""
    statement_bounds: list[float]
    statements: list[StatementReading]
