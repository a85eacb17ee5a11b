"""What two readings say together: rates, quantiles, and servers that were started anew in between."""

from bisect import bisect_left
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver.measures import SECONDS
from chatserver.ops.reading import Buckets, HistogramReading, Process, Reading, Series, StatementReading
from chatserver.top.complaints import complaints
from chatserver.top.figures import Baseline, figures, quantile
from chatserver.top.watch import COLUMN_S, LATELY_S, Watch

ACK = "chatserver_receive_to_ack_seconds"
START = 1_000_000.0


def reading(at: float, *, started_at: float = START, **changed: Any) -> Reading:
    """A reading at some second after the start."""
    fields: dict[str, Any] = {
        "format": 1,
        "version": "1",
        "at": started_at + at,
        "started_at": started_at,
        "process": Process(pid=1, cpu_seconds=0, resident_bytes=1, open_files=1, open_files_max=2),
        "counters": {},
        "histograms": {},
        "gauges": {},
        "chats": [],
        "chats_error": 0.0,
        "statement_bounds": list(SECONDS),
        "statements": [],
    }
    return Reading(**(fields | changed))


def counted(value: float, name: str = "chatserver_events") -> dict[str, Any]:
    return {"counters": {name: [Series(value=value)]}}


def observed(*values: float) -> list[int]:
    counts = [0] * (len(SECONDS) + 1)
    for value in values:
        counts[bisect_left(SECONDS, value)] += 1
    return counts


@given(st.lists(st.floats(0.0001, 9.0), min_size=1), st.floats(0.01, 1.0))
def test_a_quantile_lies_in_the_bucket_of_the_true_one(values: list[float], share: float) -> None:
    """So it is as exact as its buckets."""
    found = quantile(share, SECONDS, observed(*values))
    assert found is not None
    rank = min(len(values) - 1, max(0, -int(-share * len(values) // 1) - 1))
    true = sorted(values)[rank]
    high = bisect_left(SECONDS, true)
    low = SECONDS[high - 1] if high else 0.0
    assert low <= found <= SECONDS[high] + 1e-12


def test_without_values_there_is_no_quantile_and_above_all_bounds_it_is_the_last() -> None:
    assert quantile(0.5, SECONDS, observed()) is None
    assert quantile(0.5, SECONDS, observed(99.0)) == SECONDS[-1]


def test_rates_and_quantiles_are_of_the_interval_alone() -> None:
    old, new = observed(*[5.0] * 100), observed(*[5.0] * 100, *[0.003] * 10)
    before = reading(10, **counted(100), histograms={ACK: _histogram(old)})
    now = reading(12, **counted(150), histograms={ACK: _histogram(new)})
    told = figures("u", now, before, Baseline.of(before), {})
    assert (told.messages, told.interval, told.restarted) == (25.0, 2.0, False)
    assert told.send_to_ack.p50 == pytest.approx(0.00375)
    assert told.send_to_ack.p99 == pytest.approx(0.00498, abs=1e-4)


def test_a_server_started_anew_counts_from_its_start() -> None:
    """Its counters are lower than before or, by chance, higher; both are its own."""
    before = reading(1_000, **counted(5))
    now = reading(2, started_at=START + 2_000, **counted(60), histograms={ACK: _histogram(observed(0.2))})
    told = figures("u", now, before, Baseline.of(before), {})
    assert told.restarted
    assert told.messages == pytest.approx(30)
    assert told.send_to_ack.p99 is not None


def test_what_went_wrong_is_told_lately_and_in_all() -> None:
    series = [Series(value=7, labels=["notMember"]), Series(value=0, labels=["internal"])]
    before = reading(0, counters={"chatserver_errors": series})
    counters = {
        "chatserver_errors": [Series(value=9, labels=["notMember"]), Series(value=0, labels=["internal"])],
        "chatserver_websockets_closed": [Series(value=50, labels=["1001"]), Series(value=3, labels=["4429"])],
        "chatserver_requests": [Series(value=99, labels=["get_me", "2xx"]), Series(value=1, labels=["get_me", "5xx"])],
        "chatserver_made_up_by_a_later_version_failures": [Series(value=4)],
        "chatserver_deliveries": [Series(value=1_000)],
    }
    told = figures("u", reading(60, counters=counters), before, Baseline.of(before), {})
    assert {(error.name, error.lately, error.total) for error in told.errors} == {
        ("refused notMember", 2, 9),
        ("closed with 4429", 3, 3),
        ("HTTP get_me 5xx", 1, 1),
        ("made up by a later version failures", 4, 4),
    }
    assert complaints({}) == {}


def test_a_statements_p99_is_never_above_the_worst() -> None:
    one = StatementReading(name="commit", counts=observed(0.0011), sum=0.0011, worst=0.0011, worst_at=1)
    before = reading(0)
    [told] = figures("u", reading(10, statements=[one]), before, Baseline.of(before), {}).statements
    assert (told.p99, told.per_second) == (0.0011, 0.1)


def test_watching_for_hours_takes_bounded_memory() -> None:
    watch = Watch("u")
    for second in range(0, 40_000, 20):
        watch.take(reading(second, **counted(second)))
    assert len(watch._baselines) <= LATELY_S / COLUMN_S + 2
    assert all(len(line._columns) <= 240 for line in watch.sparklines.values())
    assert watch.figures is not None
    assert watch.figures.messages == pytest.approx(1)


def test_an_answer_that_was_overtaken_changes_nothing() -> None:
    watch = Watch("u")
    for second in (1, 3, 2):
        watch.take(reading(second, **counted(10 * second)))
    assert watch.figures is not None
    assert watch.figures.messages == 10


def test_a_sparkline_shows_gaps_where_nothing_was_seen() -> None:
    watch = Watch("u")
    for second in (0, 1, 2, 3, 30, 31):
        watch.take(reading(second, **counted(second)))
    values = watch.sparklines["messages"].values(START + 31, 7)
    assert [value is None for value in values] == [False, True, True, True, True, True, False]


def _histogram(counts: list[int]) -> HistogramReading:
    return HistogramReading(bounds=list(SECONDS), series=[Buckets(counts=counts, sum=1.0)])
