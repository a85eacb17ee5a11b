"""Garbage is collected when nobody types, and bounded while somebody does."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from chatterm.tui.idle import YOUNG_MAX, IdleCollector


class Knot:
    """Refers to itself, so that only the collector can free it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def collector_as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)
    gc.enable()


def test_a_quiet_moment_frees_garbage_and_a_key_puts_it_off() -> None:
    collector = IdleCollector()
    collector.start()
    garbage = weakref.ref(Knot())
    collector.key_pressed()
    collector.tick()
    assert garbage() is not None
    collector._last_key = 0.0
    collector.tick()
    assert garbage() is None


def test_garbage_stays_bounded_while_somebody_types_without_a_pause() -> None:
    collector = IdleCollector()
    collector.start()
    alive = weakref.WeakSet[Knot]()
    for _ in range(5 * YOUNG_MAX):
        alive.add(Knot())
        if len(alive) > 2 * YOUNG_MAX:
            pytest.fail("garbage piles up")
