"""Files of an account for each test, and one very long chat for the whole session."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chatterm.bench.data import build_chat
from tests.tui.timeline.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An account with five people and an empty group."""
    world = World(tmp_path)
    yield world
    world.close()


@pytest.fixture(scope="session")
def long_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A group of 1,000,000 cached messages; tests may only read it."""
    folder = tmp_path_factory.mktemp("long")
    world = World(folder)
    build_chat(world.cache, folder / "cache.db", 1_000_000)
    yield world
    world.close()
