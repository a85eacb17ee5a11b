"""One authenticated WebSocket: hello and welcome, requests and their answers, heartbeat, and why it ended."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec
from websockets import exceptions as ws_errors
from websockets.asyncio.client import ClientConnection, connect

from chatproto import codec, limits
from chatproto.errors import ErrorInfo
from chatproto.frames import (
    Ack,
    ClientFrame,
    Done,
    Error,
    Fetch,
    Hello,
    Outgoing,
    Page,
    Send,
    SendResult,
    ServerFrame,
    Welcome,
)
from chatterm.client import failures
from chatterm.client.addresses import is_loopback, websocket_url
from chatterm.client.closing import ConnectionEndedError, Next, after_close
from chatterm.client.errors import ClientError
from chatterm.client.model import MessageChange

T = TypeVar("T")

_ANSWERS = (Ack, Page, Done, Error)


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a connection waits, in seconds. A dead peer is noticed within `ping_interval` + `ping_timeout`."""

    open_timeout: float = 10.0
    """From dialling to `welcome`."""
    answer_timeout: float = 30.0
    """From a request to its answer; after that its outcome is unknown and the connection is given up."""
    ping_interval: float = limits.PING_INTERVAL_S
    ping_timeout: float = limits.PING_TIMEOUT_S
    close_timeout: float = 2.0
    look_interval: float = 2.0
    """How often it is looked whether the machine slept or its network changed."""
    probe_timeout: float = 3.0
    """After that, a connection that does not answer a ping is given up."""


class Connection:
    """A WebSocket after `welcome`. Every method raises `ConnectionEndedError` once it is gone.

    Answers arrive only while somebody iterates `frames()`.
    """

    def __init__(self, origin: str, socket: ClientConnection, timing: Timing) -> None:
        """Use `open`."""
        self._origin = origin
        self._socket = socket
        self._timing = timing
        self._last_id = 0
        self._answers: dict[int, asyncio.Future[ServerFrame]] = {}
        self._reported: ErrorInfo | None = None
        self._ended: ConnectionEndedError | None = None

    @classmethod
    async def open(
        cls, origin: str, hello: Hello, timing: Timing, tls: ssl.SSLContext | None
    ) -> tuple["Connection", Welcome]:
        """Connect and say hello. `tls` is needed for https origins only. Raises `ConnectionEndedError`."""
        try:
            async with asyncio.timeout(timing.open_timeout):
                socket = await _dial(origin, timing, tls)
                connection = cls(origin, socket, timing)
                try:
                    await connection.post(hello)
                    return connection, await connection._welcome()
                except BaseException:  # also when cancelled or interrupted: nobody else closes it
                    socket.transport.abort()
                    raise
        except TimeoutError:
            raise ConnectionEndedError(failures.timed_out(origin).info(), Next.BACK_OFF) from None

    async def frames(self) -> AsyncIterator[ServerFrame]:
        """Everything the server says that answers no request, in order; ends by raising `ConnectionEndedError`."""
        while True:
            frame = await self._receive()
            waiting = self._answers.pop(frame.id, None) if isinstance(frame, _ANSWERS) and frame.id else None
            if waiting is None:
                yield frame
            elif not waiting.done():
                waiting.set_result(frame)

    async def send(self, messages: list[Outgoing]) -> list[SendResult]:
        """Have messages stored, in order. An exception leaves open whether they were. Idempotent by client id."""
        answer = await self._ask(lambda request_id: Send(id=request_id, messages=messages), Ack)
        if [result.client_id for result in answer.results] != [message.client_id for message in messages]:
            raise await self._give_up(failures.answer_unreadable(self._origin, "an ack for other messages"))
        return answer.results

    async def fetch(
        self, chat_id: int, *, before_seq: int | None = None, after_seq: int | None = None, limit: int
    ) -> Page:
        """A page of a chat's events. Raises `ClientError` if the server refuses it."""
        return await self._ask(
            lambda request_id: Fetch(
                id=request_id, chat_id=chat_id, before_seq=before_seq, after_seq=after_seq, limit=limit
            ),
            Page,
        )

    async def change(self, change: MessageChange) -> int:
        """Have a message changed; the seq of the event, 0 if nothing changed. Idempotent.

        Raises `ClientError` if the server refuses it.
        """
        answer = await self._ask(lambda request_id: msgspec.structs.replace(change, id=request_id), Done)
        return answer.seq

    async def post(self, frame: ClientFrame) -> None:
        """Send a frame that has no answer."""
        try:
            await self._socket.send(codec.encode_text(frame))
        except ws_errors.ConnectionClosed:
            raise self._end() from None

    @property
    def server_address(self) -> str:
        """The IP address of the other end; of a proxy, if there is one. Empty if it cannot be known."""
        name = self._socket.transport.get_extra_info("peername")
        return str(name[0]) if name else ""

    async def probe(self) -> None:
        """Ask whether the other end is still there; give the connection up if it does not answer soon."""
        with contextlib.suppress(ws_errors.ConnectionClosed):  # whoever reads from it learns why
            try:
                async with asyncio.timeout(self._timing.probe_timeout):
                    await (await self._socket.ping())
            except TimeoutError:
                await self._give_up(failures.timed_out(self._origin))

    async def close(self) -> None:
        """Say goodbye, bounded in time. Idempotent."""
        self._end()
        await self._socket.close()

    async def _ask(self, make: Callable[[int], ClientFrame], kind: type[T]) -> T:
        if self._ended is not None:
            raise self._ended
        self._last_id += 1
        request_id = self._last_id
        waiting = self._answers[request_id] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(self._timing.answer_timeout):
                await self.post(make(request_id))
                frame = await waiting
        except TimeoutError:
            raise await self._give_up(failures.timed_out(self._origin)) from None
        finally:
            self._answers.pop(request_id, None)
        if isinstance(frame, kind):
            return frame
        if isinstance(frame, Error):
            raise ClientError.of(frame.error)
        raise await self._give_up(failures.answer_unreadable(self._origin, "an answer of another kind"))

    async def _welcome(self) -> Welcome:
        frame = await self._receive()
        while isinstance(frame, Error):
            frame = await self._receive()  # the close that follows raises, with what was just reported
        if not isinstance(frame, Welcome):
            raise await self._give_up(failures.answer_unreadable(self._origin, "no welcome after hello"))
        return frame

    async def _receive(self) -> ServerFrame:
        while True:
            if self._ended is not None:
                raise self._ended
            try:
                frame = codec.decode_server_frame(await self._socket.recv())
            except ws_errors.ConnectionClosed:
                raise self._end() from None
            except codec.ProtocolError as error:
                if error.code == "unknownType":
                    continue  # a newer server's addition; what it means cannot matter to this client
                raise await self._give_up(failures.answer_unreadable(self._origin, error.message.rstrip("."))) from None
            if isinstance(frame, Error) and not frame.id:
                self._reported = frame.error
            return frame

    async def _give_up(self, error: ClientError) -> ConnectionEndedError:
        ended = self._end(ConnectionEndedError(error.info(), Next.BACK_OFF))
        self._socket.transport.abort()
        return ended

    def _end(self, why: ConnectionEndedError | None = None) -> ConnectionEndedError:
        if self._ended is None:
            self._ended = why or after_close(self._origin, _close_code(self._socket), self._reported)
            for waiting in self._answers.values():
                if not waiting.done():
                    waiting.set_exception(self._ended)
                    waiting.exception()  # its asker may have failed already, while it was still sending
        return self._ended


