"""Fixtures of the server's tests."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest
import uvloop

from tests.support.server import SILENT, Person, RunningServer, running_server


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The event loop that the server runs on, as its socket buffers and pauses differ from asyncio's own."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    """A server without periodic frames."""
    async with running_server(tmp_path / "data", SILENT) as running:
        yield running


@pytest.fixture
async def anna(server: RunningServer) -> Person:
    return await server.person("Anna")


@pytest.fixture
async def ben(server: RunningServer) -> Person:
    return await server.person("Ben")


@pytest.fixture
async def eve(server: RunningServer) -> Person:
    """A user who shares no chat with the others."""
    return await server.person("Eve")
