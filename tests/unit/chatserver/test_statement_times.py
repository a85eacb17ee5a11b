"""The times of statements: told by name, never with a value, and never of more statements than there is room for."""

import pytest

from chatserver import statement_times
from chatserver.statement_times import OTHERS, STATEMENTS_MAX, StatementTime, by_name, took
from chatserver.store import sql


@pytest.fixture(autouse=True)
def empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statement_times, "_by_text", {})


def test_a_statement_is_called_after_its_constant_or_after_what_it_does() -> None:
    took(sql.EVENTS_BEFORE, 0.001)
    took(sql.messages_at(2), 0.001)
    took(sql.messages_at(4), 0.001)
    took("COMMIT", 0.002)
    took("  INSERT INTO places (a) VALUES ($1)", 0.002)
    found = {name: sum(times.counts) for name, times in by_name().items()}
    assert found == {"sql.events_before": 1, "select events": 2, "commit": 1, "insert places": 1}


def test_the_worst_is_kept_with_its_time() -> None:
    for seconds in (0.1, 0.5, 0.2):
        took("COMMIT", seconds)
    times = by_name()["commit"]
    assert (times.worst, sum(times.counts)) == (0.5, 3)
    assert times.worst_at > 0
    both = StatementTime()
    both.add(times)
    both.add(times)
    assert (both.worst, sum(both.counts)) == (0.5, 6)
    assert both.sum == pytest.approx(1.6)


def test_there_is_a_bound_of_statements_and_others_are_counted_together() -> None:
    for number in range(STATEMENTS_MAX + 10):
        took(f"SELECT {number}", 0.001)
    assert len(statement_times._by_text) <= STATEMENTS_MAX + 1
    assert sum(statement_times._by_text[OTHERS].counts) == 10
