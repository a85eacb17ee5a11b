"""The server as a process: start, an address that is taken, and an end that loses nothing."""

import asyncio
import resource
import secrets
import signal
import socket as sockets
from base64 import b64decode
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from chatproto import codec
from chatproto.errors import CloseCode
from chatproto.frames import Ack, Hello, Outgoing, Send, Welcome
from chatproto.rest import Tokens
from chatserver.listening import CannotListenError, listen, url_of
from tests.support.server import PASSWORD, WAIT_S, ServerProcess


async def _sign_in(process: ServerProcess) -> Tokens:
    async with httpx.AsyncClient(base_url=process.url, timeout=WAIT_S) as http:
        answer = await http.post("/auth/login", json={"email": "anna@example.org", "password": PASSWORD})
    return codec.decode_body(answer.content, Tokens)


def _connect(process: ServerProcess) -> connect:
    return connect(process.url.replace("http", "ws", 1) + "/ws", compression=None, proxy=None)


async def _greet(connection: ClientConnection, tokens: Tokens) -> Welcome:
    await connection.send(codec.encode_text(Hello(token=tokens.access_token)))
    async with asyncio.timeout(WAIT_S):
        welcome = codec.decode_server_frame(await connection.recv())
    assert isinstance(welcome, Welcome)
    return welcome


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_stop_acknowledges_what_was_taken_and_closes_with_1012(tmp_path: Path, number: signal.Signals) -> None:
    """Every acknowledged message is stored, clients are told to reconnect, and the exit code is 0."""
    async with ServerProcess(tmp_path / "data", from_nothing=True) as process:
        await process.add_user("anna@example.org", "Anna")
        tokens = await _sign_in(process)
        acked: set[bytes] = set()
        async with _connect(process) as connection:
            await _greet(connection, tokens)
            stopped, room = asyncio.Event(), asyncio.Semaphore(64)

            async def pour() -> None:
                for request_id in range(1_000_000):
                    await room.acquire()
                    if stopped.is_set():
                        return
                    message = Outgoing(client_id=secrets.token_bytes(16), text="x", user_id=tokens.user.id)
                    await connection.send(codec.encode_text(Send(id=request_id, messages=[message])))

            async def drain() -> int | None:
                try:
                    while True:
                        frame = codec.decode_server_frame(await connection.recv())
                        if isinstance(frame, Ack):
                            acked.update(result.client_id for result in frame.results if result.error is None)
                            room.release()
                        if len(acked) > 100 and not signalled.done():
                            process.signal(number)
                            signalled.set_result(None)
                except ConnectionClosed as end:
                    stopped.set()
                    room.release()
                    return end.rcvd.code if end.rcvd else None

            signalled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            async with asyncio.timeout(WAIT_S):
                _, code = await asyncio.gather(pour(), drain(), return_exceptions=True)
            assert code == CloseCode.RESTARTING
        assert await process.exit_code() == 0
        await process.start()
        assert await _stored_ids(process, tokens) >= acked
        assert await process.terminate() == 0


async def _stored_ids(process: ServerProcess, tokens: Tokens) -> set[bytes]:
    headers = {"Authorization": f"Bearer {tokens.access_token}"}
    stored: set[bytes] = set()
    async with httpx.AsyncClient(base_url=process.url, timeout=WAIT_S, headers=headers) as http:
        (chat,) = (await http.get("/chats")).json()["chats"]
        for after in range(0, chat["head"], 200):
            page = (await http.get(f"/chats/{chat['id']}/messages", params={"afterSeq": after, "limit": 200})).json()
            stored.update(b64decode(message["clientId"]) for message in page["messages"])
    return stored


async def test_a_killed_server_comes_back_with_everything_it_acknowledged(tmp_path: Path) -> None:
    """SIGKILL loses nothing that was acknowledged, and the same address serves again."""
    async with ServerProcess(tmp_path / "data", from_nothing=True) as process:
        await process.add_user("anna@example.org", "Anna")
        tokens = await _sign_in(process)
        message = Outgoing(client_id=secrets.token_bytes(16), text="x", user_id=tokens.user.id)
        async with _connect(process) as connection:
            await _greet(connection, tokens)
            await connection.send(codec.encode_text(Send(id=1, messages=[message])))
            async with asyncio.timeout(WAIT_S):
                while not isinstance(codec.decode_server_frame(await connection.recv()), Ack):
                    pass
            url = process.url
            await process.kill()
            await process.start()
            assert process.url == url
        assert await _stored_ids(process, tokens) == {message.client_id}


async def test_a_port_in_use_is_one_clear_sentence_and_an_exit_code(tmp_path: Path) -> None:
    """The other program is not disturbed, and stdout stays empty."""
    with listen("127.0.0.1", 0) as taken:
        process = ServerProcess(tmp_path / "data", from_nothing=True, port=taken.getsockname()[1])
        with pytest.raises(AssertionError, match="ended with 4 and said ''"):
            await process.start()
        log = process.log.read_text()
    assert f"port {process.port}" in log
    assert "another program listens there" in log
    assert "Traceback" not in log


@pytest.mark.parametrize(
    ("host", "port", "reason"),
    [
        ("127.0.0.1", 70_000, "0 to 65535"),
        ("no.such.host.invalid", 0, "not known here"),
        ("192.0.2.1", 0, "does not have that address"),
    ],
)
def test_an_address_that_cannot_be_listened_on(host: str, port: int, reason: str) -> None:
    """Each cause has its own sentence."""
    with pytest.raises(CannotListenError, match=reason):
        listen(host, port)


def test_the_url_of_an_ipv6_address_has_brackets() -> None:
    """RFC 3986 section 3.2.2."""
    with listen("127.0.0.1", 0) as sock:
        assert url_of(sock) == f"http://127.0.0.1:{sock.getsockname()[1]}"
    if sockets.has_ipv6:
        with listen("::1", 0) as sock:
            assert url_of(sock) == f"http://[::1]:{sock.getsockname()[1]}"


async def test_bytes_that_are_not_http_are_refused(tmp_path: Path) -> None:
    """Nonsense, an endless header and an endless request line each end the connection with 400 and a reason."""
    async with ServerProcess(tmp_path / "data", from_nothing=True) as process:
        for data in (b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"x" * 200_000, b"GET /" + b"x" * 200_000):
            reader, writer = await asyncio.open_connection("127.0.0.1", process.port)
            writer.write(data)
            async with asyncio.timeout(WAIT_S):
                answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 400 "), answer
            writer.close()
        assert await process.terminate() == 0
        assert "Traceback" not in process.log.read_text()


async def test_the_server_takes_as_many_connections_as_the_system_allows(tmp_path: Path) -> None:
    """A low soft limit on open files, which is common, is raised to the hard one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(1024, hard), hard))
    try:
        process = ServerProcess(tmp_path / "data", from_nothing=True)
        await process.start()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    allowed, _ = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    assert allowed >= min(65_536, hard)
    await process.terminate()
