"""When users were last there: known at once, written together, and read from the store where memory does not say."""

import asyncio
from collections import OrderedDict
from collections.abc import Collection
from typing import Final

from chatproto.errors import ChatError
from chatserver.clock import Clock, now_us
from chatserver.realtime.coalesce import Coalesced
from chatserver.store.interfaces.last_seen import LastSeenStore

_KNOWN_MAX: Final = 16_384
"""Users whose time is kept in memory, about 150 bytes each."""
_UNSAVED_MAX: Final = 16_384
"""Times that may wait while the store takes none; the oldest are given up first."""
_SAVE_MAX: Final = 500
"""Times in one write, so that messages never wait long for it; as many at once are written early."""


class LastSeen:
    """Times are microseconds since 1970 UTC. What was noted is stored within about `interval` seconds, or at `close`.

    After a crash a user's time may be older than the truth by that much, or be that of their arrival.
    """

    def __init__(self, store: LastSeenStore, *, interval: float, clock: Clock = now_us) -> None:
        self._store = store
        self._clock = clock
        self._known: OrderedDict[int, int] = OrderedDict()
        self._unsaved: OrderedDict[int, int] = OrderedDict()
        self._save_soon = Coalesced(interval, self._begin_saving)
        self._saving: asyncio.Task[None] | None = None

    def note(self, user_id: int) -> None:
        """The user is there now. Must run on the event loop."""
        at = self._clock()
        self._know(user_id, at)
        more = user_id not in self._unsaved
        self._unsaved[user_id] = at
        self._save_soon.poke()
        if more and len(self._unsaved) == _SAVE_MAX:
            self._begin_saving()
        elif len(self._unsaved) > _UNSAVED_MAX:
            self._unsaved.popitem(last=False)

    def known(self, user_id: int) -> int | None:
        """When the user was last there, 0 for never; None if only the store can tell."""
        return self._known.get(user_id)

    async def load(self, user_ids: Collection[int]) -> None:
        """Make these users known. If the store fails they stay unknown."""
        try:
            found = await self._store.last_seen(user_ids)
        except ChatError:  # logged where it was raised, and presence is worth telling without these times
            return
        for user_id in user_ids:
            if user_id not in self._known:  # what was noted meanwhile is newer
                self._know(user_id, found.get(user_id, 0))

    async def close(self) -> None:
        """Store what is not stored yet. Idempotent."""
        self._save_soon.close()
        if self._saving is not None:
            await asyncio.wait((self._saving,))
        await self._save()
        self._save_soon.close()

    def _know(self, user_id: int, at: int) -> None:
        self._known[user_id] = at
        self._known.move_to_end(user_id)
        if len(self._known) > _KNOWN_MAX:
            self._known.popitem(last=False)

    def _begin_saving(self) -> None:
        if self._saving is None:
            self._saving = asyncio.get_running_loop().create_task(self._save(), name="last-seen")
            self._saving.add_done_callback(self._saved)

    def _saved(self, _: asyncio.Task[None]) -> None:
        self._saving = None

    async def _save(self) -> None:
        while self._unsaved:
            batch = [self._unsaved.popitem(last=False) for _ in range(min(_SAVE_MAX, len(self._unsaved)))]
            try:
                await self._store.save_last_seen(batch)
            except ChatError:  # logged where it was raised; tried again after the next interval
                for user_id, at in batch:
                    self._unsaved.setdefault(user_id, at)
                self._save_soon.poke()
                return
