"""Search on this device in a running session: what has just come is found, with or without a connection."""

import asyncio

import pytest

from chatproto.errors import ChatError
from chatterm.client import finder
from chatterm.client.errors import ClientError
from chatterm.client.session import Session
from tests.client.conftest import Connect
from tests.support.client import at_home
from tests.support.server import WAIT_S, Person


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Searches let the index catch up for as long as a busy machine may take, instead of saying what is missing."""
    monkeypatch.setattr(finder, "_CATCH_UP_S", WAIT_S)
    monkeypatch.setattr(finder, "_CATCH_UP_WAIT_S", WAIT_S)


@pytest.mark.usefixtures("patient")
async def test_what_has_just_come_is_found_and_what_was_taken_back_is_not(
    anna: Person, ben: Person, connect: Connect
) -> None:
    """Without waiting for the index; the same hits as the server gives; and still after the session has ended."""
    chat = await anna.direct(ben)
    a, b = await (await connect(anna)).synced(), await (await connect(ben)).synced()
    await a.say(chat, "the apple trees are planted")
    await a.say(chat, "a pear tree")
    await b.until(lambda: len(b.texts(chat.id)) == 2)
    local = await b.session.finder.search("apple*")
    remote = await b.session.server.search("apple*")
    assert list(local.hits) == remote.hits
    assert local.hits[0].matches == [(4, 9)]
    assert not local.incomplete
    await a.session.server.edit(chat.id, 2, "an apple tree")
    await a.session.server.delete(chat.id, 1)
    await b.until(lambda: b.texts(chat.id) == ["", "an apple tree"])
    assert [hit.message.text for hit in (await b.session.finder.search("apple")).hits] == ["an apple tree"]
    assert list((await b.session.finder.search("apple")).hits) == (await b.session.server.search("apple")).hits
    assert (await b.session.finder.search("pear")).hits == ()
    with pytest.raises(ChatError, match="character 1"):
        await b.session.finder.search("from:nobody")
    search = asyncio.ensure_future(b.session.finder.search("apple"))
    await asyncio.sleep(0)
    search.cancel()
    with pytest.raises(asyncio.CancelledError):
        await search
    await b.session.stop()
    with pytest.raises(ClientError, match="stopped"):
        await b.session.finder.search("apple")


async def test_a_device_without_a_connection_finds_what_it_has(anna: Person, ben: Person, connect: Connect) -> None:
    chat = await anna.direct(ben)
    async with anna.socket() as socket:
        for number in range(40):
            await socket.say(chat, f"message {number} in the garden")
    b = await (await connect(ben)).synced()
    await b.until(lambda: len(b.texts(chat.id)) == 40)
    await b.session.stop()
    with at_home(b.home):
        alone = Session(b.session.account)  # never started: it knows of no server
    assert await alone.finder.build(5.0)
    page = await alone.finder.search("garden from:anna", limit=30)
    assert [hit.message.seq for hit in page.hits] == list(range(40, 10, -1))
    rest = await alone.finder.search("garden from:anna", limit=30, before=page.cursor)
    assert [hit.message.seq for hit in rest.hits] == list(range(10, 0, -1))
    assert rest.cursor is None
    await alone.stop()
