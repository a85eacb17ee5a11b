"""The backends that must keep the store's promises."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chatserver.store.base import Store
from tests.support.store import Backend


@pytest.fixture(params=["sqlite"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    assert request.param == "sqlite"
    return Backend(tmp_path / "data")


@pytest.fixture
async def store(backend: Backend) -> AsyncIterator[Store]:
    async with backend.open() as opened:
        yield opened
