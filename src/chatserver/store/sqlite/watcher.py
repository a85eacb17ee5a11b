"""Notices what other processes commit to the same database, such as users added on the command line."""

import asyncio
import contextlib
from typing import Protocol

from chatproto.errors import ChatError
from chatserver.clock import Clock
from chatserver.store.base import Commit, CommitListener

_OVERLAP_US = 10_000_000
"""How long a commit of another process may take from reading the clock to being visible."""


class _Reads(Protocol):
    async def users_rev(self) -> int: ...

    async def revoked_since(self, at: int) -> list[int]: ...


class Watcher:
    """Looks at two indexes every `interval_s` seconds and tells the listener of new users and revoked sessions.

    Changes made by this process are told a second time; what a listener does with them is idempotent.
    """

    def __init__(self, reads: _Reads, tell: CommitListener, *, clock: Clock, interval_s: float) -> None:
        self._reads = reads
        self._tell = tell
        self._clock = clock
        self._interval_s = interval_s
        self._rev = 0
        self._revoked: set[int] = set()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take what is there now as known, then watch."""
        await self._look()
        self._task = asyncio.get_running_loop().create_task(self._run(), name="store-watcher")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._interval_s)
            with contextlib.suppress(ChatError):  # already logged where it was raised; the next look may succeed
                changes = await self._look()
                if changes != Commit():
                    self._tell(changes)

    async def _look(self) -> Commit:
        rev = await self._reads.users_rev()
        revoked = set(await self._reads.revoked_since(self._clock() - _OVERLAP_US))
        changes = Commit(
            revoked=sorted(revoked - self._revoked),
            users_rev=rev if rev > self._rev else None,
        )
        self._rev, self._revoked = rev, revoked
        return changes
