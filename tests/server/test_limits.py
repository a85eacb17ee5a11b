"""Rate limits of a real server: who asks too often is told when to come again, and nobody else notices."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from chatproto import codec
from chatproto.frames import Ack, Error, Fetch, MarkSeen, Page, Send
from chatproto.rest import ErrorBody
from tests.support.server import PASSWORD, SILENT, RunningServer, outgoing, running_server

Start = Callable[..., AbstractAsyncContextManager[RunningServer]]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """A server with limits and these settings."""

    def started(**settings: Any) -> AbstractAsyncContextManager[RunningServer]:
        return running_server(tmp_path / "data", SILENT, limits_enabled=True, **settings)

    return started


def refusal(answer: httpx.Response) -> ErrorBody:
    """The refusal, which must say when to come again."""
    assert answer.status_code == 429, answer.text
    body = codec.decode_body(answer.content, ErrorBody)
    assert body.error.code == "rateLimited"
    assert body.error.temporary
    assert body.error.retry_after is not None
    assert int(answer.headers["retry-after"]) >= body.error.retry_after > 0
    return body


async def test_reads_are_limited_for_each_user(start: Start) -> None:
    """One user's requests do not count for another, nor reads for writes."""
    async with start(limit_read="3/day") as server:
        anna, ben = await server.person("Anna"), await server.person("Ben")
        statuses = [(await anna.http.get("/me")).status_code for _ in range(4)]
        assert statuses == [200, 200, 200, 429]
        refusal(await anna.http.get("/chats"))
        assert (await ben.http.get("/me")).status_code == 200
        assert (await anna.http.post("/chats", json={"kind": "direct", "userId": ben.id})).status_code == 200
        assert (await anna.http.get("/healthz")).status_code == 200


async def test_forged_forwarding_headers_do_not_make_new_addresses(start: Start) -> None:
    """Ten times the rate, each request from a pretended address: nine tenths are refused, also without a token."""
    async with start(limit_address="10/day") as server:
        statuses = []
        for number in range(100):
            headers = {"X-Forwarded-For": f"203.0.113.{number}", "Forwarded": f"for=203.0.113.{number}"}
            statuses.append((await server.http.get("/me", headers=headers)).status_code)
        assert statuses == [401] * 10 + [429] * 90
        with pytest.raises(InvalidStatus) as refused:
            for number in range(2_000):
                async with server.socket(additional_headers={"X-Forwarded-For": f"203.0.113.{number % 250}"}):
                    pass
        assert refused.value.response.status_code == 429
        assert int(refused.value.response.headers["retry-after"]) > 0


async def test_a_trusted_proxy_tells_clients_apart_and_its_clients_cannot_lie(start: Start) -> None:
    """The rightmost address that is not a trusted proxy counts; what stands left of it was sent by the client."""
    async with start(limit_address="2/day", trusted_proxies=("127.0.0.1", "10.0.0.0/8")) as server:

        async def ask(forwarded: str) -> int:
            return (await server.http.get("/me", headers={"X-Forwarded-For": forwarded})).status_code

        assert [await ask(f"198.51.100.{number}, 203.0.113.1, 10.1.2.3") for number in range(3)] == [401, 401, 429]
        assert await ask("203.0.113.2") == 401
        # All of one subscriber's IPv6 addresses are one.
        assert [await ask(f"2001:db8::{number}") for number in range(3)] == [401, 401, 429]
        assert await ask("2001:db8:0:1::1") == 401


async def test_tries_for_one_account_are_limited_wherever_they_come_from(start: Start) -> None:
    """The address may be written in any way, and an unknown one is limited alike; others may still sign in."""
    async with start(limit_account="3/day", trusted_proxies=("127.0.0.1",)) as server:

        async def sign_in(email: str, address: int) -> httpx.Response:
            body = {"email": email, "password": PASSWORD}
            return await server.http.post("/auth/login", json=body, headers={"X-Forwarded-For": f"203.0.113.{address}"})

        for spellings in (("anna@example.org", " ANNA@Example.org"), ("no address", "no address")):
            answers = [await sign_in(spellings[number % 2], number) for number in range(4)]
            assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
        assert (await sign_in("ben@example.org", 1)).status_code == 401


