"""What is measured beside the plain counters: backoff, set clocks, reconnects, commits, and gauges that fail."""

import logging
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from chatserver import measures
from chatserver.limits.addresses import address_key
from chatserver.measures import Gauge
from chatserver.ops.log import LogWriter
from chatserver.ops.machine import ClockWatch, memory_limit_bytes
from chatserver.ops.metrics import exposition
from chatserver.ops.retries import Retries
from chatserver.store.sqlite.commit_clock import CommitClock
from chatserver.ws.reconnects import Reconnects


def value(name: str, *gauges: Gauge, **labels: str) -> float | None:
    """As somebody who reads the metrics sees it."""
    text, _ = exposition(gauges)("")
    found = [
        sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
        if sample.name == name and sample.labels == labels
    ]
    return found[0] if found else None


def grown(before: float | None, after: float | None) -> float:
    assert after is not None
    return after - (before or 0)


def test_the_longest_pause_is_told_until_it_is_over() -> None:
    retries = Retries("a part of the tests")
    label = {"part": "a part of the tests"}
    assert value("chatserver_backoff_seconds", **label) == 0
    short, long = retries.begin(2.0), retries.begin(30.0)
    assert value("chatserver_backoff_seconds", **label) == 30
    retries.end(long)
    retries.end(long)
    assert value("chatserver_backoff_seconds", **label) == 2
    retries.end(short)
    with retries.pause(5.0):
        assert value("chatserver_backoff_seconds", **label) == 5
    assert value("chatserver_backoff_seconds", **label) == 0
    assert value("chatserver_retries_total", **label) == 3


def test_a_set_clock_is_noticed_once_and_a_slewed_one_not() -> None:
    wall, steady = [1_000.0], [5.0]
    watch = ClockWatch(lambda: wall[0], lambda: steady[0])
    before = value("chatserver_clock_steps_total")
    for passed, step in ((1.0, 0.0), (1.0, -3_600.0), (1.0, 0.0), (1.0, 0.1), (1.0, 90.0)):
        wall[0] += passed + step
        steady[0] += passed
        assert watch.look() == pytest.approx(step if abs(step) > 0.5 else 0.0)
    assert grown(before, value("chatserver_clock_steps_total")) == 2


def test_a_limit_of_the_control_group_counts_if_it_is_lower(tmp_path: Path) -> None:
    own = Path("/proc/self/cgroup").read_text().rpartition("::")[2].strip().lstrip("/")
    whole = memory_limit_bytes(tmp_path)
    assert whole > 1 << 26
    (tmp_path / own).mkdir(parents=True, exist_ok=True)
    for text, limit in (("67108864\n", 1 << 26), ("max\n", whole), (f"{whole * 2}\n", whole)):
        (tmp_path / own / "memory.max").write_text(text)
        assert memory_limit_bytes(tmp_path) == limit


def test_reconnects_are_told_by_what_ended_the_last_connection() -> None:
    now = [0.0]
    reconnects = Reconnects(lambda: now[0])
    names = ("1012", "unknown")
    before = {name: value("chatserver_reconnects_total", cause=name) for name in names}
    away = value("chatserver_reconnect_delay_seconds_sum")
    reconnects.greeted(1, "new")  # never seen before: not a reconnect
    reconnects.ended(1, "4429")
    reconnects.ended(1, "1012")  # the latest end counts
    now[0] = 7.0
    reconnects.greeted(1, "resumed")
    reconnects.greeted(2, "resumed")  # ended before the server was started
    assert [grown(before[name], value("chatserver_reconnects_total", cause=name)) for name in names] == [1, 1]
    assert grown(away, value("chatserver_reconnect_delay_seconds_sum")) == 7


def test_no_more_ends_are_remembered_than_fit() -> None:
    reconnects = Reconnects()
    for session_id in range(10_001):
        reconnects.ended(session_id, "1000")
    assert len(reconnects._ended) == 10_000
    assert 0 not in reconnects._ended


def test_a_commit_that_checkpoints_is_told_from_others(tmp_path: Path) -> None:
    """The clock opens no file, whose end would drop SQLite's locks; it sees what SQLite did by the file's time."""
    path = tmp_path / "some.db"
    clock = CommitClock(path)
    connection = clock.connection(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA wal_autocheckpoint = 100")
    connection.execute("CREATE TABLE t (x)")

    def commit(rows: int) -> bool:
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO t VALUES (zeroblob(?))", [(4_000,)] * rows)
        clock.seconds = 0.0
        connection.execute("COMMIT")
        assert clock.seconds > 0
        return clock.checkpointed

    assert [commit(1), commit(1), commit(120), commit(1)] == [False, False, True, False]
    connection.close()


def test_a_gauge_that_fails_or_is_not_known_takes_no_other_with_it(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> float:
        raise OSError("a disk that does not answer")

    gauges = (
        Gauge("some_broken", "Fails.", broken),
        Gauge("some_unknown", "Not known.", lambda: None),
        Gauge("some_known", "By place.", lambda: {("here",): 3.0}, ("place",), counts=True),
    )
    assert value("some_known_total", *gauges, place="here") == 3
    assert value("some_broken", *gauges) is None
    assert value("some_unknown", *gauges) is None
    assert "some_broken cannot be read" in caplog.text


def test_every_cache_is_told_of() -> None:
    address_key("192.0.2.1")
    before = value("chatserver_cache_hits_total", cache="addresses")
    address_key("192.0.2.1")
    assert grown(before, value("chatserver_cache_hits_total", cache="addresses")) == 1
    entries = value("chatserver_cache_entries", cache="addresses")
    assert entries is not None and entries >= 1


def test_exceptions_are_counted_whoever_logs_them(tmp_path: Path) -> None:
    before = value("chatserver_exceptions_total"), value("chatserver_log_warnings_total", level="error")
    with (tmp_path / "log").open("w") as stream:
        writer = LogWriter(stream, "json")
        logger = logging.Logger("asyncio")
        logger.addHandler(writer)
        try:
            raise RuntimeError("a defect")
        except RuntimeError:
            logger.exception("it failed")
            logger.warning("expected", exc_info=True)
        logger.error("without a traceback")
        writer.close()
    assert grown(before[0], value("chatserver_exceptions_total")) == 1
    assert grown(before[1], value("chatserver_log_warnings_total", level="error")) == 2


def test_every_metric_has_a_name_with_its_unit_and_a_help() -> None:
    """https://prometheus.io/docs/practices/naming/"""
    for measure in measures.everything():
        assert measure.name.startswith("chatserver_") and not measure.name.endswith("_total"), measure.name
        assert measure.help.endswith("."), measure.name
        assert not any(unit in measure.name for unit in ("_ms", "milli", "_kb", "_mb", "minutes")), measure.name
