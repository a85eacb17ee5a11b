"""The bus: order, isolation, and for how long a failure is remembered."""

import pytest

from chatserver.bus.memory import REMEMBERED_S, MemoryBus
from chatserver.store.base import Commit


def test_every_subscriber_gets_every_commit_in_order() -> None:
    """First come, first served."""
    heard: list[tuple[str, Commit]] = []
    bus = MemoryBus()
    for name in ("one", "two"):
        bus.subscribe(name, lambda commit, name=name: heard.append((name, commit)))  # type: ignore[misc] # the default binds the name
    first, second = Commit(revoked=[1]), Commit(revoked=[2])
    bus.publish(first)
    bus.publish(second)
    assert heard == [("one", first), ("two", first), ("one", second), ("two", second)]
    assert bus.complaint() == ""


def test_a_failure_is_remembered_for_a_while(caplog: pytest.LogCaptureFixture) -> None:
    """The others get the commit all the same."""
    now = 100.0
    heard: list[Commit] = []

    def broken(_commit: Commit) -> None:
        raise RuntimeError("a defect")

    bus = MemoryBus(clock=lambda: now)
    bus.subscribe("broken", broken)
    bus.subscribe("fine", heard.append)
    bus.publish(Commit(revoked=[1]))
    assert heard == [Commit(revoked=[1])]
    assert "a defect" in caplog.text
    assert "'broken'" in bus.complaint()
    now += REMEMBERED_S + 1
    assert bus.complaint() == ""