class _Dial(connect):
    """`connect` that follows no redirect: the hello that comes next carries the access token."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


async def _dial(origin: str, timing: Timing, tls: ssl.SSLContext | None) -> ClientConnection:
    try:
        return await _Dial(
            websocket_url(origin),
            compression=None,
            proxy=None if is_loopback(urlsplit(origin).hostname or "") else True,
            open_timeout=None,
            ping_interval=timing.ping_interval,
            ping_timeout=timing.ping_timeout,
            close_timeout=timing.close_timeout,
            max_size=limits.SERVER_FRAME_MAX_BYTES,
            ssl=tls if origin.startswith("https:") else None,
        )
    except ws_errors.InvalidStatus as error:
        raise _refused(origin, error.response.status_code, bytes(error.response.body or b"")) from None
    except (ws_errors.InvalidProxy, ws_errors.ProxyError, ImportError) as error:
        raise ConnectionEndedError(failures.proxy_failed(str(error)).info(), Next.BACK_OFF) from None
    except ws_errors.InvalidHandshake as error:
        if isinstance(error.__cause__, EOFError | OSError):  # closed before any answer, so nothing is known of it
            raise ConnectionEndedError(failures.closed_early(origin).info(), Next.BACK_OFF) from None
        info = failures.not_a_chat_server(origin, f"it does not take a WebSocket ({error})").info()
        raise ConnectionEndedError(info, Next.BACK_OFF) from None
    except OSError as error:
        raise ConnectionEndedError(failures.unreachable(origin, error).info(), Next.BACK_OFF) from None


def _refused(origin: str, status: int, body: bytes) -> ConnectionEndedError:
    if status in (502, 503, 504):
        return ConnectionEndedError(failures.server_down(origin, status).info(), Next.BACK_OFF)
    return ConnectionEndedError(failures.not_a_chat_server(origin, f"it answers HTTP {status}").info(), Next.BACK_OFF)


def _close_code(socket: ClientConnection) -> int | None:
    code = socket.close_code
    return None if code in (None, 1005, 1006) else code
