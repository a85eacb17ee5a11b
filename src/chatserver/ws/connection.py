"""One WebSocket connection: greet, then take frames in order until either side ends it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import msgspec

from chatproto import PROTOCOL_VERSION, codec, limits
from chatproto.errors import ChatError, CloseCode
from chatproto.frames import (
    Away,
    ClientFrame,
    Delete,
    Edit,
    Error,
    Fetch,
    Hello,
    MarkSeen,
    Pin,
    React,
    Send,
    TypingNow,
    Watch,
    Welcome,
)
from chatserver.limits.limiter import RateLimiter
from chatserver.realtime.hub import Hub
from chatserver.realtime.outbox import Link, Outbox
from chatserver.realtime.packing import pack
from chatserver.realtime.session import Session
from chatserver.realtime.signals import Signals
from chatserver.refusals import told
from chatserver.services.auth import Authenticator
from chatserver.services.changes import MessageChanges
from chatserver.services.messages import Messages
from chatserver.store.base import Store
from chatserver.ws import frames, pages, reconnects
from chatserver.ws.changes import ChangeFrame, ChangeQueue
from chatserver.ws.reconnects import Reconnects
from chatserver.ws.record import ConnectionRecord
from chatserver.ws.seen import SeenMarkers
from chatserver.ws.sends import REFUSED_PAUSE_S, SendPipeline

logger = logging.getLogger(__name__)

Receive = Callable[[], Awaitable[Any]]

_CLOSE_AFTER = {
    "tokenMissing": CloseCode.TOKEN,
    "tokenInvalid": CloseCode.TOKEN,
    "tokenExpired": CloseCode.TOKEN,
    "sessionRevoked": CloseCode.REVOKED,
    "protocolVersion": CloseCode.PROTOCOL_VERSION,
    "helloExpected": CloseCode.BAD_FRAME,
}
"""How a greeting that was refused ends, by error code; temporary errors end with TRY_LATER, others with BAD_FRAME."""


@dataclass(frozen=True, slots=True)
class Services:
    """What connections need of the rest of the server."""

    store: Store
    auth: Authenticator
    messages: Messages
    changes: MessageChanges
    hub: Hub
    signals: Signals
    outbox_bytes: int
    limiter: RateLimiter
    reconnects: Reconnects = field(default_factory=Reconnects)
    hello_timeout: float = limits.HELLO_TIMEOUT_S


class _Envelope(msgspec.Struct):
    """What can still be read of a frame that was refused, to name the request that the refusal answers."""

    id: int | None = None
    protocol: int | None = None


_envelope = msgspec.json.Decoder(_Envelope)


class Connection:
    """Owns one socket from its acceptance to its end."""

    def __init__(self, services: Services, link: Link, receive: Receive, record: ConnectionRecord) -> None:
        """`receive` is the ASGI callable of a WebSocket that was accepted."""
        self._record = record
        self._services = services
        self._link = link
        self._receive = receive
        self._stopping = False
        self._dialogue: _Dialogue | None = None

    async def run(self) -> None:
        """Serve the connection to its end. What was taken from it is committed even if it is lost."""
        session = await self._greet()
        if session is None:
            return
        self._services.signals.arrived(session)
        dialogue = _Dialogue(self._services, session)
        self._dialogue = dialogue
        try:
            while (text := await self._next()) is not None:
                if not (self._stopping or session.revoked):
                    await dialogue.take(text)
        except ChatError as error:
            await dialogue.settled()
            self._refuse(error)
        finally:
            self._services.signals.left(session)
            self._services.hub.detach(session)
            await dialogue.settled()

    async def finish(self) -> None:
        """The server stops: take nothing more, acknowledge what was taken, and say that it restarts."""
        self._stopping = True
        if self._dialogue is not None:
            await self._dialogue.settled()
            await self._dialogue.delivered()
        self._end(CloseCode.RESTARTING, "The server is restarting; reconnect in a moment.")

    async def _next(self) -> str | None:
        """The next text frame, or None at the end. Raises `ProtocolError` for a binary frame."""
        message = await self._receive()
        if message["type"] == "websocket.disconnect":
            self._record.ends(message.get("code") or 1005)
            return None
        self._record.received()
        text = message.get("text")
        if text is None:
            raise codec.ProtocolError("invalidFrame", "Frames are JSON in WebSocket text messages, not binary ones.")
        return str(text)

    async def _greet(self) -> Session | None:
        try:
            async with asyncio.timeout(self._services.hello_timeout):
                text = await self._next()
        except TimeoutError:
            self._link.write(pack(Error(error=told(ChatError("helloExpected")))))
            self._end(CloseCode.HELLO_TIMEOUT, "No hello in time.")
            return None
        except ChatError as error:
            self._refuse(error)
            return None
        if text is None:
            return None
        session: Session | None = None
        begun = perf_counter()
        try:
            hello = _read_hello(text)
            identity = self._services.auth.verify(hello.token)
            self._record.user_id, self._record.session_id = identity.user_id, identity.session_id
            outbox = Outbox(self._link, self._services.outbox_bytes)
            session = Session(identity.user_id, identity.session_id, self._link, outbox)
            session.hears_floors = hello.floors_rev is not None
            # No await since the session was verified, so a revocation cannot fall between.
            self._services.hub.attach(session)
            await self._welcome(session, hello)
        except ChatError as error:
            self._refuse(error)
        except Exception:  # a session that cannot be greeted must be told, and must not stay attached
            logger.exception("greeting failed")
            self._refuse(ChatError("internal"))
        else:
            frames.answered("hello", begun)
            return session
        reconnects.refused()
        if session is not None:
            self._services.hub.detach(session)
        return None

    async def _welcome(self, session: Session, hello: Hello) -> None:
        """Attach live delivery, then read the heads: an event is in them, or is delivered, or both."""
        store, hub = self._services.store, self._services.hub
        hub.subscribe(session, await store.chat_ids(session.user_id))
        same = hello.epoch == store.epoch
        users_rev = await store.users_rev()
        account = await store.account(session.user_id)
        if account is None:
            raise ChatError("tokenInvalid")
        useq, heads = await store.heads(session.user_id, hello.useq if same else 0, hello.cursors if same else ())
        left = await store.left_since(session.user_id, hello.useq) if same and hello.useq < useq else []
        # The position is read before the floors, as for heads.
        floors_rev = await store.floors_rev()
        known = hello.floors_rev if same else 0
        floors = await store.floors_of(session.user_id, known) if known is not None and known < floors_rev else []
        welcome = Welcome(
            epoch=store.epoch,
            useq=useq,
            user=account.user,
            session_id=session.session_id,
            users_rev=users_rev,
            heads=heads,
            left=left,
            floors=floors,
            floors_rev=floors_rev,
        )
        session.outbox.release(pack(welcome))
        result: reconnects.Greeting = "resumed" if same else "reset" if hello.epoch else "new"
        self._services.reconnects.greeted(session.session_id, result)

    def _refuse(self, error: ChatError) -> None:
        """Say why, then close."""
        self._link.write(pack(Error(error=told(error))))
        fallback = CloseCode.TRY_LATER if error.temporary else CloseCode.BAD_FRAME
        self._end(_CLOSE_AFTER.get(error.code, fallback), error.code)

    def _end(self, code: CloseCode, reason: str) -> None:
        self._record.ends(code)
        self._link.close(code, reason)


class _Dialogue:
    """The frames of one greeted connection, by a table from frame type to handler."""

    def __init__(self, services: Services, session: Session) -> None:
        self._services = services
        self._session = session
        self._outbox = session.outbox
        self._outbox.on_lapse = lambda: services.signals.tell_again(session)
        key = str(session.user_id)
        self._frames = services.limiter.allowance("frames", key)
        allowance = services.limiter.allowance("messages", key)
        self._sends = SendPipeline(services.messages, session.user_id, session.outbox.reply, allowance)
        self._changes = ChangeQueue(services.changes, self._sends, session.user_id, session.outbox.reply)
        self._seen = SeenMarkers(services.messages, session.user_id, self._refuse)

    async def take(self, text: str) -> None:
        """Handle one frame. Raises `ProtocolError` if what the peer speaks is not the protocol at all."""
        try:
            frame = codec.decode_client_frame(text)
        except codec.ProtocolError as error:
            if error.code in {"invalidJson", "tooLarge"}:
                raise
            await self._refuse_unread(error, text)
        else:
            await self._handle(frame, text)
        if self._outbox.backlogged:
            await self._outbox.drained()  # who does not read answers gets no more of them

    async def _handle(self, frame: ClientFrame, text: str) -> None:
        begun = perf_counter()
        kind = type(frame)
        handler = _HANDLERS.get(kind)
        if handler is None:
            await self._refuse_unread(ChatError("unknownType"), text)
        elif kind is Send or await self._admitted(text):
            await handler(self, frame)
            if kind in _ANSWERED_AT_ONCE:
                frames.answered(_ANSWERED_AT_ONCE[kind], begun)

    async def _refuse_unread(self, error: ChatError, text: str) -> None:
        if await self._admitted(text):
            self._refuse(error, _read_envelope(text).id)

    async def _admitted(self, text: str) -> bool:
        """Whether the user may send one more frame; sends are counted by message instead."""
        try:
            self._frames.take()
        except ChatError as error:
            self._refuse(error, _read_envelope(text).id)
            await asyncio.sleep(REFUSED_PAUSE_S)
            return False
        return True

    async def settled(self) -> None:
        """Wait until everything taken is stored or refused."""
        await self._sends.settled()
        await self._changes.settled()
        await self._seen.settled()

    async def delivered(self) -> None:
        """Wait until the socket has taken every answer."""
        await self._outbox.drained()

    async def send(self, frame: Send) -> None:
        """Store messages; the ack follows."""
        await self._sends.submit(frame)

    async def change(self, frame: ChangeFrame) -> None:
        """Change a message, in the background; the answer follows."""
        await self._changes.take(frame)

    async def fetch(self, frame: Fetch) -> None:
        """Answer with a page."""
        try:
            answer = await pages.page(self._services.store, self._services.messages, self._session, frame)
        except ChatError as error:
            frames.failed("fetch")
            self._refuse(error, frame.id)
        except Exception:  # the client must get an answer, and its connection serves other things too
            logger.exception("fetch failed")
            frames.failed("fetch")
            self._refuse(ChatError("internal"), frame.id)
        else:
            self._outbox.reply(pack(answer))

    async def mark_seen(self, frame: MarkSeen) -> None:
        """Move the seen marker, in the background."""
        await self._seen.mark(frame.chat_id, frame.seq)

    async def watch(self, frame: Watch) -> None:
        """Replace what the session watches, and tell the state of all of it."""
        self._services.signals.watch(self._session, frame.user_ids, frame.chat_ids)

    async def typing(self, frame: TypingNow) -> None:
        """Tell the chat's watchers that the user types, or not any more."""
        typing = self._services.signals.typing
        if frame.on:
            typing.start(self._session, frame.chat_id)
        else:
            typing.stop(frame.chat_id, self._session.user_id)

    async def away(self, frame: Away) -> None:
        """Note whether somebody is at this device."""
        self._services.signals.presence.set_away(self._session, frame.away)

    async def hello_again(self, _frame: Hello) -> None:
        """One greeting is enough."""
        self._refuse(ChatError("invalidFrame", "This connection was greeted already."))

    def _refuse(self, error: ChatError, request_id: int | None = None) -> None:
        self._outbox.reply(pack(Error(error=told(error), id=request_id)))


