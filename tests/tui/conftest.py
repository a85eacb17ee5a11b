"""Accounts for the app: one whose server cannot be reached, and real servers."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from chatterm.client.model import Account
from chatterm.tui.actions import Keymap, install
from tests.support.server import FAST, RunningServer, running_server
from tests.support.tui import closed_port, offline_account


@pytest.fixture(autouse=True)
def default_keys() -> Iterator[None]:
    """The keymap belongs to the process: a test that changes it leaves the defaults behind."""
    yield
    install(Keymap())


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def account(home: Path) -> Iterator[Account]:
    """Anna's account on a server that refuses connections."""
    with closed_port() as port:
        yield offline_account(home, port)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with running_server(tmp_path / "server", FAST) as server:
        yield server