async def test_tries_of_who_is_signed_in_are_limited_too(start: Start) -> None:
    """A stolen token is no way to try passwords, whichever operation asks for one."""
    async with start(limit_account="3/day") as server:
        anna, ben = await server.person("Anna"), await server.person("Ben")
        body = {"current": "wrong horse", "new": PASSWORD}
        statuses = [(await anna.http.post("/me/password", json=body)).status_code for _ in range(3)]
        assert statuses == [403, 403, 403]
        refusal(await anna.http.request("DELETE", "/me", json={"password": PASSWORD}))
        assert (await ben.http.post("/me/password", json=body)).status_code == 403


async def test_tries_from_one_address_are_limited(start: Start) -> None:
    """Whichever accounts are tried; a session is still refreshed."""
    async with start(limit_sign_in="2/day") as server:
        body = [{"email": f"user{number}@example.org", "password": "x" * 8} for number in range(3)]
        answers = [await server.http.post("/auth/login", json=each) for each in body]
        assert [answer.status_code for answer in answers] == [401, 401, 429]
        anna = await server.person("Anna")
        answer = await server.http.post("/auth/refresh", json={"refreshToken": anna.tokens.refresh_token})
        assert answer.status_code == 200


async def test_messages_above_the_rate_are_refused_for_now_and_in_order(start: Start) -> None:
    """The whole list is refused, so nothing overtakes; what was stored before stays, and others are not concerned."""
    async with start(limit_messages="10/day") as server:
        anna, ben = await server.person("Anna"), await server.person("Ben")
        chat = await anna.direct(ben)
        async with anna.socket() as socket, anna.socket() as second, ben.socket() as other:
            for request_id in range(3):
                messages = [outgoing(f"{request_id}.{number}", chat_id=chat.id) for number in range(4)]
                await socket.send(Send(id=request_id, messages=messages))
            acks = [await socket.until(Ack) for _ in range(3)]
            assert [ack.id for ack in acks] == [0, 1, 2]
            assert all(result.error is None for ack in acks[:2] for result in ack.results)
            codes = [result.error.code for result in acks[2].results if result.error is not None]
            assert codes == ["rateLimited", *["refusedBefore"] * 3]
            waits = [result.error.retry_after for result in acks[2].results if result.error is not None]
            assert all(wait is not None and wait > 0 for wait in waits)
            # Another connection of the same user has the same rate; another user has one of their own.
            results = await second.send_messages(*[outgoing(str(number), chat_id=chat.id) for number in range(3)])
            assert results[0].error is not None
            assert (await other.say(chat, "hello")).error is None
            # Two are left, and still pass.
            assert (await socket.say(chat, "ninth")).error is None
            assert (await socket.say(chat, "tenth")).error is None
            eleventh = await socket.say(chat, "eleventh")
            assert eleventh.error is not None
            assert eleventh.error.code == "rateLimited"


async def test_frames_above_the_rate_are_refused_and_the_connection_goes_on(start: Start) -> None:
    """Each refusal names its request; frames that cannot be read count too; sends have a rate of their own."""
    async with start(limit_frames="4/day") as server:
        anna, ben = await server.person("Anna"), await server.person("Ben")
        chat = await anna.direct(ben)
        async with anna.socket() as socket:
            await socket.say(chat, "hello")
            await socket.send(Fetch(id=1, chat_id=chat.id))
            assert (await socket.until(Page)).id == 1
            await socket.send(MarkSeen(chat_id=chat.id, seq=1))
            for _ in range(2):
                await socket.raw.send('{"type": "dance", "id": 2}')
                assert (await socket.until(Error)).error.code == "unknownType"
            await socket.send(Fetch(id=3, chat_id=chat.id))
            refused = await socket.until(Error)
            assert (refused.id, refused.error.code) == (3, "rateLimited")
            assert refused.error.retry_after is not None
            await socket.raw.send('{"type": "dance", "id": 4}')
            refused = await socket.until(Error)
            assert (refused.id, refused.error.code) == (4, "rateLimited")
            assert (await socket.say(chat, "still here")).error is None


async def test_connections_of_one_address_are_counted(start: Start) -> None:
    """The one too many gets an answer instead of a WebSocket; when one ends there is room again."""
    async with start(address_sockets=2) as server, server.socket():
        async with server.socket():
            with pytest.raises(InvalidStatus) as refused:
                async with server.socket():
                    pass
            assert refused.value.response.status_code == 429
        while True:  # the server hears of the end a moment later
            try:
                async with server.socket():
                    break
            except InvalidStatus as still:
                assert still.response.status_code == 429
