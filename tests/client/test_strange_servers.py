"""Whatever answers at the address, the client says what it met and what to do."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from websockets.asyncio.server import ServerConnection, serve

from chatproto import codec, limits
from chatproto.errors import ChatError, CloseCode
from chatproto.frames import Ack, Error, Hello, Outgoing, Send, SendResult, Welcome
from chatproto.models import User
from chatproto.rest import ErrorBody
from chatterm.client.api import Api
from chatterm.client.closing import ConnectionEndedError, Next
from chatterm.client.connection import Connection, Timing
from chatterm.client.errors import ClientError

HTML = b"HTTP/1.1 %b\r\nContent-Type: text/html\r\nContent-Length: 13\r\n%b\r\n<html></html>"
OVERLOADED = codec.encode(ErrorBody(error=ChatError("overloaded", retry_after=7).info()))
QUICK = Timing(open_timeout=2.0, answer_timeout=0.3)


@contextlib.asynccontextmanager
async def answering(data: bytes, *, repeat: int = 1) -> AsyncIterator[str]:
    """Something that answers every connection with these bytes and closes it; says nothing at all if empty."""
    ended = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.read(65_536)
            if not data:
                await ended.wait()
            for _ in range(repeat):
                writer.write(data)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        yield f"http://{host}:{port}"
        ended.set()


@pytest.mark.parametrize(
    ("answer", "code", "says"),
    [
        (HTML % (b"200 OK", b""), "notChatServer", "does not answer with JSON"),
        (HTML % (b"404 Not Found", b""), "notChatServer", "HTTP 404"),
        (HTML % (b"302 Found", b"Location: https://evil.example/\r\n"), "notChatServer", "https://evil.example/"),
        (HTML % (b"502 Bad Gateway", b""), "serverDown", "HTTP 502"),
        (HTML % (b"200 OK", b"Content-Encoding: gzip\r\n"), "notChatServer", "cannot be unpacked"),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{"a": 1}', "notChatServer", "something else"),
        (b"220 mail.example.org ESMTP\r\n\r\n", "notChatServer", "does not speak HTTP"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "unreachable", "connection early"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort", "unreachable", "connection early"),
        (
            b"HTTP/1.1 503 Busy\r\nContent-Length: %d\r\n\r\n%b" % (len(OVERLOADED), OVERLOADED),
            "overloaded",
            "server is busy",
        ),
    ],
)
async def test_an_answer_that_is_none_is_named(answer: bytes, code: str, says: str) -> None:
    """REST: HTML, redirects, gateways, other programs and broken answers each have their words."""
    async with answering(answer) as url, Api(url) as api:
        with pytest.raises(ClientError) as caught:
            await api.health()
    assert caught.value.code == code
    assert says in caught.value.message
    assert caught.value.hint
    assert caught.value.retry_after == (7 if code == "overloaded" else None)


async def test_an_answer_without_an_end_is_cut_off() -> None:
    """Memory is bounded, whatever the server sends."""
    start = b"HTTP/1.1 200 OK\r\n\r\n"
    async with answering(start + b" " * 1_048_576, repeat=20) as url, Api(url) as api:
        with pytest.raises(ClientError, match="does not end"):
            await api.health()


async def test_silence_is_a_timeout() -> None:
    """REST and WebSocket alike."""
    async with answering(b"") as url:
        async with Api(url, request_timeout_s=0.2) as api:
            with pytest.raises(ClientError, match="in time"):
                await api.health()
        with pytest.raises(ConnectionEndedError, match="in time"):
            await Connection.open(url, Hello(token="t"), Timing(open_timeout=0.2), None)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (HTML % (b"200 OK", b""), "notChatServer"),
        (HTML % (b"403 Forbidden", b""), "notChatServer"),
        (HTML % (b"302 Found", b"Location: wss://evil.example/ws\r\n"), "notChatServer"),
        (HTML % (b"502 Bad Gateway", b""), "serverDown"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "notChatServer"),
    ],
)
async def test_a_websocket_that_is_none_is_named_and_no_redirect_is_followed(answer: bytes, code: str) -> None:
    """The access token would go to wherever it leads."""
    async with answering(answer) as url:
        with pytest.raises(ConnectionEndedError) as caught:
            await Connection.open(url, Hello(token="t"), QUICK, None)
    assert (caught.value.code, caught.value.next) == (code, Next.BACK_OFF)


@contextlib.asynccontextmanager
async def scripted(script: Callable[[ServerConnection], Awaitable[None]]) -> AsyncIterator[str]:
    """A WebSocket server that reads hello and then follows a script."""

    async def handle(socket: ServerConnection) -> None:
        hello = codec.decode_client_frame(await socket.recv())
        assert isinstance(hello, Hello)
        await script(socket)

    async with serve(handle, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()[:2]
        yield f"http://{host}:{port}"


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncIterator[Connection]:
    """A connection past welcome."""
    connection, _ = await Connection.open(url, Hello(token="t"), QUICK, None)
    try:
        yield connection
    finally:
        await connection.close()


WELCOME = codec.encode_text(Welcome(epoch="e", useq=0, user=User(id=1, email="a@b.c", display_name="A"), session_id=1))


@pytest.mark.parametrize(
    ("close", "then", "code"),
    [
        (CloseCode.TOKEN, Next.REFRESH, "tokenInvalid"),
        (CloseCode.REVOKED, Next.SIGN_IN, "sessionRevoked"),
        (CloseCode.PROTOCOL_VERSION, Next.STOP, "protocolVersion"),
        (CloseCode.RESTARTING, Next.BACK_OFF, "shuttingDown"),
        (CloseCode.TRY_LATER, Next.BACK_OFF, "overloaded"),
        (CloseCode.SLOW, Next.BACK_OFF, "connectionLost"),
        (CloseCode.BAD_FRAME, Next.BACK_OFF, "invalidFrame"),
        (CloseCode.NORMAL, Next.BACK_OFF, "connectionLost"),
        (4999, Next.BACK_OFF, "connectionLost"),
    ],
)
async def test_each_close_code_says_what_to_do_next(close: int, then: Next, code: str) -> None:
    """Refresh, sign in, stop, or try again with backoff; before welcome as after it."""

    async def before(socket: ServerConnection) -> None:
        await socket.close(close)

    async def after(socket: ServerConnection) -> None:
        await socket.send(WELCOME)
        await socket.close(close)

    async with scripted(before) as url:
        with pytest.raises(ConnectionEndedError) as caught:
            await Connection.open(url, Hello(token="t"), QUICK, None)
        assert (caught.value.next, caught.value.code) == (then, code)
    async with scripted(after) as url, opened(url) as connection:
        with pytest.raises(ConnectionEndedError) as caught:
            await anext(aiter(connection.frames()))
        assert (caught.value.next, caught.value.code) == (then, code)


async def test_the_reason_given_before_a_close_is_the_one_shown() -> None:
    """An `error` frame says more than a number."""

    async def script(socket: ServerConnection) -> None:
        await socket.send(codec.encode_text(Error(error=ChatError("tokenExpired").info())))
        await socket.close(CloseCode.TOKEN)

    async with scripted(script) as url:
        with pytest.raises(ConnectionEndedError) as caught:
            await Connection.open(url, Hello(token="t"), QUICK, None)
    assert (caught.value.next, caught.value.code) == (Next.REFRESH, "tokenExpired")


@pytest.mark.parametrize(
    "junk", ["{", "[]", '{"type": "events"}', "x" * (limits.SERVER_FRAME_MAX_BYTES + 1), '{"type":"ack","id":1}']
)
async def test_frames_that_cannot_be_read_end_the_connection_with_a_reason(junk: str) -> None:
    """The client may be too old, or the server wrong: it backs off and says so."""

    async def script(socket: ServerConnection) -> None:
        await socket.send(WELCOME)
        with contextlib.suppress(Exception):  # the client has hung up, in the middle of the largest
            await socket.send(junk)
        await socket.wait_closed()

    async with scripted(script) as url, opened(url) as connection:
        with pytest.raises(ConnectionEndedError) as caught:
            await anext(aiter(connection.frames()))
    assert caught.value.next is Next.BACK_OFF
    assert caught.value.code in {"answerUnreadable", "connectionLost"}


async def test_a_frame_of_a_newer_protocol_is_passed_over() -> None:
    """Additions do not break older clients, however many come."""

    async def script(socket: ServerConnection) -> None:
        await socket.send(WELCOME)
        for _ in range(3_000):
            await socket.send('{"type": "fireworks", "colour": "red"}')
        await socket.send(codec.encode_text(Error(error=ChatError("internal").info())))
        await socket.wait_closed()

    async with scripted(script) as url, opened(url) as connection:
        assert isinstance(await anext(aiter(connection.frames())), Error)


async def test_an_ack_for_other_messages_is_not_believed() -> None:
    """Nothing is marked as sent that the server did not name."""

    async def script(socket: ServerConnection) -> None:
        await socket.send(WELCOME)
        frame = codec.decode_client_frame(await socket.recv())
        assert isinstance(frame, Send)
        wrong = SendResult(client_id=b"x" * 16, chat_id=1, seq=1, at=1)
        await socket.send(codec.encode_text(Ack(id=frame.id, results=[wrong])))
        await socket.wait_closed()

    async with scripted(script) as url, opened(url) as connection:
        frames = aiter(connection.frames())
        reading = asyncio.ensure_future(anext(frames))
        with pytest.raises(ConnectionEndedError, match="ack for other messages"):
            await connection.send([Outgoing(client_id=b"y" * 16, text="hi", chat_id=1)])
        with pytest.raises(ConnectionEndedError):
            await reading
