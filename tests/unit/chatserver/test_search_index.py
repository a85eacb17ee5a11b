"""The index at work: it follows the logs unasked, merges its pieces, and survives damage and impatience."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from chatproto.errors import ChatError
from chatproto.models import Chat, User
from chatproto.search_query import SearchQuery
from chatproto.search_text import Phrase
from chatserver.store.sqlite import SqliteStore, search_finder, search_index, search_indexer
from chatserver.store.sqlite.search_file import one
from chatserver.store.sqlite.search_finder import ChatRange
from chatserver.store.sqlite.search_index import SearchIndex
from chatserver.store.sqlite.search_indexer import Indexer
from tests.support.store import make_users, new_message, stored


def query(word: str) -> SearchQuery:
    return SearchQuery(wanted=(Phrase((word,)),))


@asynccontextmanager
async def open_index(store: SqliteStore, folder: Path, *, busy: bool = False) -> AsyncIterator[SearchIndex]:
    """A second index on the store's database, in another folder."""
    folder.mkdir(exist_ok=True)
    database = folder.parent / "data" / "chat.db"
    index = SearchIndex(folder, database, store.epoch, is_busy=lambda: busy, gather_s=0.001)
    try:
        yield index
    finally:
        await index.close()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = await SqliteStore.open(tmp_path / "data", serving=False)
    try:
        yield opened
    finally:
        await opened.close()


async def talk(store: SqliteStore, *lines: str) -> tuple[User, Chat]:
    anna, bert = await make_users(store, "Anna", "Bert")
    chat = await store.open_direct(anna.id, bert.id)
    for line in lines:
        stored(await store.append([new_message(anna, line, chat_id=chat.id)]))
    return anna, chat


async def found(index: SearchIndex, chat: Chat, word: str) -> list[int]:
    """The seqs of what the index has, as far as it has come."""
    ranges = [ChatRange(chat.id, 1, 1_000_000, 1 << 60)]
    candidates = await index.find(lambda finder: finder.newest(query(word), ranges, 1_000))
    return [place.seq for place in candidates.places]


async def until_found(index: SearchIndex, chat: Chat, word: str, seqs: list[int]) -> None:
    async with asyncio.timeout(15):
        while await found(index, chat, word) != seqs:
            await asyncio.sleep(0)


@pytest.mark.parametrize("busy", [False, True])
async def test_it_follows_the_logs_unasked(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, busy: bool
) -> None:
    """What was there at the start, what is noted later, in steps, and in the end merged into one piece."""
    monkeypatch.setattr(search_indexer, "BATCH_EVENTS", 4)
    monkeypatch.setattr(search_indexer, "_MERGE_MIN", 8)
    anna, chat = await talk(store, *(f"tea {number}" for number in range(30)))
    async with open_index(store, tmp_path / "index", busy=busy) as index:
        assert await index.catch_up([(chat.id, 1)])
        index.start()
        await until_found(index, chat, "tea", list(range(30, 0, -1)))
        async with asyncio.timeout(15):
            while await pieces(index) != 1:
                await asyncio.sleep(0)
        place = stored(await store.append([new_message(anna, "more tea", chat_id=chat.id)]))[0]
        index.note([chat.id])
        await until_found(index, chat, "more", [place.seq])


async def pieces(index: SearchIndex) -> int:
    """How many pieces FTS5 has to look at."""
    statement = "SELECT json_array(COUNT(DISTINCT segid)) FROM words_idx"
    [count] = await index.find(lambda finder: finder._bounded(lambda: one(finder._connection, statement)))
    return int(count)


async def test_a_damaged_file_is_made_anew_while_the_server_runs(store: SqliteStore, tmp_path: Path) -> None:
    """Whoever meets the damage is told to try again, and then finds everything."""
    _, chat = await talk(store, *(f"tea {'x' * 500} {number}" for number in range(100)))
    heads = [(chat.id, 100)]
    async with open_index(store, tmp_path / "index") as index:
        assert await index.catch_up(heads)
    file = tmp_path / "index" / "search.db"
    with file.open("r+b") as content:
        content.seek(4_096)
        content.write(b"\xff" * (file.stat().st_size - 4_096))
    async with open_index(store, tmp_path / "index") as index:
        for _ in range(3):
            try:
                await index.catch_up(heads)
                if len(await found(index, chat, "tea")) == 100:
                    return
            except ChatError as error:
                assert (error.code, error.temporary) == ("storageFailed", True)
        raise AssertionError("the index was not made anew")


