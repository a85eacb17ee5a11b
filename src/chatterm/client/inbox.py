"""What the server says unasked, brought into the cache in order, with what is still missing put on the plan."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from chatproto.frames import (
    ChatSettings,
    Error,
    Events,
    Heads,
    Joined,
    Left,
    Presence,
    Readers,
    Removed,
    Seen,
    ServerFrame,
    Typing,
    UsersChanged,
    Welcome,
)
from chatproto.models import ChatHead, Floor, Message
from chatterm.client.cache import Cache
from chatterm.client.closing import ConnectionEndedError, Next
from chatterm.client.context import Context
from chatterm.client.errors import ClientError
from chatterm.client.model import CacheReset, EntriesChanged, EntryRef, ProblemMet
from chatterm.client.signals import Signals

GAPS_LOOKED_FOR: Final = 50
"""So many of the most recently active chats are searched for gaps when a connection begins."""


class Inbox:
    """Applies the frames of one connection. Nothing is told before the cache shows it."""

    def __init__(self, context: Context, signals: Signals) -> None:
        self._context = context
        self._signals = signals
        self._handlers: Final[dict[type[ServerFrame], Callable[[Any], Any]]] = {
            Events: self._events,
            Joined: self._joined,
            Left: self._left,
            ChatSettings: self._settings,
            Heads: self._heads,
            Seen: self._seen,
            Presence: self._presence,
            Typing: self._typing,
            Readers: self._readers,
            UsersChanged: self._users_changed,
            Removed: self._removed,
            Error: self._error,
        }

    async def welcome(self, welcome: Welcome, cursors: Sequence[tuple[int, int]]) -> None:
        """Begin with where the server's logs end. `cursors` are those that hello named.

        Another database, or one that lost events, empties the cache; the outbox stays. Raises
        `ConnectionEndedError` if the connection must be made anew, or belongs to somebody else.
        """
        context = self._context
        if welcome.user.id != context.account.user_id:
            raise _other_user(context.account.email)
        known = context.cache.epoch()
        shrunk = known == welcome.epoch and _shrunk(welcome.heads, cursors)
        if shrunk:
            await context.storage.cache(lambda cache: cache.reset(welcome.epoch))
        dropped = await context.storage.cache(lambda cache: cache.adopt(welcome.epoch, welcome.user))
        if known and (shrunk or dropped):
            context.notify(CacheReset())
            context.notify(EntriesChanged(None))
        if shrunk:  # the heads that came were counted from a copy that is gone now
            raise ConnectionEndedError(_restored().info(), Next.BACK_OFF)
        context.plan.connected()
        context.plan.want_users(welcome.users_rev)
        await self._store_heads(welcome)
        await self._leave(welcome.left, welcome.useq)
        context.plan_changed.set()

    async def take(self, frame: ServerFrame) -> None:
        """Apply one frame that answers no request."""
        handler = self._handlers.get(type(frame))
        if handler is not None:
            await handler(frame)

    async def _store_heads(self, welcome: Welcome) -> None:
        context = self._context
        refs = await context.storage.cache(lambda cache: cache.store_heads(welcome.heads, welcome.useq))
        context.tell_entries(refs)
        await context.store_floors(welcome.floors, welcome.floors_rev)
        for chat_id in await context.storage.cache(Cache.unpurged):
            await context.purge(chat_id)
        context.plan.want_chats([*context.cache.unknown_chats(), *context.cache.stale_chats()])
        context.plan.want_newest(context.cache.chats_behind())
        # An earlier connection, or process, may have ended with a gap below the newest event.
        context.plan.want_gaps(chat_id for chat_id, _ in context.cache.cursors(GAPS_LOOKED_FOR))

    async def _events(self, frame: Events) -> None:
        context, chat_id = self._context, frame.chat_id
        if not frame.events:
            return
        if context.cache.chat(chat_id) is None:
            context.plan.want_chats([chat_id])
        await context.store_events(chat_id, frame.events, live=True)
        self._signals.said(chat_id, [event.sender_id for event in frame.events if isinstance(event, Message)])
        context.plan_changed.set()

    async def _joined(self, frame: Joined) -> None:
        context = self._context
        await context.store_chats([frame.chat], frame.useq)
        context.plan.want_newest([(frame.chat.id, frame.chat.head)])
        context.plan_changed.set()

    async def _left(self, frame: Left) -> None:
        await self._leave([frame.chat_id], frame.useq)

    async def _leave(self, chat_ids: Sequence[int], useq: int) -> None:
        """Keep what is cached, and ask for nothing more of it; messages still unsent to it the server refuses."""
        context = self._context
        if not chat_ids:
            return
        for chat_id in chat_ids:
            context.plan.forget(chat_id)
        context.tell_entries(await context.storage.cache(lambda cache: cache.store_left(chat_ids, useq)))

    async def _settings(self, frame: ChatSettings) -> None:
        context = self._context
        await context.storage.cache(lambda cache: cache.store_settings(frame.chat_id, frame))
        context.tell_entries([EntryRef("chat", frame.chat_id)])

    async def _heads(self, frame: Heads) -> None:
        context = self._context
        ahead = [head for head in frame.heads if head.head > context.cache.head(head.chat_id)]
        if not ahead:
            return
        context.tell_entries(await context.storage.cache(lambda cache: cache.store_heads(ahead, None)))
        context.plan.want_chats(head.chat_id for head in ahead if context.cache.chat(head.chat_id) is None)
        context.plan.want_newest((head.chat_id, head.head) for head in ahead)
        context.plan_changed.set()

    async def _seen(self, frame: Seen) -> None:
        refs = await self._context.storage.cache(
            lambda cache: cache.store_seen(frame.chat_id, frame.seq, frame.useq, frame.unread, frame.mentions)
        )
        # Also when the row looks the same: the marker moved here is confirmed now.
        self._context.tell_entries(refs or (EntryRef("chat", frame.chat_id),))

    async def _presence(self, frame: Presence) -> None:
        self._signals.take_presence(frame)

    async def _typing(self, frame: Typing) -> None:
        own = self._context.account.user_id
        self._signals.take_typing(frame.chat_id, [user_id for user_id in frame.user_ids if user_id != own])

    async def _readers(self, frame: Readers) -> None:
        own = self._context.account.user_id
        self._signals.take_readers(frame.chat_id, [(user_id, seq) for user_id, seq in frame.seen if user_id != own])

    async def _users_changed(self, frame: UsersChanged) -> None:
        self._context.plan.want_users(frame.rev)
        self._context.plan_changed.set()

    async def _removed(self, frame: Removed) -> None:
        floor = Floor(chat_id=frame.chat_id, floor=frame.floor, days=frame.days)
        await self._context.store_floors([floor], frame.rev)

    async def _error(self, frame: Error) -> None:
        self._context.notify(ProblemMet(frame.error))


def _shrunk(heads: Sequence[ChatHead], cursors: Sequence[tuple[int, int]]) -> bool:
    known = dict(cursors)
    return any(head.head < known.get(head.chat_id, 0) for head in heads)


def _other_user(email: str) -> ConnectionEndedError:
    error = ClientError(
        "accountChanged",
        f"The server says that these tokens do not belong to {email}.",
        "Run 'chatterm login URL' again.",
    )
    return ConnectionEndedError(error.info(), Next.SIGN_IN)


def _restored() -> ClientError:
    return ClientError(
        "serverRestored",
        "The server has fewer messages than this client has seen; the local copy is made anew.",
        "If messages are missing, tell the server's owner.",
        temporary=True,
    )
