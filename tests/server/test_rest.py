"""The REST API: every address, its answers, and what each misuse is told."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import httpx
import pytest

from chatproto import codec, limits
from chatproto.errors import CODES
from chatproto.models import Chat, User
from chatproto.rest import ChatsPage, ErrorBody, Health, MessagesPage, Tokens, UsersPage
from chatserver.services.accounts import Accounts
from chatserver.services.passwords import PasswordPool
from tests.support.server import PASSWORD, Person, RunningServer, outgoing


def read(answer: httpx.Response, kind: type[Any], status: int = 200) -> Any:
    """The body as a struct of the protocol."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    return codec.decode_body(answer.content, kind, max_bytes=limits.SERVER_FRAME_MAX_BYTES)


def refused(answer: httpx.Response, code: str) -> ErrorBody:
    """The refusal, which must have this code and its status."""
    body = read(answer, ErrorBody, CODES[code].http_status)
    assert isinstance(body, ErrorBody)
    assert body.error.code == code, answer.text
    assert body.error.hint
    return body


@pytest.fixture
async def with_password(server: RunningServer) -> AsyncIterator[User]:
    """A user who can log in."""
    pool = PasswordPool()
    try:
        yield await Accounts(server.application.store, pool).create("pat@example.org", "Pat", PASSWORD)
    finally:
        pool.close()


async def test_health_tells_what_the_server_is(server: RunningServer) -> None:
    """No token is needed."""
    health = read(await server.http.get("/healthz"), Health)
    assert (health.status, health.protocol, health.epoch) == ("ok", 1, server.application.store.epoch)


async def test_a_session_from_login_to_logout(server: RunningServer, with_password: User) -> None:
    """Login gives tokens, refresh replaces them, logout ends them all at once."""
    credentials = {"email": " PAT@example.org", "password": PASSWORD, "device": "laptop"}
    first = read(await server.http.post("/auth/login", json=credentials), Tokens)
    assert first.user == with_password
    body = {"refreshToken": first.refresh_token}
    second = read(await server.http.post("/auth/refresh", json=body), Tokens)
    assert second.session_id == first.session_id
    assert second.refresh_token != first.refresh_token
    again = read(await server.http.post("/auth/refresh", json=body), Tokens)
    assert again.refresh_token == second.refresh_token
    headers = {"Authorization": f"bearer {second.access_token}"}
    assert read(await server.http.get("/me", headers=headers), User) == with_password
    assert (await server.http.post("/auth/logout", headers=headers)).status_code == 204
    for token in (first.access_token, second.access_token):
        refused(await server.http.get("/me", headers={"Authorization": f"Bearer {token}"}), "sessionRevoked")
    refused(await server.http.post("/auth/refresh", json={"refreshToken": second.refresh_token}), "sessionRevoked")


@pytest.mark.parametrize(
    ("email", "password"), [("pat@example.org", "wrong horse"), ("nobody@example.org", PASSWORD), ("no address", "x")]
)
async def test_wrong_credentials_do_not_tell_which_part_is_wrong(
    server: RunningServer, with_password: User, email: str, password: str
) -> None:
    """An unknown user and a wrong password get the same answer."""
    refused(await server.http.post("/auth/login", json={"email": email, "password": password}), "credentialsWrong")


@pytest.mark.parametrize("value", [None, "", "Bearer", "Basic YTpi", "Token abc"])
async def test_a_request_without_a_bearer_token_is_told_so(server: RunningServer, value: str | None) -> None:
    """The answer names the scheme, as RFC 6750 asks."""
    answer = await server.http.get("/me", headers={} if value is None else {"Authorization": value})
    refused(answer, "tokenMissing")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_users_are_listed_in_the_order_of_their_changes(anna: Person, ben: Person, eve: Person) -> None:
    """Pages follow each other by `rev`, and `hasMore` is exact."""
    everybody = [anna.user, ben.user, eve.user]
    page = read(await anna.http.get("/users"), UsersPage)
    assert (page.users, page.has_more) == (everybody, False)
    page = read(await anna.http.get("/users", params={"limit": 2}), UsersPage)
    assert (page.users, page.has_more) == (everybody[:2], True)
    page = read(await anna.http.get("/users", params={"limit": 2, "since": page.users[-1].rev}), UsersPage)
    assert (page.users, page.has_more) == (everybody[2:], False)
    assert read(await anna.http.get(f"/users/{ben.id}"), User) == ben.user
    for missing in (1, 0, limits.ID_MAX, limits.ID_MAX + 1):
        refused(await anna.http.get(f"/users/{missing}"), "userNotFound")


