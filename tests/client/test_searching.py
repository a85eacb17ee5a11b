"""One search as somebody types it: answers in time, merged, and told apart from failures."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from chatproto.models import Chat
from chatterm.client.errors import ClientError
from chatterm.client.searching import Phase, Search, place_of
from tests.client.conftest import Connect
from tests.support.client import Client
from tests.support.server import WAIT_S, Person


class Typist:
    """A search and waiting for its news."""

    def __init__(self, client: Client) -> None:
        self._news = asyncio.Event()
        self.search = Search(client.session, self._news.set)

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(WAIT_S):
            while not condition():
                self._news.clear()
                await self._news.wait()

    @property
    def phases(self) -> tuple[Phase, Phase]:
        """Of this device and of the server."""
        return self.search.here.phase, self.search.server.phase

    async def settled(self) -> list[str]:
        """The texts found once both sides have answered."""
        await self.until(lambda: not self.search.busy)
        return [hit.message.text for hit in self.search.hits]


@pytest.fixture
async def chat(anna: Person, ben: Person) -> Chat:
    """More than a client fetches unasked."""
    chat = await anna.direct(ben)
    async with anna.socket() as socket:
        for number in range(150):
            await socket.say(chat, f"{'apple' if number % 2 else 'pear'} {number}")
    return chat


async def test_only_the_answer_to_the_last_question_is_shown(
    ben: Person, chat: Chat, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However the answers come in; both sides are merged in order without doubles, page by page to the end."""
    client = await (await connect(ben)).synced()
    typist = Typist(client)
    asked: list[str] = []
    real = client.session.server.search

    async def slow(words: str, **options: Any) -> Any:
        asked.append(words)
        page = await real(words, **options)
        if words == "pear":
            await asyncio.sleep(0.2)
        return page

    monkeypatch.setattr(client.session.server, "search", slow)
    typist.search.ask("pear", newest=True, at_once=True)
    await typist.until(lambda: typist.search.here.phase is Phase.DONE and "pear" in asked)
    for words in ("a", "ap", "app", "appl", "apple"):
        typist.search.ask(words, newest=True)
    assert all(text.startswith("apple") for text in await typist.settled())
    assert asked == ["pear", "apple"], "nobody asks a server at each key"
    while typist.search.here.more or typist.search.server.more:
        typist.search.more()
        await typist.settled()
    places = [place_of(hit) for hit in typist.search.hits]
    assert places == [(chat.id, seq) for seq in range(150, 0, -2)]
    typist.search.ask("pear", newest=False, at_once=True)
    assert all(text.startswith("pear") for text in await typist.settled())
    typist.search.ask("", newest=True)
    assert typist.search.hits == []


async def test_failures_are_told_and_can_be_tried_again(
    ben: Person, chat: Chat, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What this device found stays; a mistake is told at once and asks nobody."""
    client = await (await connect(ben)).synced()
    typist = Typist(client)
    real: Callable[..., Awaitable[Any]] = client.session.server.search

    async def failing(words: str, **_: Any) -> Any:
        raise ClientError("overloaded", "The server is busy.", temporary=True)

    monkeypatch.setattr(client.session.server, "search", failing)
    typist.search.ask("apple", newest=True, at_once=True)
    found = await typist.settled()
    assert found
    assert typist.phases == (Phase.DONE, Phase.FAILED)
    assert typist.search.server.error is not None
    assert typist.search.server.error.message == "The server is busy."
    monkeypatch.setattr(client.session.server, "search", real)
    typist.search.retry()
    assert len(await typist.settled()) >= len(found)
    assert typist.phases == (Phase.DONE, Phase.DONE)
    typist.search.ask('"apple', newest=True)
    assert typist.search.mistake is not None
    assert not typist.search.busy
    await client.session.stop()
    typist.search.ask("apple", newest=True, at_once=True)
    await typist.settled()
    assert typist.phases == (Phase.FAILED, Phase.OFFLINE)
    assert typist.search.hits == []
