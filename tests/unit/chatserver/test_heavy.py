"""The busiest keys of a stream, in bounded memory: never more than is true, and short by no more than is told."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatserver.heavy import FadingTotals

MINUTE = 60 * 0.6931471805599453 / 20
"""What one thing that came just now is a minute."""


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(1, 5), st.integers(0, 5)), max_size=300), st.integers(2, 8))
def test_what_is_told_is_true_up_to_the_error_that_is_told(stream: list[tuple[int, int, int]], kept: int) -> None:
    """With every key that has more than the error among them, and never more than twice the table."""
    totals = FadingTotals(kept=kept, clock=lambda: 0.0)
    truth: Counter[int] = Counter()
    for key, first, second in stream:
        totals.add(key, first, second, totals.weight())
        truth[key] += first + second
        assert len(totals) <= 2 * kept
    error = totals.error() / MINUTE
    told = {heavy.key: (heavy.first + heavy.second) / MINUTE for heavy in totals.top(1_000)}
    for key, count in truth.items():
        assert told.get(key, 0.0) <= count + 1e-6
        assert count <= told.get(key, 0.0) + error + 1e-6


def test_what_came_counts_half_after_the_half_life() -> None:
    now = 0.0
    totals = FadingTotals(half_life_s=20.0, clock=lambda: now)
    totals.add(1, 100, 0, totals.weight())
    now = 20.0
    totals.add(2, 100, 0, totals.weight())
    [newer, older] = totals.top(2)
    assert (newer.key, older.key) == (2, 1)
    assert older.first == pytest.approx(newer.first / 2)
    assert newer.first == pytest.approx(100 * MINUTE)


def test_a_steady_rate_is_told_as_it_is() -> None:
    """Ten a second are 600 a minute, also after a day, in which the weights had to be scaled down many times."""
    now = 0.0
    totals = FadingTotals(clock=lambda: now)
    totals.add(9, 5, 5, totals.weight())
    for second in range(0, 86_400, 2):
        now = float(second)
        totals.add(1, 20, 0, totals.weight())
    [heavy] = totals.top(5)  # what was busy a day ago is gone
    assert heavy.key == 1
    assert heavy.first == pytest.approx(600, rel=0.05)