async def test_a_direct_chat_is_opened_once(anna: Person, ben: Person) -> None:
    """Both sides get the same chat, each with the other as its peer."""
    first = read(await anna.http.post("/chats", json={"kind": "direct", "userId": ben.id}), Chat)
    again = read(await anna.http.post("/chats", json={"kind": "direct", "userId": ben.id}), Chat)
    other = read(await ben.http.post("/chats", json={"kind": "direct", "userId": anna.id}), Chat)
    assert first == again
    assert (first.id, first.peer_id, other.id, other.peer_id) == (other.id, ben.id, first.id, anna.id)
    refused(await anna.http.post("/chats", json={"kind": "direct", "userId": 1}), "userNotFound")


NO_CHATS: list[tuple[object, str]] = [
    ({"kind": "group", "title": "", "memberIds": [1]}, "titleInvalid"),
    ({"kind": "group", "title": "a\u202eb", "memberIds": [1]}, "titleInvalid"),
    ({"kind": "group", "title": "Tea", "memberIds": []}, "membersInvalid"),
    ({"kind": "group", "title": "Tea", "memberIds": [1]}, "membersInvalid"),
    ({"kind": "group", "title": "Tea", "memberIds": [0]}, "invalidFrame"),
    ({"kind": "group", "title": "x" * 129, "memberIds": [1]}, "invalidFrame"),
    ({"kind": "group", "memberIds": [1]}, "invalidFrame"),
    ({"kind": "secret", "userId": 1}, "invalidFrame"),
    ({"userId": 1}, "invalidFrame"),
    ([], "invalidFrame"),
]
"""Bodies that make no chat, and the code of the refusal."""


async def test_chats_that_cannot_be_made(anna: Person) -> None:
    """Nothing is made, and the answer says why."""
    for body, code in NO_CHATS:
        refused(await anna.http.post("/chats", json=body), code)
        assert read(await anna.http.get("/chats"), ChatsPage).chats == [], body


async def test_a_group_with_oneself_alone_is_no_group(anna: Person) -> None:
    """Naming only yourself names nobody."""
    refused(
        await anna.http.post("/chats", json={"kind": "group", "title": "I", "memberIds": [anna.id]}), "membersInvalid"
    )


async def test_chats_are_listed_in_pages(anna: Person, ben: Person, eve: Person) -> None:
    """Ascending ids, each with the viewer's own unread count."""
    chats = [await anna.direct(ben), await anna.direct(eve), await ben.group("Tea", anna, eve)]
    async with ben.socket() as socket:
        await socket.say(chats[0], "hello")
    ids = sorted(chat.id for chat in chats)
    page = read(await anna.http.get("/chats", params={"limit": 2}), ChatsPage)
    assert ([chat.id for chat in page.chats], page.has_more) == (ids[:2], True)
    rest = read(await anna.http.get("/chats", params={"limit": 2, "after": ids[1]}), ChatsPage)
    assert ([chat.id for chat in rest.chats], rest.has_more) == (ids[2:], False)
    direct = read(await anna.http.get(f"/chats/{chats[0].id}"), Chat)
    assert (direct.head, direct.unread, direct.peer_id) == (1, 1, ben.id)


async def test_message_pages_by_time_and_by_seq(anna: Person, ben: Person) -> None:
    """All three bounds are exclusive, pages ascend, and `hasMore` is exact."""
    chat = await anna.direct(ben)
    async with anna.socket() as socket:
        results = await socket.send_messages(*(outgoing(f"text {n}", chat_id=chat.id) for n in range(1, 61)))
    times = [result.at or 0 for result in results]

    async def page(**params: object) -> tuple[list[int], bool]:
        answer = read(
            await ben.http.get(f"/chats/{chat.id}/messages", params={k: str(v) for k, v in params.items()}),
            MessagesPage,
        )
        return [message.seq for message in answer.messages], answer.has_more

    assert await page() == (list(range(11, 61)), True)
    assert await page(limit=200) == (list(range(1, 61)), False)
    assert await page(before=times[30], limit=10) == (list(range(21, 31)), True)
    assert await page(before=times[10], limit=10) == (list(range(1, 11)), False)
    assert await page(beforeSeq=4) == ([1, 2, 3], False)
    assert await page(afterSeq=57) == ([58, 59, 60], False)
    assert await page(afterSeq=50, limit=5) == ([51, 52, 53, 54, 55], True)
    assert await page(before=0) == ([], False)
    for text in rfc3339_forms(times[30]):
        assert await page(before=text, limit=3) == ([28, 29, 30], True), text


def rfc3339_forms(microseconds: int) -> Iterator[str]:
    """The same instant in several spellings."""
    moment = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=microseconds)
    east = moment.astimezone(timezone(timedelta(hours=5, minutes=30)))
    yield moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    yield moment.strftime("%Y-%m-%d %H:%M:%S.%fz")
    yield east.strftime("%Y-%m-%dT%H:%M:%S.%f+05:30")
    yield east.strftime("%Y-%m-%dT%H:%M:%S.%f999+05:30")
    yield east.strftime("%Y-%m-%dT%H:%M:%S.%f 05:30")
    yield str(microseconds)


