"""The greeting: who may connect, what the welcome says, and how a refused greeting ends."""

import asyncio
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from chatproto import codec
from chatproto.errors import CloseCode
from chatproto.frames import Error, Hello, Watch
from chatproto.rest import ErrorBody
from tests.support.server import QUIET, Person, RunningServer, outgoing, running_server


async def test_the_welcome_names_the_user_and_the_chats(anna: Person, ben: Person) -> None:
    """Heads tell where each chat's log ends and how much of it is unread."""
    chat = await anna.direct(ben)
    async with anna.socket() as socket:
        await socket.send_messages(outgoing("one", chat_id=chat.id), outgoing("two", chat_id=chat.id))
    async with ben.socket() as socket:
        welcome = socket.welcome
        assert welcome is not None
        assert welcome.user == ben.user
        assert welcome.session_id == ben.tokens.session_id
        assert welcome.epoch == ben.server.application.store.epoch
        assert welcome.users_rev == ben.user.rev
        (head,) = welcome.heads
        assert (head.chat_id, head.head, head.seen, head.unread) == (chat.id, 2, 0, 2)


async def test_a_client_that_is_up_to_date_is_told_no_heads(anna: Person, ben: Person) -> None:
    """Cursors that match leave the welcome empty; another epoch makes them worthless."""
    chat = await anna.direct(ben)
    async with anna.socket() as socket:
        await socket.say(chat, "one")
        assert socket.welcome is not None
        epoch = socket.welcome.epoch
    async with anna.socket() as socket:
        assert socket.welcome is not None
        useq = socket.welcome.useq
    async with anna.socket(epoch=epoch, useq=useq, cursors=[(chat.id, 1)]) as socket:
        assert socket.welcome is not None
        assert socket.welcome.heads == []
    async with anna.socket(epoch="another", useq=useq, cursors=[(chat.id, 1)]) as socket:
        assert socket.welcome is not None
        assert [head.chat_id for head in socket.welcome.heads] == [chat.id]


@pytest.mark.parametrize(
    ("first_frame", "code", "close"),
    [
        (codec.encode_text(Hello(token="nonsense")), "tokenInvalid", CloseCode.TOKEN),
        (codec.encode_text(Hello(token="")), "tokenInvalid", CloseCode.TOKEN),
        (codec.encode_text(Watch(user_ids=[])), "helloExpected", CloseCode.BAD_FRAME),
        (codec.encode_text(Hello(token="x", protocol=99)), "protocolVersion", CloseCode.PROTOCOL_VERSION),
        ('{"type":"hello","protocol":99,"token":{"new":1}}', "protocolVersion", CloseCode.PROTOCOL_VERSION),
        ('{"type":"hello"}', "invalidFrame", CloseCode.BAD_FRAME),
        ("nonsense", "invalidJson", CloseCode.BAD_FRAME),
        ("[" * 100_000, "invalidFrame", CloseCode.BAD_FRAME),
        ('{"type":"greet"}', "unknownType", CloseCode.BAD_FRAME),
        (b'{"type":"hello"}', "invalidFrame", CloseCode.BAD_FRAME),
    ],
)
async def test_a_refused_greeting_says_why_and_ends(
    server: RunningServer, first_frame: str | bytes, code: str, close: CloseCode
) -> None:
    """The error frame carries the stable code, and the close code tells the client what to do."""
    async with server.socket() as socket:
        await socket.raw.send(first_frame)
        refusal = await socket.expect(Error)
        assert refusal.error.code == code
        assert (await socket.closed())[0] == close


async def test_silence_instead_of_a_greeting_ends(tmp_path: Path) -> None:
    """A socket that never says hello is closed."""
    timing = type(QUIET)(hello_timeout=0.05)
    async with running_server(tmp_path / "data", timing) as server, server.socket() as socket:
        assert (await socket.expect(Error)).error.code == "helloExpected"
        assert (await socket.closed())[0] == CloseCode.HELLO_TIMEOUT


async def test_a_second_hello_is_refused_and_changes_nothing(anna: Person, ben: Person) -> None:
    """The connection keeps its user."""
    chat = await anna.direct(ben)
    async with anna.socket() as socket:
        await socket.send(Hello(token=ben.tokens.access_token))
        assert (await socket.expect(Error)).error.code == "invalidFrame"
        assert (await socket.say(chat, "still me")).seq == 1


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://chat.example.org", True),
        ("https://chat.example.org:443", False),
        ("http://chat.example.org", False),
        ("https://chat.example.org.evil.net", False),
        ("https://evilchat.example.org", False),
        ("https://CHAT.example.org", False),
        ("null", False),
        ("", False),
    ],
)
async def test_only_listed_web_origins_may_connect(tmp_path: Path, origin: str, allowed: bool) -> None:
    """An Origin that is not exactly on the list is refused before the WebSocket opens."""
    async with running_server(tmp_path / "data", allowed_origins=("https://chat.example.org",)) as server:
        if allowed:
            async with server.socket(origin=origin):
                return
        with pytest.raises(InvalidStatus) as caught:
            async with server.socket(additional_headers={"Origin": origin}):
                pass
        response = caught.value.response
        assert response.status_code == 403
        assert codec.decode_body(bytes(response.body or b""), ErrorBody).error.code == "originRefused"


async def test_a_websocket_elsewhere_is_not_found(server: RunningServer) -> None:
    """Only one address speaks the protocol."""
    with pytest.raises(InvalidStatus) as caught:
        async with server.socket("/elsewhere"):
            pass
    assert caught.value.response.status_code == 404


async def test_logout_closes_the_sockets_of_that_session_only(anna: Person) -> None:
    """Every socket of the session ends within two seconds; the user's other devices go on."""
    other = await anna.server.signed_in(anna.user)
    async with anna.socket() as first, anna.socket() as second, other.socket() as third:
        async with asyncio.timeout(2):
            assert (await anna.http.post("/auth/logout")).status_code == 204
            assert (await first.closed())[0] == CloseCode.REVOKED
            assert (await second.closed())[0] == CloseCode.REVOKED
        assert (await third.send_messages(outgoing("here", user_id=anna.id)))[0].seq == 1
    async with anna.socket(greet=False) as socket:
        await socket.send(Hello(token=anna.tokens.access_token))
        assert (await socket.expect(Error)).error.code == "sessionRevoked"
        assert (await socket.closed())[0] == CloseCode.REVOKED
    assert (await anna.http.get("/me")).json()["error"]["code"] == "sessionRevoked"
