"""Long work makes way for whoever sends, in this process or another."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chatserver.backends import open_store
from chatserver.services.resting import Rests
from chatserver.store.base import Store


class Slept:
    """Takes the place of sleeping: what would have been slept, and what happens meanwhile."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.seconds.append(seconds)


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[tuple[Store, Store]]:
    """The server's, and that of a command beside it."""
    serving = await open_store(tmp_path, serving=True)
    command = await open_store(tmp_path, serving=False)
    yield serving, command
    await command.close()
    await serving.close()


@pytest.mark.parametrize("worker", ["command", "server"])
@pytest.mark.parametrize("other", ["command", "server", None])
async def test_rests_are_long_while_others_write(
    stores: tuple[Store, Store], monkeypatch: pytest.MonkeyPatch, worker: str, other: str | None
) -> None:
    """A command notices the server's commits, and the server those of its own callers."""
    slept = Slept()
    monkeypatch.setattr("chatserver.services.resting.sleep", slept.sleep)
    by_name = dict(zip(("server", "command"), stores, strict=True))
    rests = Rests(by_name[worker], idle=2)
    await by_name[worker].check_writable()  # what was written before is not noticed
    rests.begin()
    if other is not None:
        await by_name[other].check_writable()
    await by_name[worker].check_writable()
    await rests.rest()
    noticed = other == "server" or (worker == other == "command")
    assert (len(slept.seconds) == 2) == noticed
    assert all(seconds > 0 for seconds in slept.seconds)
