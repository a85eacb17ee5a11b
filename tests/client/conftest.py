"""Fixtures of the engine's tests."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.client import Client, running_client
from tests.support.server import Person, RunningServer, running_server

Connect = Callable[..., Awaitable[Client]]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    """A server without periodic frames."""
    async with running_server(tmp_path / "data") as running:
        yield running


@pytest.fixture
async def anna(server: RunningServer) -> Person:
    return await server.person("Anna")


@pytest.fixture
async def ben(server: RunningServer) -> Person:
    return await server.person("Ben")


@pytest.fixture
async def connect(tmp_path: Path, server: RunningServer) -> AsyncIterator[Connect]:
    """Starts clients, each person's in a home of its own, and stops them before the server."""
    async with contextlib.AsyncExitStack() as running:

        async def start(person: Person, home: str = "", **options: Any) -> Client:
            folder = tmp_path / (home or person.user.display_name)
            return await running.enter_async_context(running_client(folder, person, **options))

        yield start
