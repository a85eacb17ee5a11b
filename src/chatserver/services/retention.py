"""Removes events that are older than their chats keep them, in small steps between which messages are stored."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from chatproto.errors import ChatError
from chatserver import measures
from chatserver.clock import Clock, now_us
from chatserver.services.resting import Rests
from chatserver.store.base import Store
from chatserver.store.interfaces.retention import ChatRetention

DAY_US: Final = 86_400_000_000
BATCH: Final = 32
"""Events that one commit removes: some milliseconds, for which a message that comes just then has to wait."""
_REST_IDLE: Final = 2.0
"""Rests with nobody else writing, as multiples of the time that a commit took."""
_PAUSE_MIN_S: Final = 0.005
_CHATS_AT_ONCE: Final = 200
_PAGES_AT_ONCE: Final = 32
_FIRST_S: Final = 10.0
_LOG_TRIES: Final = 20
_LOG_RETRY_S: Final = 0.1

_log = logging.getLogger("chatserver.retention")

_removed = measures.counter("chatserver_retention_events_removed", "Events removed because of their age.")
_seconds = measures.histogram(
    "chatserver_retention_batch_seconds", "One step of removing, the durable commit included."
)
_pages = measures.counter("chatserver_pages_given_back", "Free pages of the database's files given back to the disk.")


@dataclass(slots=True)
class Outcome:
    """What a round removed of one chat."""

    chat: ChatRetention
    days: float
    events: int = 0
    messages: int = 0


class Retention:
    """Applies each chat's rule, or the server's where it has none. A failure ends one round only."""

    def __init__(
        self,
        store: Store,
        *,
        days: float,
        interval_s: float = 3_600.0,
        clock: Clock = now_us,
    ) -> None:
        """`days` is the server's rule, 0 for ever."""
        self._store = store
        self._days = days
        self._interval_s = interval_s
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self.last_run = 0.0
        """When the last round ended, in seconds since 1970; 0 before the first."""

    def start(self) -> None:
        """Begin; the first round is soon, but not while everybody connects again."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="retention")

    async def close(self) -> None:
        """Stop after the step in hand; the next round goes on there. Idempotent."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def days_of(self, chat: ChatRetention) -> float:
        """The rule that holds for a chat, in days; 0: events are kept for ever."""
        return self._days if chat.days is None else chat.days

    def cutoff(self, days: float) -> int:
        """The time before which events are older than so many days."""
        return self._clock() - int(days * DAY_US)

    async def due_chats(self) -> AsyncIterator[tuple[ChatRetention, float]]:
        """Chats with something to remove, each with its rule. Costs a look at each chat, and nothing without a rule."""
        only_own = not self._days
        if only_own and not await self._store.has_own_retention():
            return
        after = 0
        while chats := await self._store.chats_by_retention(after, _CHATS_AT_ONCE, only_own=only_own):
            for chat in chats:
                days = self.days_of(chat)
                if days and chat.oldest_at and chat.oldest_at < self.cutoff(days):
                    yield chat, days
            after = chats[-1].chat_id

    async def round(self) -> list[Outcome]:
        """Remove everything that is due. Raises `ChatError` if the store cannot; what is removed stays removed."""
        return [await self.remove(chat, days) async for chat, days in self.due_chats()]

    async def tidy(self) -> None:
        """Give back what is free, and let nothing of what was removed stand in the engine's logs."""
        while given := await self._store.give_back(_PAGES_AT_ONCE):
            _pages.value += given
            await asyncio.sleep(_PAUSE_MIN_S)
        for _ in range(_LOG_TRIES):
            if await self._store.empty_log():
                break
            await asyncio.sleep(_LOG_RETRY_S)

    async def remove(self, chat: ChatRetention, days: float) -> Outcome:
        """Remove what one chat does not keep by this rule; as `round`."""
        outcome = Outcome(chat, days)
        before = self.cutoff(days)
        rests = Rests(self._store, idle=_REST_IDLE)
        while True:
            rests.begin()
            step = await self._store.remove_before(chat.chat_id, before, days, BATCH)
            _seconds.observe(rests.taken())
            _removed.value += step.events
            outcome.events += step.events
            outcome.messages += step.messages
            if step.events < BATCH:
                return outcome
            await rests.rest()

    async def _run(self) -> None:
        await asyncio.sleep(min(_FIRST_S, self._interval_s))
        while True:
            try:
                outcomes = await self.round()
                await self.tidy()
                if outcomes:
                    count = sum(outcome.events for outcome in outcomes)
                    _log.info("removed because of their age", extra={"events": count, "chats": len(outcomes)})
                self.last_run = self._clock() / 1_000_000
            except ChatError as error:
                _log.warning("old events could not be removed: %s", error.code)
            except Exception:
                # It must outlive a mistake, or what should be gone stays without a sign.
                _log.exception("removing old events failed unexpectedly")
            await asyncio.sleep(self._interval_s)
