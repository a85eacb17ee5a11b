"""Backoff: full jitter between 0 and a doubling ceiling, a server's wish as the floor, no end."""

from hypothesis import given
from hypothesis import strategies as st

from chatterm.client.backoff import RETRY_AFTER_MAX_S, Backoff


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def highest(clock: Clock) -> Backoff:
    """Always takes the whole ceiling."""
    return Backoff(rng=lambda: 1.0, clock=clock)


def test_ceiling_doubles_up_to_the_cap_and_stays() -> None:
    """0.5 s, 1 s, 2 s ... 60 s, and then 60 s for ever."""
    backoff = highest(Clock())
    assert [backoff.next_delay() for _ in range(9)] == [0.5, 1, 2, 4, 8, 16, 32, 60, 60]
    assert {backoff.next_delay() for _ in range(5_000)} == {60}
    assert backoff.failures == 5_009


@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.none() | st.floats(-5, 1e9)), max_size=40))
def test_delay_lies_between_floor_and_ceiling(attempts: list[tuple[float, float | None]]) -> None:
    """Whatever chance and the server say."""
    values = iter([chance for chance, _ in attempts])
    backoff = Backoff(rng=lambda: next(values), clock=Clock())
    for number, (_, wish) in enumerate(attempts):
        floor = min(max(wish or 0.0, 0.0), RETRY_AFTER_MAX_S)
        assert floor <= backoff.next_delay(wish) <= floor + min(60.0, 0.5 * 2**number)


def test_only_a_stable_connection_starts_from_the_base_again() -> None:
    """A server that accepts and drops at once is not hammered."""
    clock = Clock()
    backoff = highest(clock)
    for _ in range(3):
        backoff.next_delay()
    backoff.connected()
    clock.now += 29.9
    assert backoff.next_delay() == 4
    clock.now += 1_000
    assert backoff.next_delay() == 8, "time offline is not time connected"
    backoff.connected()
    clock.now += 30
    assert backoff.next_delay() == 0.5


def test_chance_differs_between_clients() -> None:
    """Without a given source, two clients do not return at the same moments."""
    assert [Backoff().next_delay() for _ in range(8)] != [Backoff().next_delay() for _ in range(8)]
