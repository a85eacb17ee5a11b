"""Opening, closing and sharing a database: what is kept, what is refused, and what other processes do."""

import asyncio

import pytest

from chatproto.errors import ChatError
from chatserver.store.base import Store
from chatserver.store.errors import StoreInUseError
from tests.support.store import Backend, Commits, make_users, new_message, stored


async def test_everything_is_there_after_reopening(backend: Backend) -> None:
    """Epoch, users, chats and logs survive; the log continues where it ended."""
    async with backend.open() as store:
        epoch = store.epoch
        anna, bert = await make_users(store, "Anna", "Bert")
        chat = await store.open_direct(anna.id, bert.id)
        await store.append([new_message(anna, "before", chat_id=chat.id)])
        before = await store.events(chat.id, limit=5)
    async with backend.open() as store:
        assert store.epoch == epoch
        assert await store.users_since(0, 5) == [anna, bert]
        assert await store.events(chat.id, limit=5) == before
        assert stored(await store.append([new_message(bert, "after", chat_id=chat.id)]))[0].seq == 2


async def test_each_database_has_its_own_epoch(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A client that meets another epoch knows that its copy is of another database."""
    epochs = set()
    for _ in range(2):
        async with Backend(tmp_path_factory.mktemp("data")).open() as store:
            epochs.add(store.epoch)
    assert len(epochs) == 2
    assert all(epochs)


async def test_closing_commits_what_is_in_hand(backend: Backend) -> None:
    """Writes that were called before `close` are stored and answered; later calls are told to come back."""
    async with backend.open() as store:
        anna, bert = await make_users(store, "Anna", "Bert")
        chat = await store.open_direct(anna.id, bert.id)
        commits = Commits(store)
        writes = [asyncio.create_task(store.append([new_message(anna, f"{n}", chat_id=chat.id)])) for n in range(3_000)]
        await asyncio.wait(writes, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.gather(store.close(), store.close())
        results = await asyncio.gather(*writes)
        assert sorted(stored(result)[0].seq for result in results) == list(range(1, 3_001))
        for late in (
            store.append([new_message(anna, "late", chat_id=chat.id)]),
            store.mark_seen(anna.id, chat.id, 1),
            store.create_user("late@example.org", "Late", "h"),
            store.chat(anna.id, chat.id),
            store.check_writable(),
        ):
            with pytest.raises(ChatError) as caught:
                await late
            assert caught.value.code == "shuttingDown"
        await store.close()
        await commits.until(lambda all_: sum(len(part.events) for one in all_ for part in one.chats) == 3_000)
    async with backend.open() as store:
        [page], more = await store.messages(chat.id, limit=1)
        assert (page.seq, more) == (3_000, True)


async def test_reads_in_hand_end_before_the_files_close(backend: Backend) -> None:
    """Closing while reads run answers each of them, with rows or with `shuttingDown`, and hangs nobody."""
    async with backend.open() as store:
        anna, bert = await make_users(store, "Anna", "Bert")
        chat = await store.open_direct(anna.id, bert.id)
        await store.append([new_message(anna, f"{n}", chat_id=chat.id) for n in range(100)])
        reads = [asyncio.create_task(store.messages(chat.id, limit=50)) for _ in range(100)]
        await asyncio.wait(reads, return_when=asyncio.FIRST_COMPLETED)
        async with asyncio.timeout(10):
            await store.close()
            results = await asyncio.gather(*reads, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                assert isinstance(result, ChatError)
                assert result.code == "shuttingDown"
            else:
                assert len(result[0]) == 50


async def test_one_server_for_one_folder(backend: Backend) -> None:
    """A second server is refused while the first one runs; afterwards the folder is free again."""
    async with backend.open():
        with pytest.raises(StoreInUseError, match="already serves"):
            async with backend.open():
                pass
        async with backend.open(serving=False) as tool:
            assert await tool.users_rev() == 0
    async with backend.open() as store:
        assert await store.users_rev() == 0


async def test_a_server_notices_what_others_commit(backend: Backend) -> None:
    """Users added and sessions ended through another opening of the database reach the server's listener."""
    async with backend.open(poll_s=0.01) as server, backend.open(serving=False) as tool:
        [anna] = await make_users(server, "Anna")
        commits = Commits(server)
        [bert] = await make_users(tool, "Bert")
        await commits.until(lambda all_: any(commit.users_rev == bert.rev for commit in all_))
        assert await server.account(bert.id) is not None
        chat = await tool.open_direct(anna.id, bert.id)
        assert stored(await server.append([new_message(anna, "hi", peer=bert)]))[0].chat_id == chat.id


async def test_two_processes_write_at_once(backend: Backend) -> None:
    """Writers of two openings take turns: nothing is lost and the log has no hole."""
    async with backend.open() as one, backend.open(serving=False) as two:
        anna, bert = await make_users(one, "Anna", "Bert")
        chat = await one.open_direct(anna.id, bert.id)

        async def talk(store: Store, who: int) -> None:
            for n in range(20):
                await store.append([new_message((anna, bert)[who], f"{who}:{n}", chat_id=chat.id)])

        await asyncio.gather(talk(one, 0), talk(two, 1))
        events, _ = await one.events(chat.id, limit=100)
        assert [event.seq for event in events] == list(range(1, 41))


async def test_a_cancelled_read_leaves_the_pool_whole(store: Store) -> None:
    """Readers that give up in any number neither block later reads nor break their connections."""
    anna, bert = await make_users(store, "Anna", "Bert")
    chat = await store.open_direct(anna.id, bert.id)
    await store.append([new_message(anna, f"{n}", chat_id=chat.id) for n in range(200)])
    for _ in range(10):
        reads = [asyncio.create_task(store.messages(chat.id, limit=200)) for _ in range(20)]
        await asyncio.wait(reads[:1])
        for read in reads:
            read.cancel()
        await asyncio.gather(*reads, return_exceptions=True)
    async with asyncio.timeout(10):
        pages = await asyncio.gather(*(store.messages(chat.id, limit=200) for _ in range(20)))
    assert all(len(messages) == 200 for messages, _ in pages)


async def test_the_schema_of_an_open_store_is_current(backend: Backend) -> None:
    """Opening applies every migration."""
    async with backend.open() as store:
        assert await store.schema_is_current()


async def test_writes_that_wait_are_counted(backend: Backend) -> None:
    """From the call until the commit is under way."""
    async with backend.open() as store:
        assert store.writes_waiting == 0
        writes = [asyncio.create_task(store.check_writable()) for _ in range(5)]
        await asyncio.sleep(0)
        assert store.writes_waiting == 5
        await asyncio.gather(*writes)
        assert store.writes_waiting == 0
