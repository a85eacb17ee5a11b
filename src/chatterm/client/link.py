"""Keeps one account connected: token, connection, work on it, and what to do after each way it can end."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Final

from chatproto import limits
from chatproto.errors import ErrorInfo
from chatproto.frames import Hello, MarkSeen, Welcome
from chatproto.models import Message
from chatterm.client.api import Api, tls_context
from chatterm.client.backoff import Backoff
from chatterm.client.change_sender import ChangeSender
from chatterm.client.closing import ConnectionEndedError, Next
from chatterm.client.connection import Connection, Timing
from chatterm.client.context import Context
from chatterm.client.credentials import CredentialStore
from chatterm.client.errors import ClientError, not_connected
from chatterm.client.inbox import Inbox
from chatterm.client.lock import SenderLock
from chatterm.client.machine import MachineWatch
from chatterm.client.model import ConnectionStatus, Link
from chatterm.client.sender import Sender
from chatterm.client.server import Server
from chatterm.client.signals import OwnSignals, Signals
from chatterm.client.sync import Syncer
from chatterm.client.tokens import TokenSource
from chatterm.client.uploads import Uploader

if TYPE_CHECKING:
    from chatterm.client.transfers import Transfers

_SETTLE_S: Final = 1.0
"""How long a stopping session waits for the answer to the batch in flight."""
_CREDENTIALS_POLL_S: Final = 1.0
_SEEN_DEBOUNCE_S: Final = 0.3
_CLIENT: Final = "chatterm/1"


class Reconnector:
    """Runs until cancelled; `status` is told through `show`."""

    def __init__(
        self,
        context: Context,
        credentials: CredentialStore,
        signals: Signals,
        own_signals: OwnSignals,
        show: Callable[[ConnectionStatus], None],
        *,
        timing: Timing,
        lock: SenderLock | None,
        fetches: bool,
        synced: asyncio.Event,
        transfers: "Callable[[], Transfers]",
    ) -> None:
        """Without `lock`, nothing is sent. `synced` is set while nothing that should be fetched is missing.

        Without `fetches`, nothing is fetched.
        """
        self._context = context
        self._credentials = credentials
        self._signals = signals
        self._own_signals = own_signals
        self._show = show
        self._timing = timing
        self._lock = lock
        self._fetches = fetches
        self._synced = synced
        self._transfers = transfers
        self._rest: tuple[Api, TokenSource] | None = None
        self._bulk: Api | None = None
        self._tls: ssl.SSLContext | None = None
        self._backoff = Backoff()
        self._watch = MachineWatch()
        self._connection: Connection | None = None
        self._server_address = ""
        self._hurry = asyncio.Event()
        self.seen_changed = asyncio.Event()
        self._watched = asyncio.Event()
        self._sender: Sender | None = None
        self._sending: asyncio.Task[None] | None = None

    def retry_now(self) -> None:
        """Bring the next attempt forward."""
        self._hurry.set()

    def rest(self) -> tuple[Api, TokenSource]:
        """The API and the tokens of the account. Raises `ClientError` with `notConnected`."""
        if self._rest is None:
            raise not_connected()
        return self._rest

    def bulk_rest(self) -> tuple[Api, TokenSource]:
        """As `rest`, with connections for long transfers, which never keep other requests waiting."""
        _, tokens = self.rest()
        if self._bulk is None:
            raise not_connected()
        return self._bulk, tokens

    async def messages_before(self, chat_id: int, before_at: int, limit: int) -> list[Message]:
        """A page of messages by time. Raises `ClientError`."""
        api, tokens = self.rest()
        page = await tokens.call(lambda token: api.messages(token, chat_id, before=before_at, limit=limit))
        return page.messages

    async def settle(self) -> None:
        """Wait, for a short time, for the answer to what is being sent."""
        if self._sender is not None and self._sending is not None:
            self._sender.stop()
            await asyncio.wait([self._sending], timeout=_SETTLE_S)

    async def run(self) -> None:
        """Connect, work, and connect again."""
        origin = self._context.account.server_url
        if origin.startswith("https:"):
            self._tls = await asyncio.to_thread(tls_context)
        async with Api(origin, tls=self._tls) as api, Api(origin, tls=self._tls) as self._bulk:
            tokens = TokenSource(self._credentials, api)
            self._rest = api, tokens
            refused: str | None = None
            watching = asyncio.create_task(self._watch_machine(), name="machine")
            try:
                while True:
                    token = ""
                    self._hurry.clear()  # asked for during an attempt that then fails, the next one comes at once
                    self._status(Link.CONNECTING)
                    try:
                        token = await tokens.current(refused)
                        refused = None
                        await self._connect(api, tokens, token)
                    except ConnectionEndedError as ended:
                        refused = await self._after(ended, token)
                    except ClientError as error:  # this machine's disk: shown, and tried again like any failure
                        await self._wait(error.info())
            finally:
                watching.cancel()
                self._rest = None
                await tokens.close()

    async def _watch_machine(self) -> None:
        """After sleep, or on another network, find out at once whether the connection lives, or make one at once."""
        while True:
            await asyncio.sleep(self._timing.look_interval)
            if not self._watch.changed(self._server_address):
                continue
            if self._connection is not None:
                await self._connection.probe()
            self._backoff.forget()
            if self._connection is None:
                self.retry_now()

    async def _connect(self, api: Api, tokens: TokenSource, token: str) -> None:
        cache = self._context.cache
        cursors = cache.cursors(limits.CURSORS_MAX)
        hello = Hello(
            token=token,
            client=_CLIENT,
            epoch=cache.epoch(),
            useq=cache.useq(),
            cursors=cursors,
            floors_rev=cache.floors_rev(),
        )
        connection, welcome = await Connection.open(self._context.account.server_url, hello, self._timing, self._tls)
        self._connection, self._server_address = connection, connection.server_address
        try:
            await self._work(connection, welcome, cursors, api, tokens)
        finally:
            self._connection = None
            self._synced.clear()
            self._signals.clear()
            await connection.close()

    async def _work(
        self,
        connection: Connection,
        welcome: Welcome,
        cursors: Sequence[tuple[int, int]],
        api: Api,
        tokens: TokenSource,
    ) -> None:
        inbox = Inbox(self._context, self._signals)
        await inbox.welcome(welcome, cursors)
        self._backoff.connected()
        self._status(Link.ONLINE)
        jobs = [self._read(connection, inbox), self._tell_signals(connection), self._tell_seen(connection)]
        if self._fetches:
            jobs.append(self._ask_readers(Server(lambda: (api, tokens))))
            jobs.append(Syncer(self._context, connection, api, tokens).run(self._synced))
        if self._lock is not None:
            self._sender = Sender(
                self._context,
                connection,
                self._lock,
                lambda chat_id: tokens.call(lambda token: api.chat(token, chat_id)),
            )
            jobs.append(self._send(self._sender))
            jobs.append(Uploader(self._context, *self.bulk_rest(), self._lock, self._transfers()).run())
            jobs.append(ChangeSender(self._context, connection, self._lock).run())
        await _first_failure(jobs)

    async def _read(self, connection: Connection, inbox: Inbox) -> None:
        async for frame in connection.frames():
            await inbox.take(frame)

    async def _send(self, sender: Sender) -> None:
        self._sending = asyncio.current_task()
        try:
            await sender.run()
        finally:
            self._sender = self._sending = None

    async def _tell_signals(self, connection: Connection) -> None:
        own = self._own_signals
        own.connected()
        while True:
            frames = await own.next_frames()
            self._signals.keep(own.user_ids, own.chat_ids)
            for frame in frames:
                await connection.post(frame)
            self._watched.set()

    async def _ask_readers(self, server: Server) -> None:
        """Ask how far everybody has read in the chat on screen; after `watch`, so that nothing is missed between."""
        context, signals = self._context, self._signals
        while True:
            await self._watched.wait()
            self._watched.clear()
            chat_id = context.plan.focus
            if chat_id is None or chat_id not in self._own_signals.chat_ids or signals.knows_readers(chat_id):
                continue
            try:
                markers = await server.seen_markers(chat_id)
            except ClientError:  # no longer a member, or the connection is going; the next `watch` asks again
                continue
            own = context.account.user_id
            seen = [(marker.user_id, marker.seen) for marker in markers if marker.user_id != own]
            signals.take_readers(chat_id, seen, whole=True)

    async def _tell_seen(self, connection: Connection) -> None:
        told: dict[int, int] = {}
        while True:
            self.seen_changed.clear()
            for chat_id, seq in self._context.cache.pending_seen():
                if told.get(chat_id) != seq:
                    told[chat_id] = seq
                    await connection.post(MarkSeen(chat_id=chat_id, seq=seq))
            await self.seen_changed.wait()
            await asyncio.sleep(_SEEN_DEBOUNCE_S)  # reading on moves it many times a second

    async def _after(self, ended: ConnectionEndedError, token: str) -> str | None:
        """Do what this end asks for; the token that must not be used again, if any."""
        match ended.next:
            case Next.REFRESH if token and self._backoff.failures == 0:
                self._backoff.next_delay()  # at once, but only once: the next refusal waits
                return token
            case Next.REFRESH:
                await self._wait(ended.info())
                return token
            case Next.SIGN_IN if self._signed_in_again(token):
                await self._wait(ended.info())
            case Next.SIGN_IN:
                await self._wait_for_login(ended.info())
            case Next.STOP:
                self._status(Link.STOPPED, problem=ended.info())
                await self._hurried()
            case Next.BACK_OFF:
                await self._wait(ended.info())
        return None

    async def _wait(self, problem: ErrorInfo) -> None:
        delay = self._backoff.next_delay(problem.retry_after)
        self._status(Link.OFFLINE, retry_at=time.time() + delay, problem=problem)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await self._hurried()

    async def _wait_for_login(self, problem: ErrorInfo) -> None:
        """Signed out, until somebody logs in again on this machine."""
        self._status(Link.SIGNED_OUT, problem=problem)
        before = self._stamp()
        while self._stamp() == before:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CREDENTIALS_POLL_S):
                    await self._hurried()
                    return

    def _signed_in_again(self, token: str) -> bool:
        """Whether another process has logged in since this token was read."""
        try:
            credentials = self._credentials.load()
        except ClientError:
            return False  # what is wrong with the file is why this connection ended, and is shown
        return bool(token) and credentials is not None and credentials.access_token != token

    async def _hurried(self) -> None:
        await self._hurry.wait()
        self._hurry.clear()

    def _stamp(self) -> tuple[int, int] | None:
        try:
            status = self._credentials.path.stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns

    def _status(self, link: Link, *, retry_at: float | None = None, problem: ErrorInfo | None = None) -> None:
        self._show(ConnectionStatus(link, time.time(), retry_at, problem))


async def _first_failure(jobs: list[Coroutine[Any, Any, None]]) -> None:
    """Run jobs together until one fails; the others are cancelled and waited for, and its error is raised."""
    tasks = [asyncio.ensure_future(job) for job in jobs]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    failures = [result for result in results if isinstance(result, Exception)]
    for failure in sorted(failures, key=lambda error: isinstance(error, ConnectionEndedError)):
        raise failure
