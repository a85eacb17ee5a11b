"""The composition root: builds one ASGI application of store, services and live delivery."""

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from chatproto import limits
from chatserver.backends import open_store
from chatserver.bus.memory import MemoryBus
from chatserver.clock import Clock, now_us
from chatserver.files.room import open_files
from chatserver.http import routes
from chatserver.http.application import rest_application
from chatserver.http.front import Front
from chatserver.http.gate import Gate
from chatserver.http.headers import Cors
from chatserver.http.operations import Operation
from chatserver.limits.limiter import RateLimiter
from chatserver.mail.courier import BACKOFF_S
from chatserver.mail.room import open_recovery
from chatserver.measures import Gauge
from chatserver.ops import machine
from chatserver.ops.health import HealthChecks, bus_check, store_checks
from chatserver.ops.readings import Readings
from chatserver.ops.survey import Survey
from chatserver.push.addresses import Resolver, resolve
from chatserver.push.room import Push, open_push
from chatserver.realtime.hub import Hub
from chatserver.realtime.signals import Signals
from chatserver.services.accounts import Accounts, Registrations
from chatserver.services.auth import Authenticator
from chatserver.services.changes import MessageChanges
from chatserver.services.chats import Chats
from chatserver.services.erasure import Eraser
from chatserver.services.files import Files
from chatserver.services.invites import Invites
from chatserver.services.messages import Messages
from chatserver.services.passwords import PasswordPool
from chatserver.services.receipts import Receipts
from chatserver.services.recovery import Recovery
from chatserver.services.retention import Retention
from chatserver.services.search import Search
from chatserver.services.upkeep import Upkeep
from chatserver.services.users import Users
from chatserver.settings import Settings
from chatserver.store.base import Store
from chatserver.ws.connection import Services
from chatserver.ws.endpoint import Receive, Scope, Send, WebSocketEndpoint

_log = logging.getLogger("chatserver")


@dataclass(frozen=True, slots=True)
class Timing:
    """Intervals of live delivery, of pushes and of tidying, in seconds, and what tests replace."""

    hello_timeout: float = limits.HELLO_TIMEOUT_S
    heads_interval: float = limits.HEADS_INTERVAL_S
    presence_interval: float = 0.5
    presence_grace: float = 5.0
    last_seen_interval: float = 30.0
    chat_signals_interval: float = 0.2
    typing_lifetime: float = 6.0
    users_interval: float = 0.5
    mail_backoff: float = BACKOFF_S
    tidy_interval: float = 60.0
    push_backoff: float = 2.0
    push_resolver: Resolver = resolve
    """What finds the addresses of push endpoints."""
    retention_clock: Clock = now_us


