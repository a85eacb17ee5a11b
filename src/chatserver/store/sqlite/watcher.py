"""Notices what other processes commit to the same database, such as users added on the command line."""

import asyncio
import contextlib
from typing import Protocol

from chatproto.errors import ChatError
from chatproto.models import LogEvent, MembersChanged, User
from chatserver.clock import Clock
from chatserver.store.base import ChatCommit, Commit, CommitListener

_USERS_LOOKED_AT = 1_000
_EVENTS_LOOKED_AT = 50
"""Newest events of a chat among which the end of a membership is looked for; earlier ones are found by resuming."""
_OVERLAP_US = 10_000_000
"""How long a commit of another process may take from reading the clock to being visible."""


class _Reads(Protocol):
    async def users_rev(self) -> int: ...

    async def revoked_since(self, at: int) -> list[int]: ...

    async def users_since(self, rev: int, limit: int) -> list[User]: ...

    async def left_since(self, user_id: int, useq: int) -> list[int]: ...

    async def events(self, chat_id: int, *, limit: int) -> tuple[list[LogEvent], bool]: ...


class Watcher:
    """Looks at two indexes every `interval_s` seconds and tells the listener of new users, of revoked sessions, and of
    the groups that a deleted user has left.

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
        self._rev = await self._reads.users_rev()
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
            chats=await self._departures() if rev > self._rev else [],
            revoked=sorted(revoked - self._revoked),
            users_rev=rev if rev > self._rev else None,
        )
        self._rev, self._revoked = rev, revoked
        return changes

    async def _departures(self) -> list[ChatCommit]:
        """The events that say of users deleted since the last look that they left their groups."""
        told = []
        for user in await self._reads.users_since(self._rev, _USERS_LOOKED_AT):
            for chat_id in await self._reads.left_since(user.id, 0) if user.deleted else ():
                events, _ = await self._reads.events(chat_id, limit=_EVENTS_LOOKED_AT)
                left = [event for event in events if isinstance(event, MembersChanged) and user.id in event.removed]
                told += [ChatCommit(chat_id, [event]) for event in left]
        return told
