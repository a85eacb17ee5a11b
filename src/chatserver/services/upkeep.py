"""Periodic upkeep of accounts: what has ended long ago is forgotten, in small bites."""

import asyncio
import contextlib
from typing import Final

from chatproto.errors import ChatError
from chatserver.clock import Clock, now_us
from chatserver.services.auth import ACCESS_TTL_MAX_S
from chatserver.store.base import Store

INTERVAL_S: Final = 3_600.0
_BITE: Final = 500
"""Rows that one commit removes, so that sends wait for none of them."""
_KEPT_S: Final = 2 * ACCESS_TTL_MAX_S
"""A session is kept so long after its end: its access tokens are refused by it, also after a restart."""


class Upkeep:
    """Removes sessions, invitations and reset codes that nobody can use any more."""

    def __init__(
        self, store: Store, *, refresh_ttl_s: int, interval_s: float = INTERVAL_S, clock: Clock = now_us
    ) -> None:
        self._store = store
        self._refresh_ttl_s = refresh_ttl_s
        self._interval_s = interval_s
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; the first round is at once."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="upkeep")

    async def close(self) -> None:
        """Stop. Idempotent."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def round(self) -> None:
        """Remove everything that is due. Raises `ChatError` if the store cannot."""
        while await self._store.add_missing_words(_BITE):
            pass
        ended = self._clock() - _KEPT_S * 1_000_000
        unused = ended - self._refresh_ttl_s * 1_000_000
        while await self._store.purge_sessions(revoked_before=ended, used_before=unused, most=_BITE) == _BITE:
            pass
        while await self._store.purge_invites(self._clock(), _BITE) >= _BITE:
            pass

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(ChatError):  # already logged where it was raised; the next round may succeed
                await self.round()
            await asyncio.sleep(self._interval_s)
