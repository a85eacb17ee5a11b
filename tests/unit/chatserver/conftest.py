"""A real store and a real password pool for the services."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from chatserver.services.passwords import PasswordPool
from chatserver.store.base import Store
from tests.support.store import Backend, Clock


@pytest.fixture
def backend(tmp_path: Path) -> Backend:
    return Backend(tmp_path / "data")


@pytest.fixture
def clock(backend: Backend) -> Clock:
    return backend.clock


@pytest.fixture
async def store(backend: Backend) -> AsyncIterator[Store]:
    async with backend.open() as opened:
        yield opened


@pytest.fixture
def pool() -> Iterator[PasswordPool]:
    passwords = PasswordPool()
    yield passwords
    passwords.close()