BAD_QUERIES = [
    "limit=0",
    "limit=201",
    "limit=-1",
    "limit=ten",
    "limit=",
    "limit=1&limit=2",
    "limit=%D9%A3",
    "limit=99999999999999999999999999",
    "beforeSeq=-1",
    "afterSeq=1.5",
    "before=yesterday",
    "before=2026-01-01",
    "before=2026-01-01T00:00:00",
    "before=2026-13-01T00:00:00Z",
    "before=2026-01-01T25:00:00Z",
    "before=2026-01-01T00:00:00%2B99:99",
    "before=0001-01-01T00:00:00Z",
    "before=9999-12-31T23:59:59Z",
    "before=99999999999999999",
    "before=%00",
    "before=1&beforeSeq=1",
    "beforeSeq=2&afterSeq=1",
]
"""Queries for messages with a value that cannot be read."""


async def test_query_values_that_cannot_be_read(anna: Person, ben: Person) -> None:
    """The refusal is final and says which value is wrong."""
    chat = await anna.direct(ben)
    for query in BAD_QUERIES:
        body = refused(await anna.http.get(f"/chats/{chat.id}/messages?{query}"), "invalidFrame")
        assert not body.error.temporary, query
        assert query.partition("=")[0] in body.error.message, query


async def test_addresses_that_do_not_exist(anna: Person) -> None:
    """Also the framework's own refusals are error bodies."""
    for path in ("/", "/chat", "/chats/abc", "/chats/1/files", "/users/-", "/ws", "/%00"):
        refused(await anna.http.get(path), "notFound")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/auth/login"), ("POST", "/me"), ("DELETE", "/chats"), ("PATCH", "/healthz")]
)
async def test_methods_that_do_not_exist(server: RunningServer, method: str, path: str) -> None:
    """The answer names the methods that do."""
    answer = await server.http.request(method, path)
    refused(answer, "methodNotAllowed")
    assert answer.headers["allow"]


BAD_BODIES: list[tuple[bytes, dict[str, str], str]] = [
    (b"", {}, "invalidJson"),
    (b"nonsense", {}, "invalidJson"),
    (b"\xff\xfe\x00", {}, "invalidJson"),
    (b"[" * 200_000, {}, "invalidFrame"),
    (b'{"email":"a@b","password":"p","more":' + b"[" * 200_000, {}, "invalidJson"),
    (b"{}", {}, "invalidFrame"),
    (b'{"email":1,"password":"p"}', {}, "invalidFrame"),
    (b'{"email":"a@b","password":"' + b"p" * 257 + b'"}', {}, "invalidFrame"),
    (b'{"email":"a@b","password":"\\ud800aaaaaaaa"}', {}, "invalidJson"),
    (b'{"email":"a@b","password":"pppppppp"}', {"content-type": "text/plain"}, "invalidJson"),
    (b"email=a&password=b", {"content-type": "application/x-www-form-urlencoded"}, "invalidJson"),
    (b"--x--", {"content-type": "multipart/form-data; boundary=x"}, "invalidJson"),
    (b"x" * (limits.BODY_MAX_BYTES + 1), {}, "tooLarge"),
]
"""Bodies, headers they come with, and the code of the refusal."""


async def test_bodies_that_cannot_be_read(server: RunningServer) -> None:
    """Every malformed body has one clear refusal."""
    for content, headers, code in BAD_BODIES:
        both = {"content-type": "application/json", **headers}
        refused(await server.http.post("/auth/login", content=content, headers=both), code)


async def test_a_body_without_a_declared_length_is_bounded_too(server: RunningServer) -> None:
    """The cap holds while the body is read, not only for what its header says."""

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 65_536

    headers = {"content-type": "application/json"}
    refused(await server.http.post("/auth/login", content=endless(), headers=headers), "tooLarge")


async def test_a_busy_password_pool_says_when_to_try_again(server: RunningServer) -> None:
    """A flood of logins is refused with a time to wait, and the header says it too."""
    pool = server.application.auth._passwords
    pool._capacity = 0
    answer = await server.http.post("/auth/login", json={"email": "a@example.org", "password": PASSWORD})
    body = refused(answer, "overloaded")
    assert body.error.temporary
    assert body.error.retry_after is not None
    assert int(answer.headers["retry-after"]) >= body.error.retry_after


async def test_a_closed_store_is_a_temporary_refusal(anna: Person) -> None:
    """What the server cannot do now is told as such."""
    await anna.server.application.store.close()
    answer = await anna.http.get("/me")
    assert answer.status_code == 503
    assert codec.decode_body(answer.content, ErrorBody).error.temporary
