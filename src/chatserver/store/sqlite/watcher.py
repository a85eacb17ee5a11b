"""Notices what other processes commit to the same database, such as users added on the command line."""

import asyncio
import contextlib
from typing import Protocol

from chatproto.errors import ChatError
from chatproto.models import Chat, LogEvent
from chatserver.clock import Clock
from chatserver.store.base import ChatCommit, Commit, CommitListener, JoinedUser
from chatserver.store.interfaces.retention import ToldFloor

_EVENTS_TOLD = 200
"""Newest events of a chat that are told at a time; who misses earlier ones asks for them."""
_FLOORS_TOLD = 500
_IMPORTS_LOOKED_AT = 50
"""Chats whose imports were finished that are told in one look: all members of each are."""
_OVERLAP_US = 10_000_000
"""How long a commit of another process may take from reading the clock to being visible."""


class _Reads(Protocol):
    async def users_rev(self) -> int: ...

    async def revoked_since(self, at: int) -> list[int]: ...

    async def take_untold(self) -> list[tuple[int, int]]: ...

    async def events(self, chat_id: int, *, limit: int) -> tuple[list[LogEvent], bool]: ...

    async def floors_rev(self) -> int: ...

    async def floors_since(self, rev: int, limit: int) -> list[ToldFloor]: ...

    async def finished_imports(self) -> int: ...

    async def joined_by_imports(self, after: int, limit: int) -> tuple[int, list[tuple[int, Chat, int]]]: ...


class Watcher:
    """Looks at some indexes every `interval_s` seconds and tells the listener of new users, of revoked sessions, of
    events that commands have added, of chats that were imported, and of floors that have risen.

    Users and sessions changed by this process are told a second time; what a listener does with them is idempotent.
    Floors are told here alone, whoever raised them: so their positions are told in ascending order, and of many small
    rises only the last.
    """

    def __init__(self, reads: _Reads, tell: CommitListener, *, clock: Clock, interval_s: float) -> None:
        self._reads = reads
        self._tell = tell
        self._clock = clock
        self._interval_s = interval_s
        self._rev = 0
        self._revoked: set[int] = set()
        self._floors_rev = 0
        self._imported = 0
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take what is there now as known, then watch."""
        self._rev = await self._reads.users_rev()
        self._floors_rev = await self._reads.floors_rev()
        self._imported = await self._reads.finished_imports()
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
        floors = await self._reads.floors_since(self._floors_rev, _FLOORS_TOLD)
        self._imported, joined = await self._reads.joined_by_imports(self._imported, _IMPORTS_LOOKED_AT)
        changes = Commit(
            joined=[JoinedUser(*each) for each in joined],
            chats=await self._untold(),
            revoked=sorted(revoked - self._revoked),
            users_rev=rev if rev > self._rev else None,
            floors=floors,
        )
        self._rev, self._revoked = rev, revoked
        self._floors_rev = floors[-1].rev if floors else self._floors_rev
        return changes

    async def _untold(self) -> list[ChatCommit]:
        """The events that commands have added since the last look."""
        told = []
        # Taken before they are read: what is added meanwhile is noted again.
        for chat_id, first in await self._reads.take_untold():
            events, _ = await self._reads.events(chat_id, limit=_EVENTS_TOLD)
            new = [event for event in events if event.seq >= first]
            if new:
                told.append(ChatCommit(chat_id, new))
        return told