class Application:
    """The ASGI application: WebSockets go straight to their endpoint, everything else to the REST API."""

    def __init__(
        self,
        store: Store,
        auth: Authenticator,
        accounts: Accounts,
        settings: Settings,
        timing: Timing,
        *,
        push: Push | None,
        files: Files,
        recovery: Recovery,
        eraser: Eraser,
    ) -> None:
        self.store = store
        self.auth = auth
        self.files = files
        self.recovery = recovery
        self.upkeep = Upkeep(store, refresh_ttl_s=settings.refresh_token_s)
        self.eraser = eraser
        self.retention = Retention(
            store, days=settings.retention_days, interval_s=settings.retention_interval_s, clock=timing.retention_clock
        )
        self.signals = signals = _signals(store, timing)
        self.hub = Hub(
            signals=signals,
            user_sockets=settings.user_sockets,
            heads_interval=timing.heads_interval,
            users_interval=timing.users_interval,
        )
        self.bus = MemoryBus()
        checks = store_checks(store, settings.data, settings.disk_free_min_bytes)
        self.health = HealthChecks({**checks, "bus": bus_check(self.bus)})
        messages = Messages(store)
        changes = MessageChanges(store)
        self.limiter = limiter = rate_limiter(settings)
        self.websockets = self._websockets(messages, changes, limiter, settings, timing)
        self.survey = Survey(store, settings.data, self.health)
        self.gauges = [*self._own_gauges(limiter, settings), *self.survey.gauges()]
        """What changes by itself, for the metrics."""
        self.readings = Readings(self.gauges, self.survey.refresh, self.hub.busiest_chats)
        operations = self._operations(accounts, messages, changes, settings)
        if push is not None:
            operations += routes.push.operations(push.subscriptions)
        if not settings.metrics_address:
            operations += routes.metrics.operations(
                self.gauges, self.survey.refresh, settings.metrics_networks, self.readings.take
            )
        operations += routes.documentation.operations(operations)
        rest = rest_application(operations, auth, Gate(limiter))
        self._rest = Front(rest, Cors(settings.allowed_origins, request_headers(operations)))

    def stop(self) -> None:
        """The end begins: nobody else should be sent here."""
        self.health.stop()

    def _websockets(
        self,
        messages: Messages,
        changes: MessageChanges,
        limiter: RateLimiter,
        settings: Settings,
        timing: Timing,
    ) -> WebSocketEndpoint:
        services = Services(
            store=self.store,
            auth=self.auth,
            messages=messages,
            changes=changes,
            hub=self.hub,
            signals=self.signals,
            outbox_bytes=settings.outbox_bytes,
            hello_timeout=timing.hello_timeout,
            limiter=limiter,
        )
        return WebSocketEndpoint(services, settings.allowed_origins)

    def _operations(
        self, accounts: Accounts, messages: Messages, changes: MessageChanges, settings: Settings
    ) -> list[Operation]:
        """What the REST API offers whatever the settings are."""
        store = self.store
        return [
            *routes.server.operations(store.epoch, self.health),
            *routes.sessions.operations(self.auth),
            *routes.accounts.operations(
                accounts,
                Registrations(store, accounts, self.auth, registration=settings.registration),
                self.recovery,
                Invites(store, by_members=settings.member_invites and settings.registration != "closed"),
            ),
            *routes.users.operations(Users(store)),
            *routes.chats.operations(Chats(store)),
            *routes.messages.operations(messages),
            *routes.changes.operations(changes, messages),
            *routes.receipts.operations(Receipts(store)),
            *routes.files.operations(self.files.uploads, self.files.downloads),
            *routes.search.operations(Search(store, now_us)),
        ]

    def _own_gauges(self, limiter: RateLimiter, settings: Settings) -> list[Gauge]:
        hub, store, websockets, recovery = self.hub, self.store, self.websockets, self.recovery
        retention = self.retention
        return [
            *machine.gauges(store.engine),
            *store.gauges(),
            Gauge(
                "chatserver_retention_last_run_timestamp_seconds",
                "When the last round of removing old events ended; 0 before the first.",
                lambda: retention.last_run,
            ),
            Gauge("chatserver_sessions", "Live WebSockets of known users.", lambda: hub.session_count),
            Gauge("chatserver_users_connected", "Users with a live WebSocket.", lambda: hub.user_count),
            Gauge("chatserver_websockets_open", "WebSockets, greeted or not.", lambda: websockets.open_count),
            Gauge("chatserver_outbox_bytes", "Bytes that wait for slow sockets.", lambda: hub.waiting_bytes),
            Gauge("chatserver_outbox_largest_bytes", "The most of it for one.", lambda: hub.largest_waiting_bytes),
            Gauge("chatserver_outbox_limit_bytes", "What may wait for one.", lambda: settings.outbox_bytes),
            Gauge("chatserver_requests_in_flight", "REST requests being answered.", lambda: self._rest.in_flight),
            Gauge("chatserver_rate_limit_keys", "Users and addresses whose rates are counted.", lambda: limiter.keys),
            Gauge("chatserver_mails_waiting", "Requests for mails not begun.", lambda: recovery.mails_waiting),
            Gauge("chatserver_disk_free_min_bytes", "Free space to be ready.", lambda: settings.disk_free_min_bytes),
            Gauge("chatserver_file_storage_limit_bytes", "Room for files.", lambda: settings.file_total_bytes),
            Gauge("chatserver_writes_waiting", "Callers that wait for a commit.", lambda: store.writes_waiting),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or WebSocket."""
        if scope["type"] == "websocket":
            await self.websockets(scope, receive, send)
        else:
            await self._rest(scope, receive, send)


def rate_limiter(settings: Settings) -> RateLimiter:
    """The rates of these settings; none at all if limits are off."""
    if not settings.limits_enabled:
        _log.warning("rate limits are off: anybody who reaches this server can keep it busy")
        return RateLimiter({})
    return RateLimiter(
        {
            "read": settings.limit_read,
            "write": settings.limit_write,
            "search": settings.limit_search,
            "upload": settings.limit_upload,
            "sign-in": settings.limit_sign_in,
            "account": settings.limit_account,
            "address": settings.limit_address,
            "handshake": settings.limit_handshake,
            "connect": settings.limit_connect,
            "messages": settings.limit_messages,
            "frames": settings.limit_frames,
        },
        connections=settings.address_sockets,
    )


def request_headers(operations: list[Operation]) -> set[str]:
    """The headers that a web page may send to these operations."""
    own = {name.lower() for operation in operations for name in operation.headers}
    return own | {"authorization", "content-type", "x-request-id"}


def _signals(store: Store, timing: Timing) -> Signals:
    return Signals(
        store,
        presence_interval=timing.presence_interval,
        presence_grace=timing.presence_grace,
        last_seen_interval=timing.last_seen_interval,
        chat_interval=timing.chat_signals_interval,
        typing_lifetime=timing.typing_lifetime,
    )


def _background_gauges(passwords: PasswordPool, push: Push | None) -> list[Gauge]:
    gauges = [
        Gauge("chatserver_passwords_waiting", "Passwords in hand or waiting.", lambda: passwords.pending),
        Gauge("chatserver_password_threads", "Threads that hash passwords.", lambda: passwords.threads),
    ]
    if push is not None:
        delivery = push.delivery
        gauges.append(Gauge("chatserver_pushes_waiting", "Pushes not delivered yet.", lambda: delivery.waiting))
    return gauges


@asynccontextmanager
async def open_application(settings: Settings, timing: Timing) -> AsyncIterator[Application]:
    """The application on its own open store; the store is closed at the end of the block."""
    store = await open_store(settings.data, serving=True, copy_before_migration=settings.backup_before_migration)
    passwords = PasswordPool(threads=settings.password_threads, waiting=settings.password_waiting)
    async with AsyncExitStack() as undo:
        undo.push_async_callback(store.close)
        undo.callback(passwords.close)
        auth = await Authenticator.open(
            store,
            passwords,
            access_ttl_s=settings.access_token_s,
            refresh_ttl_s=settings.refresh_token_s,
            sessions_max=settings.sessions_max,
        )

        def is_there(user_id: int) -> bool:
            return application.signals.presence.is_active(user_id)

        push: Push | None = None
        if settings.push:
            opening = open_push(
                store, settings, is_there=is_there, backoff_s=timing.push_backoff, resolver=timing.push_resolver
            )
            push = await undo.enter_async_context(opening)
        recovery = await undo.enter_async_context(
            open_recovery(store, passwords, settings, backoff_s=timing.mail_backoff)
        )
        files = await undo.enter_async_context(open_files(store, settings, tidy_interval=timing.tidy_interval))
        eraser = Eraser(store, settings.data)
        application = Application(
            store,
            auth,
            Accounts(store, passwords, eraser),
            settings,
            timing,
            push=push,
            files=files,
            recovery=recovery,
            eraser=eraser,
        )
        application.gauges += _background_gauges(passwords, push)
        _subscribe(application, push)
        undo.push_async_callback(application.survey.close)
        for part in (application.hub, application.upkeep, application.retention, application.eraser):
            undo.push_async_callback(part.close)
            part.start()
        yield application


def _subscribe(application: Application, push: Push | None) -> None:
    """Have every part hear of what is committed."""
    bus = application.bus
    # First, so that no new connection of a revoked session slips in.
    bus.subscribe("sessions", application.auth.on_commit)
    bus.subscribe("live delivery", application.hub.on_commit)
    if push is not None:
        bus.subscribe("push", push.pusher.on_commit)
    application.store.on_commit(bus.publish)
