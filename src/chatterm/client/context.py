"""What the parts of one session share: the files, the plan, and the way news gets out."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from chatproto.models import Chat, Floor, LogEvent
from chatterm.client.cache import Cache
from chatterm.client.errors import ClientError
from chatterm.client.model import Account, EntriesChanged, EntryRef, EventsStored, Notice, OutboxChanged, ProblemMet
from chatterm.client.outbox import Outbox
from chatterm.client.plan import FetchPlan
from chatterm.client.storage import Storage

_ANNOUNCED_MAX: Final = 4_096


@dataclass(slots=True)
class Context:
    """One session's shared parts. `cache` and `outbox` are for reading, on the event loop's thread."""

    account: Account
    cache: Cache
    outbox: Outbox
    storage: Storage
    notify: Callable[[Notice], None]
    plan: FetchPlan = field(default_factory=FetchPlan)
    plan_changed: asyncio.Event = field(default_factory=asyncio.Event)
    outbox_changed: asyncio.Event = field(default_factory=asyncio.Event)
    uploads_changed: asyncio.Event = field(default_factory=asyncio.Event)
    changes_changed: asyncio.Event = field(default_factory=asyncio.Event)
    changes_settled: Callable[[], None] = lambda: None
    """Called after the queue of changes was written to, other than through `Changes`."""
    _announced: dict[tuple[int, int], None] = field(default_factory=dict)

    async def store_events(self, chat_id: int, events: Sequence[LogEvent], *, live: bool) -> None:
        """Store events of one chat and tell of them; live ones once, however often they arrive.

        What lies between them and the events known before is put on the plan.
        """
        _, refs, changed = await self.storage.cache(lambda cache: cache.store_events(chat_id, events))
        if live:
            self.tell_live(chat_id, [event.seq for event in events], changed)
            self._notice_gap(chat_id, events[0].seq - 1 if events else 0)
        elif events:
            self.notify(EventsStored(chat_id, events[0].seq, events[-1].seq, live=False, changed=changed))
        self.tell_entries(refs or (EntryRef("chat", chat_id),))

    def _notice_gap(self, chat_id: int, before: int) -> None:
        """Also own messages may lie above events of others that are still missing."""
        if before > 0 and self.cache.holes(chat_id, before, before):
            self.plan.want_gaps([chat_id])
            self.plan_changed.set()

    async def store_chats(self, chats: Sequence[Chat], useq: int | None = None, *, known_useq: int = 0) -> None:
        """Store chats and tell of the rows that changed; see `Cache.store_chats` for the positions."""
        self.tell_entries(await self.storage.cache(lambda cache: cache.store_chats(chats, useq, known_useq=known_useq)))
        for chat in chats:
            if chat.floor:
                await self.purge(chat.id)

    async def store_floors(self, floors: Iterable[Floor], rev: int | None = None) -> None:
        """The server has removed what lies up to these floors: forget it too, and tell; see `Cache.store_floors`."""
        told = list(floors)
        risen, refs = await self.storage.cache(lambda cache: cache.store_floors(told, rev))
        for chat_id in risen:
            await self.purge(chat_id)
        self.tell_entries(refs)
        if risen:
            self.plan.want_chats(self.cache.stale_chats())
            self.plan_changed.set()

    async def purge(self, chat_id: int) -> None:
        """Remove what lies below a chat's floor, in steps between which other things are stored; then tell."""
        while await self.storage.cache(lambda cache: cache.purge(chat_id)):
            pass
        self.notify(EventsStored(chat_id, 1, 0, live=False))

    def tell_live(self, chat_id: int, seqs: Iterable[int], changed: tuple[int, ...] = ()) -> None:
        """Tell of live events that are in the cache, but not twice: an ack and the event itself bring the same."""
        fresh = [seq for seq in seqs if (chat_id, seq) not in self._announced]
        if not fresh:
            if changed:
                self.notify(EventsStored(chat_id, 1, 0, live=True, changed=changed))
            return
        self._announced.update(dict.fromkeys((chat_id, seq) for seq in fresh))
        while len(self._announced) > _ANNOUNCED_MAX:
            del self._announced[next(iter(self._announced))]
        self.notify(EventsStored(chat_id, fresh[0], fresh[-1], live=True, changed=changed))

    def tell_entries(self, refs: Iterable[EntryRef]) -> None:
        """Tell that rows of the client list changed."""
        refs = tuple(refs)
        if refs:
            self.notify(EntriesChanged(refs))

    def tell_outbox(self) -> None:
        """Tell that the outbox changed. Never raises: what was done to it is done, whether it can be counted or not."""
        try:
            queued, failed = self.outbox.counts()
            paused = self.outbox.paused()
        except ClientError as error:
            self.notify(ProblemMet(error.info()))
        else:
            self.notify(OutboxChanged(queued, failed, paused))
