"""Nobody reads or writes what is not theirs: every address and frame that takes an id, with the id of others."""

import re

import pytest

from chatproto.frames import Error, Fetch, MarkSeen
from chatproto.models import Chat
from tests.support.server import Person, outgoing


@pytest.fixture(params=["direct", "group", "missing"])
async def foreign(request: pytest.FixtureRequest, anna: Person, ben: Person) -> Chat:
    """A chat that Eve is not in, or none at all: she must not be able to tell the difference."""
    if request.param == "missing":
        return Chat(id=77, kind="direct")
    chat = await anna.direct(ben) if request.param == "direct" else await anna.group("Tea", ben)
    async with anna.socket() as socket:
        await socket.say(chat, "between us")
    return chat


CHAT_CALLS: list[tuple[str, str, object]] = [
    ("GET", "/chats/{}", None),
    ("PATCH", "/chats/{}", {"title": "Mine", "topic": "mine"}),
    ("PATCH", "/chats/{}/settings", {"pinned": True}),
    ("GET", "/chats/{}/members", None),
    ("POST", "/chats/{}/members", {"memberIds": [1]}),
    ("DELETE", "/chats/{}/members/1", None),
    ("POST", "/chats/{}/owner", {"userId": 1}),
    ("GET", "/chats/{}/messages", None),
    ("GET", "/chats/{}/messages?afterSeq=0", None),
    ("GET", "/chats/{}/messages?around=1", None),
    ("POST", "/chats/{}/messages", {"text": "me too"}),
    ("GET", "/chats/{}/messages/1", None),
    ("PATCH", "/chats/{}/messages/1", {"text": "changed"}),
    ("DELETE", "/chats/{}/messages/1", None),
    ("PUT", "/chats/{}/messages/1/pin", None),
    ("DELETE", "/chats/{}/messages/1/pin", None),
    ("PUT", "/chats/{}/messages/1/reactions/%F0%9F%91%8D", None),
    ("DELETE", "/chats/{}/messages/1/reactions/%F0%9F%91%8D", None),
    ("GET", "/chats/{}/pins", None),
    ("GET", "/chats/{}/seen", None),
    ("GET", "/chats/{}/messages/1/seen", None),
    ("POST", "/chats/{}/messages/seen", {"messageIds": ["1.1"]}),
]
"""Every call about one chat."""


async def test_rest_refuses_strangers(anna: Person, eve: Person, foreign: Chat) -> None:
    """The answer is the same, byte for byte, as for a chat that does not exist, and nothing has changed."""
    before = await anna.http.get(f"/chats/{foreign.id}")
    for method, path, body in CHAT_CALLS:
        answer = await eve.http.request(method, path.format(foreign.id), json=body)
        missing = await eve.http.request(method, path.format(78), json=body)
        assert answer.status_code == missing.status_code == 403, (method, path)
        assert answer.json()["error"]["code"] == "notMember", (method, path)
        assert answer.content == missing.content, (method, path)
        assert (await anna.http.get(f"/chats/{foreign.id}")).content == before.content, (method, path)


async def test_rest_refuses_former_members(anna: Person, eve: Person) -> None:
    """Who has been removed is a stranger, also with calls about themselves and what they wrote."""
    group = await anna.group("Tea", eve)
    async with eve.socket() as socket:
        await socket.say(group, "while I was here")
    await anna.server.application.store.remove_member(anna.id, group.id, eve.id)
    for method, path, body in CHAT_CALLS:
        address = path.replace("/members/1", f"/members/{eve.id}")
        answer = await eve.http.request(method, address.format(group.id), json=body)
        missing = await eve.http.request(method, address.format(78), json=body)
        assert (answer.status_code, answer.content) == (403, missing.content), (method, path)


async def test_every_call_about_a_chat_is_tried(anna: Person) -> None:
    """The API's own description names no call with a chat in its address that the list above leaves out."""
    described = (await anna.http.get("/openapi.json")).json()["paths"]
    tried = [(method.lower(), path.partition("?")[0]) for method, path, _ in CHAT_CALLS]
    about_chats = {path: calls for path, calls in described.items() if path.startswith("/chats/{")}
    assert len(about_chats) > 10
    for path, calls in about_chats.items():
        pattern = re.sub(r"\{\w+\}", "[^/]+", path)
        for method in calls.keys() & {"get", "post", "put", "patch", "delete"}:
            assert any(method == other and re.fullmatch(pattern, address) for other, address in tried), (method, path)


async def test_frames_refuse_strangers(eve: Person, foreign: Chat) -> None:
    """Reading, writing and marking seen are refused, and the connection goes on."""
    async with eve.socket() as socket:
        await socket.send(Fetch(id=1, chat_id=foreign.id))
        refusal = await socket.expect(Error)
        assert (refusal.id, refusal.error.code) == (1, "notMember")
        await socket.send(MarkSeen(chat_id=foreign.id, seq=1))
        assert (await socket.expect(Error)).error.code == "notMember"
        result = await socket.say(foreign, "me too")
        assert result.error is not None
        assert result.error.code == "notMember"
        assert (await socket.send_messages(outgoing("mine", user_id=eve.id)))[0].seq == 1


async def test_strangers_hear_nothing(anna: Person, ben: Person, eve: Person) -> None:
    """Events reach members only; the next frame a stranger gets is her own."""
    chat = await anna.direct(ben)
    async with anna.socket() as author, eve.socket(cursors=[(chat.id, 0)]) as stranger:
        assert stranger.welcome is not None
        assert stranger.welcome.heads == []
        await author.say(chat, "between us")
        await stranger.send(Fetch(id=1, chat_id=chat.id))
        assert isinstance(await stranger.next(), Error)
    assert (await eve.http.get("/chats")).json() == {"chats": [], "hasMore": False}


async def test_every_address_needs_a_token(anna: Person) -> None:
    """Without one nothing is told, not even whether the thing exists."""
    for path in ("/me", "/users", "/users/1", "/chats", "/chats/1", "/chats/1/messages", "/chats/1/members"):
        answer = await anna.server.http.get(path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "tokenMissing"), path
