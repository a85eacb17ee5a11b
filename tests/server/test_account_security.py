"""Attacks on accounts of a running server: forged tokens, guessed names, floods of sign-ins, secrets in the log."""

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import jwt
import pytest

from chatproto.errors import CloseCode
from chatproto.frames import Error, Hello
from chatproto.models import User
from chatproto.rest import Invite, Tokens
from chatserver.services.accounts import Accounts
from chatserver.services.passwords import PasswordPool
from chatserver.services.recovery import Recovery
from tests.server.test_rest import read, refused
from tests.support.server import PASSWORD, Person, RunningServer, running_server


@pytest.fixture
async def pool() -> AsyncIterator[PasswordPool]:
    passwords = PasswordPool()
    yield passwords
    passwords.close()


async def add_pat(server: RunningServer, pool: PasswordPool) -> User:
    return await Accounts(server.application.store, pool).create("pat@example.org", "Pat", PASSWORD)


def forgeries(token: str) -> list[str]:
    """Tokens made from a genuine one by somebody without the key."""
    head, claims, signature = token.split(".")
    content = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    blank = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).decode().rstrip("=")
    return [
        f"{blank}.{claims}.",
        f"{blank}.{claims}.{signature}",
        f"{head}.{claims}.",
        f"{head}.{claims}.{signature[::-1]}",
        jwt.encode(content, "k" * 32, algorithm="HS256"),
        jwt.encode(content, "k" * 32, algorithm="HS256", headers={"kid": "/dev/null", "jku": "http://127.0.0.1/keys"}),
        jwt.encode(content | {"kind": "refresh"}, "k" * 32, algorithm="HS256"),
    ]


async def test_forged_tokens_open_nothing(server: RunningServer, anna: Person) -> None:
    """Neither over REST nor as a greeting; a refresh token is no access token."""
    for token in [*forgeries(anna.tokens.access_token), anna.tokens.refresh_token]:
        refused(await server.http.get("/me", headers={"Authorization": f"Bearer {token}"}), "tokenInvalid")
        async with server.socket() as socket:
            await socket.send(Hello(token=token))
            assert (await socket.expect(Error)).error.code == "tokenInvalid"
            assert (await socket.closed())[0] == CloseCode.TOKEN
    refused(await server.http.post("/auth/refresh", json={"refreshToken": anna.tokens.access_token}), "tokenInvalid")


async def test_a_stolen_refresh_token_ends_the_session_of_thief_and_owner(
    server: RunningServer, anna: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fifty at once get one successor; the same token again after the minute closes the sockets."""

    async def refresh() -> Tokens:
        body = {"refreshToken": anna.tokens.refresh_token}
        tokens: Tokens = read(await server.http.post("/auth/refresh", json=body), Tokens)
        return tokens

    answers = await asyncio.gather(*(refresh() for _ in range(50)))
    assert len({tokens.refresh_token for tokens in answers}) == 1
    auth = server.application.auth
    now = auth._clock()
    monkeypatch.setattr(auth, "_clock", lambda: now + 120_000_000)
    async with anna.socket() as socket:
        body = {"refreshToken": anna.tokens.refresh_token}
        refused(await server.http.post("/auth/refresh", json=body), "sessionRevoked")
        assert (await socket.closed())[0] == CloseCode.REVOKED
    body = {"refreshToken": answers[0].refresh_token}
    refused(await server.http.post("/auth/refresh", json=body), "sessionRevoked")


async def test_nothing_tells_who_has_an_account(server: RunningServer, pool: PasswordPool) -> None:
    """Known, unknown, disabled, deleted and without a password: a guess gets one and the same answer."""
    await add_pat(server, pool)
    disabled, deleted = await server.user("Dora"), await server.user("Emil")
    await server.user("Nora")
    await server.application.store.set_disabled(disabled.id, True)
    await server.application.store.delete_user(deleted.id)
    emails = ("pat", "nobody", "dora", "emil", "nora")
    for path, body in (
        ("/auth/login", {"password": "a wrong guess"}),
        ("/auth/reset", {"code": "a wrong guess", "newPassword": PASSWORD}),
        ("/auth/register", {"displayName": "Me", "password": PASSWORD}),
    ):
        answers = [await server.http.post(path, json={"email": f"{name}@example.org", **body}) for name in emails]
        assert len({(answer.status_code, answer.text) for answer in answers}) == 1, path


async def test_a_flood_of_sign_ins_leaves_the_chat_alone(tmp_path: Path) -> None:
    """What the pool cannot take is told when to come back, and meanwhile every message is stored and delivered."""
    async with running_server(tmp_path, password_waiting=4) as server:
        anna, ben = await server.person("Anna"), await server.person("Ben")
        chat = await anna.direct(ben)
        body = {"email": "anna@example.org", "password": "a wrong guess"}

        async def guess() -> int:
            answer = await server.http.post("/auth/login", json=body)
            assert (answer.status_code == 503) == ("retry-after" in answer.headers)
            return answer.status_code

        flood = [asyncio.create_task(guess()) for _ in range(60)]
        async with anna.socket() as socket:
            for n in range(30):
                assert (await socket.say(chat, f"{n}")).error is None
        statuses = await asyncio.gather(*flood)
        assert set(statuses) == {401, 503}
        assert (await ben.http.get(f"/chats/{chat.id}")).json()["unread"] == 30


async def test_no_secret_reaches_the_log(tmp_path: Path, pool: PasswordPool, caplog: pytest.LogCaptureFixture) -> None:
    """Passwords, tokens and codes, right and wrong ones, whatever becomes of the request."""
    caplog.set_level(logging.DEBUG)
    wrong, new = "wrong canary one", "fresh canary two"
    async with running_server(tmp_path, registration="invite", member_invites=True, log_level="debug") as server:
        user = await add_pat(server, pool)
        code = await Recovery(server.application.store, pool, code_ttl_s=60).issue(user.id)
        post = server.http.post
        tokens: Tokens = read(await post("/auth/login", json={"email": user.email, "password": PASSWORD}), Tokens)
        await post("/auth/login", json={"email": user.email, "password": wrong})
        await post("/auth/login", content=wrong, headers={"content-type": "application/json"})
        headers = {"Authorization": f"Bearer {tokens.access_token}"}
        await server.http.get("/me", headers={"Authorization": f"Bearer {wrong}"})
        invite = read(await post("/invites", json={}, headers=headers), Invite, 201)
        await post("/me/password", json={"current": wrong, "new": new}, headers=headers)
        await post("/me/password", json={"current": PASSWORD, "new": new}, headers=headers)
        register = {"email": "new@example.org", "displayName": "New", "password": new, "invite": invite.code}
        await post("/auth/register", json=register)
        await post("/auth/reset", json={"email": user.email, "code": code, "newPassword": new})
        refreshed = read(await post("/auth/refresh", json={"refreshToken": tokens.refresh_token}), Tokens)
    for secret in (
        *(PASSWORD, wrong, new, code, invite.code),
        *(tokens.access_token, tokens.refresh_token, refreshed.refresh_token),
    ):
        assert secret is not None
        assert secret not in caplog.text
