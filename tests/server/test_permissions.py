"""Nobody reads or writes what is not theirs: every address and frame that takes an id, with the id of others."""

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


@pytest.mark.parametrize("path", ["/chats/{}", "/chats/{}/messages", "/chats/{}/messages?afterSeq=0"])
async def test_rest_refuses_strangers(eve: Person, foreign: Chat, path: str) -> None:
    """The answer is the same as for a chat that does not exist."""
    answer = await eve.http.get(path.format(foreign.id))
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "notMember"
    assert "between us" not in answer.text


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


@pytest.mark.parametrize("path", ["/me", "/users", "/users/1", "/chats", "/chats/1", "/chats/1/messages"])
async def test_every_address_needs_a_token(anna: Person, path: str) -> None:
    """Without one nothing is told, not even whether the thing exists."""
    answer = await anna.server.http.get(path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "tokenMissing")
