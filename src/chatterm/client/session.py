"""The engine of one account: its cache and outbox at once, its connection in the background."""

import asyncio
import contextlib
import importlib
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from chatproto.models import Message, User
from chatterm.client.cache import Cache
from chatterm.client.change_queue import ChangeQueue
from chatterm.client.changes import Changes
from chatterm.client.context import Context
from chatterm.client.credentials import CredentialStore
from chatterm.client.errors import ClientError, not_connected
from chatterm.client.lock import SenderLock
from chatterm.client.model import (
    Account,
    ConnectionChanged,
    ConnectionStatus,
    Link,
    Listener,
    Notice,
    PresenceState,
    ProblemMet,
    UserPresence,
)
from chatterm.client.outbox import Outbox
from chatterm.client.paths import account_files
from chatterm.client.queueing import Queueing
from chatterm.client.signals import OwnSignals, Signals
from chatterm.client.storage import Storage

if TYPE_CHECKING:  # the network is loaded by `start`, on another thread, so that a screen can be drawn before
    from chatterm.client.api import Api
    from chatterm.client.connection import Timing
    from chatterm.client.finder import Finder
    from chatterm.client.link import Reconnector
    from chatterm.client.search_index import SearchIndex
    from chatterm.client.server import Server
    from chatterm.client.tokens import TokenSource
    from chatterm.client.transfers import Transfers

_AWAY: Final = frozenset({Link.OFFLINE, Link.CONNECTING})
_OUTBOX_POLL_S: Final = 0.3
"""How soon messages are noticed that other processes append."""
_INDEX_AFTER_S: Final = 2.0
"""The first screen and the network come before the index for search."""
_LOCK_EVERY: Final = 3
"""The sender lock is tried at every third look at the outbox, about once a second."""


