"""Real stores for tests: a backend per name, a clock that only moves when told, people and messages to put in."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from chatproto.errors import ErrorInfo
from chatproto.models import User
from chatserver.store.base import Commit, NewMessage, Store, Stored
from chatserver.store.sqlite import SqliteStore

NOON = 1_800_000_000_000_000
"""An arbitrary moment, microseconds since 1970 UTC."""


class Clock:
    """Microseconds that stand still until a test moves them."""

    def __init__(self, now: int = NOON) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += int(seconds * 1_000_000)


class Commits:
    """Collects what the commit listener is told, and lets a test wait for it."""

    def __init__(self, store: Store) -> None:
        self.all: list[Commit] = []
        self._changed = asyncio.Event()
        store.on_commit(self._on_commit)

    def _on_commit(self, commit: Commit) -> None:
        self.all.append(commit)
        self._changed.set()

    async def until(self, condition: Callable[[list[Commit]], bool], timeout_s: float = 10.0) -> list[Commit]:
        """The commits so far, once they fulfil the condition."""
        async with asyncio.timeout(timeout_s):
            while not condition(self.all):
                self._changed.clear()
                await self._changed.wait()
        return self.all


class Backend:
    """Opens stores of one engine on one folder: the contract suite runs against each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = Clock()

    @asynccontextmanager
    async def open(self, *, serving: bool = True, poll_s: float = 3600.0) -> AsyncIterator[Store]:
        store = await SqliteStore.open(self.folder, serving=serving, clock=self.clock, poll_s=poll_s)
        try:
            yield store
        finally:
            await store.close()


async def make_users(store: Store, *names: str) -> list[User]:
    """Users `name@example.org` with no usable password."""
    return [await store.create_user(f"{name.lower()}@example.org", name, "no-password") for name in names]


def new_message(sender: User, text: str, *, chat_id: int | None = None, peer: User | None = None) -> NewMessage:
    """A message with a fresh client id."""
    return NewMessage(
        sender_id=sender.id,
        client_id=os.urandom(16),
        text=text,
        chat_id=chat_id,
        peer_id=peer.id if peer else None,
    )


def stored(results: Sequence[Stored | ErrorInfo]) -> list[Stored]:
    """The results, all of which must be places."""
    places = [result for result in results if isinstance(result, Stored)]
    assert len(places) == len(results), results
    return places


def refused(results: Sequence[Stored | ErrorInfo]) -> list[str]:
    """The codes of the results, all of which must be refusals."""
    codes = [result.code for result in results if isinstance(result, ErrorInfo)]
    assert len(codes) == len(results), results
    return codes