_HANDLERS: dict[type[ClientFrame], Callable[[_Dialogue, Any], Awaitable[None]]] = {
    Send: _Dialogue.send,
    Edit: _Dialogue.change,
    Delete: _Dialogue.change,
    React: _Dialogue.change,
    Pin: _Dialogue.change,
    Fetch: _Dialogue.fetch,
    MarkSeen: _Dialogue.mark_seen,
    Watch: _Dialogue.watch,
    TypingNow: _Dialogue.typing,
    Away: _Dialogue.away,
    Hello: _Dialogue.hello_again,
}


_ANSWERED_AT_ONCE: dict[type[ClientFrame], frames.Kind] = {
    Fetch: "fetch",
    Watch: "watch",
    TypingNow: "typing",
    Away: "away",
}
"""Those that are done when their handler returns, with their names for the measures; the others say so themselves."""


def _read_hello(text: str) -> Hello:
    try:
        frame = codec.decode_client_frame(text)
    except codec.ProtocolError:
        if _read_envelope(text).protocol not in {None, PROTOCOL_VERSION}:
            raise ChatError("protocolVersion") from None
        raise
    if not isinstance(frame, Hello):
        raise ChatError("helloExpected")
    if frame.protocol != PROTOCOL_VERSION:
        raise ChatError("protocolVersion")
    return frame


def _read_envelope(text: str) -> _Envelope:
    try:
        envelope = _envelope.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return _Envelope()
    usable = envelope.id is not None and 0 <= envelope.id <= limits.TIME_MAX
    return envelope if usable else _Envelope(protocol=envelope.protocol)