class Session(Queueing):
    """Implements `Engine`.

    The constructor opens the files, makes no connection and loads nothing of the network. Notices are sent
    on the event loop, in order, after cache and outbox show what they say. Several sessions of one account,
    also in other processes, share its files; one of them sends.
    """

    def __init__(
        self,
        account: Account,
        *,
        sends: bool = True,
        fetches: bool = True,
        indexes: bool = True,
        timing: "Timing | None" = None,
    ) -> None:
        """Raises `ClientError` if the files cannot be used.

        Without `sends`, the outbox is left to others. Without `fetches`, what is missing is not asked for. Without
        `indexes`, what is cached is made ready for search by others, or when something is searched.
        """
        files = self._account_files = account_files(account.key)
        self.account = account
        self.cache = Cache.open(files.cache)
        opened = contextlib.ExitStack()
        opened.callback(self.cache.close)
        with opened:  # an exception closes what was opened: nobody else would
            self.outbox = Outbox.open(files.outbox)
            opened.callback(self.outbox.close)
            self._change_queue = ChangeQueue.open(files.changes)
            opened.callback(self._change_queue.close)
            self._context = Context(account, self.cache, self.outbox, Storage(files), self._notify)
            self.changes = Changes(self._context, self._change_queue)
            self._context.changes_settled = self.changes.changed
            self._files = opened.pop_all()
        self._credentials = CredentialStore(files.credentials)
        self._lock = SenderLock(files.sender_lock) if sends else None
        self._fetches = fetches
        self._timing = timing
        self._listeners: list[Listener] = []
        self._signals = Signals(self._notify)
        self._own_signals = OwnSignals()
        self._status = ConnectionStatus(Link.OFFLINE, time.time())
        self._reconnector: Reconnector | None = None
        self._server: Server | None = None
        self._indexes = indexes
        self._index: SearchIndex | None = None
        self._finder: Finder | None = None
        self._transfers: Transfers | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._synced = asyncio.Event()
        self._stopped = False

    # --- life

    @property
    def status(self) -> ConnectionStatus:
        """What the connection is doing."""
        return self._status

    @property
    def is_sender(self) -> bool:
        """Whether this session is the one that sends."""
        return self._lock is not None and self._lock.held

    def sender_pid(self) -> int | None:
        """The other process that sends, if one does; for messages."""
        return None if self._lock is None or self._lock.held else self._lock.holder()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Be told of every notice; returns the function that ends it. Listeners must not block."""
        self._listeners.append(listener)

        def unsubscribe() -> None:
            with contextlib.suppress(ValueError):
                self._listeners.remove(listener)

        return unsubscribe

    async def start(self) -> None:
        """Begin to connect and send in the background. Idempotent; never raises for the network."""
        if self._tasks or self._stopped:
            return
        for problem in (self.cache.problem, self.outbox.problem, self._change_queue.problem):
            if problem is not None:
                self._notify(ProblemMet(problem))
        if self._lock is not None:
            self._try_lock()
        self._tasks = [
            asyncio.create_task(self._guarded(self._watch_outbox), name="outbox"),
            asyncio.create_task(self._guarded(self._stay_connected), name="link"),
        ]
        if self._indexes:
            self._tasks.append(asyncio.create_task(self._guarded(self._keep_index), name="index"))

    async def stop(self) -> None:
        """Close the connection and the files; what is unsent stays in the outbox. Idempotent."""
        if self._stopped:
            return
        self._stopped = True
        if self._reconnector is not None:
            await self._reconnector.settle()
        if self._transfers is not None:
            await self._transfers.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._finder is not None:
            await self._finder.close()
        if self._index is not None:
            await self._index.stop()
        await self._context.storage.close()
        if self._lock is not None:
            self._lock.release()
        self._show(ConnectionStatus(Link.STOPPED, time.time()))
        self._files.close()

    async def __aenter__(self) -> "Session":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def wait_synced(self) -> None:
        """Wait until users, chats and the newest events are in the cache, as far as they are fetched unasked."""
        await self._synced.wait()

    # --- the server

    @property
    def server(self) -> "Server":
        """What only the server can say or do now."""
        if self._server is None:
            from chatterm.client.server import Server  # noqa: PLC0415 - nothing before the first screen needs it

            self._server = Server(self._rest)
        return self._server

    @property
    def finder(self) -> "Finder":
        """Search in what is cached."""
        if self._finder is None:
            from chatterm.client.finder import Finder  # noqa: PLC0415 - nothing before the first screen needs it

            self._finder = Finder(self._account_files, self._search_index())
        return self._finder

    def _search_index(self) -> "SearchIndex":
        if self._index is None:
            from chatterm.client.search_index import SearchIndex  # noqa: PLC0415 - as above

            self._index = SearchIndex(self._context.storage)
            self.subscribe(self._index.heard)
        return self._index

    @property
    def transfers(self) -> "Transfers":
        """Uploads and downloads."""
        if self._transfers is None:
            from chatterm.client.transfers import Transfers  # noqa: PLC0415 - nothing before the first screen needs it

            self._transfers = Transfers(self._context, self._account_files.pictures, self._bulk_rest)
        return self._transfers

    def _bulk_rest(self) -> "tuple[Api, TokenSource]":
        if self._reconnector is None:
            raise not_connected()
        return self._reconnector.bulk_rest()

    def _rest(self) -> "tuple[Api, TokenSource]":
        if self._reconnector is None:
            raise not_connected()
        return self._reconnector.rest()

    # --- what is looked at

    def retry_now(self) -> None:
        """Bring the next connection attempt forward."""
        if self._reconnector is not None:
            self._reconnector.retry_now()

    def focus(self, chat_id: int | None) -> None:
        """The chat on screen: its events are fetched first."""
        plan = self._context.plan
        plan.focus = chat_id
        if chat_id is not None:
            plan.want_newest([(chat_id, self.cache.head(chat_id))])
            self._context.plan_changed.set()

    def fill(self, chat_id: int, first_seq: int, last_seq: int) -> None:
        """Ask for uncached events near what the reader sees; ends in `EventsStored`, or waits for a connection."""
        self._context.plan.want_range(chat_id, first_seq, last_seq)
        self._context.plan_changed.set()

    async def fetch_before(self, chat_id: int, before_at: int, limit: int) -> list[Message]:
        """Messages older than a time (microseconds since 1970 UTC), from the server, ascending; they are cached, too.

        Raises `ClientError`, `notConnected` before the first connection.
        """
        if self._reconnector is None:
            raise not_connected()
        messages = await self._reconnector.messages_before(chat_id, before_at, limit)
        await self._context.store_events(chat_id, messages, live=False)
        return messages

    async def mark_seen(self, chat_id: int, seq: int) -> None:
        """Move the seen marker, here at once and on the server as soon as it can be reached."""
        refs = await self._context.storage.cache(lambda cache: cache.store_seen(chat_id, seq))
        self._context.tell_entries(refs)
        if self._reconnector is not None:
            self._reconnector.seen_changed.set()

    async def know_users(self, users: Sequence[User]) -> None:
        """Put users into the cache that the server told of; they are in the list when this returns."""
        refs = await self._context.storage.cache(lambda cache: cache.store_users(users, page=False))
        self._context.tell_entries(refs)

    def watch(self, user_ids: Sequence[int], chat_ids: Sequence[int] = ()) -> None:
        """The users whose presence is on screen, and the chats of which it matters who writes in them."""
        self._own_signals.watch(user_ids, chat_ids)

    def presence(self, user_id: int) -> UserPresence:
        """Whether a watched user is there; offline while this is not known."""
        return self._signals.presence(user_id)

    def is_online(self, user_id: int) -> bool:
        """Whether a watched user is at one of their devices."""
        return self.presence(user_id).state is PresenceState.ONLINE

    def typing(self, chat_id: int) -> tuple[int, ...]:
        """Who else writes in a watched chat at this moment."""
        return self._signals.typing(chat_id)

    def seen_count(self, chat_id: int, seq: int) -> int:
        """How many others are known to have seen a message of a watched chat; cheap enough for painting."""
        return self._signals.seen_count(chat_id, seq)

    def write_in(self, chat_id: int, *, on: bool) -> None:
        """The user writes in this chat, or not any more; cheap enough for every key, and told every few seconds."""
        self._own_signals.typing(chat_id, on=on)

    def be_away(self, away: bool) -> None:
        """Nobody is at this device, or somebody is again."""
        self._own_signals.away(away)

    # --- within

    def _notify(self, notice: Notice) -> None:
        for listener in tuple(self._listeners):
            listener(notice)

    def _show(self, status: ConnectionStatus) -> None:
        if status.link in _AWAY and self._status.link in _AWAY:
            # Away since the connection was lost, however many attempts ago; and what the last one met still holds.
            status = replace(status, since=self._status.since, problem=status.problem or self._status.problem)
        self._status = status
        self._notify(ConnectionChanged(status))

    def _outbox_changed(self) -> None:
        self._context.tell_outbox()
        self._context.outbox_changed.set()
        self._context.uploads_changed.set()

    def _try_lock(self) -> None:
        if self._lock is not None and not self._lock.held and self._lock.acquire():
            self._context.outbox_changed.set()
            self._context.uploads_changed.set()
            self._context.changes_changed.set()

    async def _watch_outbox(self) -> None:
        """Notice what other processes append, and the moment the one that sends is gone."""
        version, looks = self.outbox.data_version(), 0
        while True:
            await asyncio.sleep(_OUTBOX_POLL_S)
            looks += 1
            try:
                if looks % _LOCK_EVERY == 0:
                    self._try_lock()
                self.changes.look()
                current = self.outbox.data_version()
                if current != version:
                    version = current
                    self._outbox_changed()
            except ClientError as error:
                self._notify(ProblemMet(error.info()))
                await asyncio.sleep(_OUTBOX_POLL_S * 30)

    async def _keep_index(self) -> None:
        await asyncio.sleep(_INDEX_AFTER_S)
        await asyncio.to_thread(importlib.import_module, "chatterm.client.search_index")
        await self._search_index().run()

    async def _stay_connected(self) -> None:
        link = await asyncio.to_thread(importlib.import_module, "chatterm.client.link")
        reconnector: Reconnector = link.Reconnector(
            self._context,
            self._credentials,
            self._signals,
            self._own_signals,
            self._show,
            timing=self._timing or link.Timing(),
            lock=self._lock,
            fetches=self._fetches,
            synced=self._synced,
            transfers=lambda: self.transfers,
        )
        self._reconnector = reconnector
        await reconnector.run()

    async def _guarded(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Show an error that nobody expected, instead of losing it in a task that nobody waits for."""
        try:
            await work()
        except Exception as error:  # whatever it is, the user must know that nothing goes on
            problem = ClientError(
                "internal",
                f"chatterm met an error it did not expect: {type(error).__name__}: {error}",
                "Restart chatterm, and report this if it stays; unsent messages are kept.",
            ).info()
            self._show(ConnectionStatus(Link.STOPPED, time.time(), problem=problem))
            self._notify(ProblemMet(problem))