async def test_a_search_that_takes_too_long_is_given_up(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends with `searchTooBroad`, as does a beginning of too many words; the next search is answered."""
    _, chat = await talk(store, *(f"tea{number} tea" for number in range(40)))
    async with open_index(store, tmp_path / "index") as index:
        assert await index.catch_up([(chat.id, 40)])
        ranges = [ChatRange(chat.id, 1, 40, 1 << 60)]
        beginning = SearchQuery(wanted=(Phrase(("te",), prefix=True),))

        async def code(what: SearchQuery) -> str:
            with pytest.raises(ChatError) as caught:
                await index.find(lambda finder: finder.newest(what, ranges, 10))
            return caught.value.code

        monkeypatch.setattr(search_finder, "_LISTED_OWN_MAX", 39)
        assert await code(beginning) == "searchTooBroad"
        monkeypatch.setattr(search_finder, "_LISTED_OWN_MAX", 40)
        found_all = await index.find(lambda finder: finder.newest(beginning, ranges, 50))
        assert len(found_all.places) == 40

        def endless(finder: search_finder.Finder) -> list[tuple[int]]:
            numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT MAX(i) FROM n"
            return finder._bounded(lambda: finder._connection.execute(numbers).fetchall())

        monkeypatch.setattr(search_finder, "TIME_LIMIT_S", 0.01)
        with pytest.raises(ChatError) as caught:
            await index.find(endless)
        assert caught.value.code == "searchTooBroad"
        monkeypatch.setattr(search_finder, "TIME_LIMIT_S", 10.0)
        assert len(await found(index, chat, "tea")) == 40


async def test_more_searches_than_may_wait_are_refused(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The queue is bounded; those in it are answered."""
    monkeypatch.setattr(search_index, "WAITING_MAX", 3)
    _, chat = await talk(store, "tea")
    async with open_index(store, tmp_path / "index") as index:
        assert await index.catch_up([(chat.id, 1)])
        results = await asyncio.gather(*(found(index, chat, "tea") for _ in range(8)), return_exceptions=True)
        assert [result for result in results if isinstance(result, list)] == [[1]] * 5
        assert [result.code for result in results if isinstance(result, ChatError)] == ["overloaded"] * 3
    with pytest.raises(ChatError, match="stopping"):
        await found(index, chat, "tea")


async def test_a_search_does_not_wait_long_for_the_index(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With more to index than fits its time, it goes on with what there is and says so."""
    monkeypatch.setattr(search_indexer, "BATCH_EVENTS", 4)
    monkeypatch.setattr(search_index, "CATCH_UP_S", -1.0)
    _, chat = await talk(store, *(f"tea {number}" for number in range(10)))
    async with open_index(store, tmp_path / "index") as index:
        assert not await index.catch_up([(chat.id, 10)])
        monkeypatch.setattr(search_index, "CATCH_UP_S", 15.0)
        assert await index.catch_up([(chat.id, 10)])


def test_a_step_that_fails_changes_nothing(tmp_path: Path) -> None:
    """The index is as before, and the next step does the work."""
    database = tmp_path / "chat.db"
    with sqlite3.connect(database) as connection:
        connection.execute(
            "CREATE TABLE chats (id INTEGER PRIMARY KEY, head INTEGER, floor INTEGER, floor_rev INTEGER)"
        )
        connection.execute("INSERT INTO chats VALUES (7, 1, 0, 0)")
    connection.close()
    indexer = Indexer(tmp_path / "search.db", database, "epoch")
    try:
        assert indexer.lagging() == [7]
        with pytest.raises(sqlite3.OperationalError, match="events"):
            indexer.step([7])
        assert indexer.lagging() == [7]
    finally:
        indexer.close()
