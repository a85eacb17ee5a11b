"""Logs that lose their oldest events: what is gone, what stays true, and that nothing comes back doubled."""

import os
import sqlite3
from dataclasses import replace
from pathlib import Path

from chatproto.models import Chat, MessageChanged, User
from chatproto.search_query import SearchQuery
from chatserver.store.base import Store, Stored
from chatserver.store.interfaces.retention import Due, Removed
from chatserver.store.sqlite import SqliteStore
from chatserver.store.sqlite.search_indexer import Indexer
from tests.support.messages import add_file, code_of, look, rich, rows_of, say
from tests.support.store import Backend, Commits, make_users, new_message, refused, stored

DAY = 86_400


async def written(store: Store, backend: Backend, *texts: str) -> tuple[User, User, Chat, list[Stored]]:
    """A direct chat with one message a day, the last of them now."""
    anna, bert = await make_users(store, "Anna", "Bert")
    chat = await store.open_direct(anna.id, bert.id)
    places = []
    for text in texts:
        places.append(await say(store, new_message(anna, text, chat_id=chat.id)))
        backend.clock.advance(DAY)
    return anna, bert, chat, places


async def remove(store: Store, chat: Chat, up_to: Stored) -> Removed:
    """Remove the events up to one, in one step."""
    return await store.remove_before(chat.id, up_to.at + 1, 1, 1_000)


async def test_a_log_begins_above_its_floor(store: Store, backend: Backend) -> None:
    """Pages end at the floor and say that nothing more lies there; seqs go on where they were."""
    _, bert, chat, places = await written(store, backend, *"abcde")
    assert await store.due(chat.id, places[2].at) == Due(2, 2, 0, 0, places[0].at, places[1].at)
    assert await remove(store, chat, places[1]) == Removed(2, 2)
    assert await store.due(chat.id, places[2].at) == Due()
    page, more = await store.events(chat.id, limit=50)
    assert ([event.seq for event in page], more) == ([3, 4, 5], False)
    assert await store.events(chat.id, before_seq=3, limit=50) == ([], False)
    assert [event.seq for event in (await store.events(chat.id, after_seq=0, limit=2))[0]] == [3, 4]
    around, before, after = await store.messages_around(chat.id, 1, 2)
    assert ([message.seq for message in around], before, after) == ([3], False, True)
    assert await store.message(chat.id, 2) is None
    seen = await store.chat(bert.id, chat.id)
    assert seen is not None
    assert (seen.head, seen.floor, seen.floor_days, seen.unread) == (5, 2, 1.0, 3)
    assert (await store.floor(chat.id)).floor == 2
    assert await remove(store, chat, places[4]) == Removed(3, 3)
    assert await store.events(chat.id, limit=50) == ([], False)
    assert (await say(store, new_message(bert, "f", chat_id=chat.id))).seq == 6


async def test_steps_are_bounded_and_the_order_of_rises_is_told(store: Store, backend: Backend) -> None:
    """A step takes at most what it was told to; positions of rises grow over all chats."""
    anna, bert, chat, places = await written(store, backend, *"abcdef")
    notes = await store.open_direct(anna.id, anna.id)
    place = await say(store, new_message(anna, "note", chat_id=notes.id))
    assert await store.remove_before(chat.id, places[4].at, 1, 3) == Removed(3, 3)
    assert await store.remove_before(notes.id, place.at + 1, 1, 3) == Removed(1, 1)
    assert await store.remove_before(chat.id, places[4].at, 1, 3) == Removed(1, 1)
    assert await store.remove_before(chat.id, places[4].at, 1, 3) == Removed()
    assert [(told.floor.chat_id, told.floor.floor, told.rev) for told in await store.floors_since(0, 9)] == [
        (notes.id, 1, 2),
        (chat.id, 4, 3),
    ]
    assert await store.floors_rev() == 3
    assert [floor.floor for floor in await store.floors_of(bert.id, 0)] == [4]
    assert await store.floors_of(anna.id, 3) == []


async def test_what_was_removed_is_not_stored_again(store: Store, backend: Backend) -> None:
    """Sent again under its client id, a message is a duplicate at its old place, or a conflict, for ever."""
    anna, bert = await make_users(store, "Anna", "Bert")
    chat = await store.open_direct(anna.id, bert.id)
    plain = new_message(anna, "plain", peer=bert)
    reply = rich(anna, chat, "reply", reply_to=1, mention_all=True)
    gone = new_message(anna, "deleted", chat_id=chat.id)
    sent = [plain, reply, gone]
    for message in sent:  # one after the other: a reply is to what was there before
        last = await say(store, message)
    await store.edit_message(anna.id, chat.id, 2, text="edited", mentions=[], mention_all=False)
    await store.delete_message(anna.id, chat.id, 3)
    await remove(store, chat, last)
    again = stored(await store.append(sent))
    assert [(place.seq, place.duplicate) for place in again] == [(1, True), (2, True), (3, True)]
    assert all(place.at <= last.at for place in again)
    wrong = [replace(plain, text="other"), replace(reply, more=None), replace(gone, chat_id=chat.id ^ 1)]
    assert refused(await store.append(wrong)) == ["clientIdConflict"] * 3
    assert not stored(await store.append([replace(plain, sender_id=bert.id, peer_id=anna.id)]))[0].duplicate
    assert rows_of(backend, "SELECT DISTINCT length(origin) FROM removed_messages") == [(16,)]


async def test_what_refers_to_the_removed(store: Store, backend: Backend) -> None:
    """Replies are taken, changes and forwards refused, a change in the log names a message without content."""
    anna, bert, chat, places = await written(store, backend, "a", "b", "c")
    await store.react(bert.id, chat.id, 1, "👍", on=True)
    await store.pin(bert.id, chat.id, 1, on=True)
    await store.pin(bert.id, chat.id, 3, on=True)
    await remove(store, chat, places[1])
    page, _ = await store.events(chat.id, limit=50)
    assert [event.seq for event in page] == [3, 4, 5, 6]
    change = page[1]
    assert isinstance(change, MessageChanged)
    assert (change.message.seq, change.message.deleted, change.message.text, change.message.rev) == (1, True, "", 4)
    assert [message.seq for message in await store.pinned_messages(chat.id)] == [3]
    assert await code_of(store.edit_message(anna.id, chat.id, 1, text="x", mentions=[], mention_all=False)) == (
        "messageNotFound"
    )
    reply = await say(store, rich(anna, chat, "reply", reply_to=1))
    assert (await look(store, chat, reply.seq)).reply_to == 1
    assert refused(await store.append([rich(anna, chat, "reply", reply_to=99)])) == ["messageNotFound"]


async def test_files_and_mentions_go_with_their_messages(store: Store, backend: Backend) -> None:
    """Mentions are not counted any more; a file that nothing else shows is looked at by the janitor."""
    anna, bert, chat, _ = await written(store, backend, "a")
    add_file(backend, anna, 71)
    add_file(backend, anna, 72)
    await say(store, rich(anna, chat, "both", file_ids=(71, 72), mentions=(bert.id,)))
    place = await say(store, rich(anna, chat, "all", mention_all=True))
    backend.clock.advance(DAY)
    await say(store, rich(anna, chat, "one", file_ids=(72,), mentions=(bert.id,)))
    assert (await store.due(chat.id, place.at + 1))[2:4] == (1, 9)
    await remove(store, chat, place)
    seen = await store.chat(bert.id, chat.id)
    assert seen is not None
    assert (seen.unread, seen.mentions) == (1, 1)
    await store.review_files(10)
    assert rows_of(backend, "SELECT id FROM files") == [(72,)]
    assert rows_of(backend, "SELECT COUNT(*) FROM mentions") == [(1,)]


async def test_rules_of_chats(store: Store) -> None:
    """A chat's own rule replaces the server's, and can be taken back."""
    anna, bert = await make_users(store, "Anna", "Bert")
    group = await store.create_group(anna.id, "Garden", [bert.id])
    direct = await store.open_direct(anna.id, bert.id)
    assert not await store.has_own_retention()
    assert await store.set_chat_retention(group.id, 30)
    assert await store.has_own_retention()
    assert not await store.set_chat_retention(group.id ^ direct.id, 30)
    [own] = await store.chats_by_retention(0, 10, only_own=True)
    assert (own.chat_id, own.title, own.people, own.days, own.head) == (group.id, "Garden", (), 30.0, 1)
    assert await store.groups_titled("Garden", 5) == [group.id]
    found = {chat.chat_id: chat for chat in await store.chats_by_retention(0, 10)}
    assert set(found) == {group.id, direct.id}
    assert set(found[direct.id].people) == {anna.id, bert.id}
    assert found[direct.id].oldest_at == 0
    await store.set_chat_retention(group.id, None)
    assert await store.chats_by_retention(0, 10, only_own=True) == []


async def test_the_server_hears_what_commands_have_done(backend: Backend) -> None:
    """Floors and events of another process are told once they are seen, in order, and each only once."""
    async with backend.open(poll_s=0.01) as store, backend.open(serving=False) as command:
        anna, _, chat, places = await written(store, backend, "a", "b")
        commits = Commits(store)
        await remove(command, chat, places[0])
        await commits.until(lambda all_: any(commit.floors for commit in all_))
        await say(command, new_message(anna, "from elsewhere", chat_id=chat.id))
        await commits.until(lambda all_: any(commit.chats for commit in all_))
        events = [event for commit in commits.all for part in commit.chats for event in part.events]
        assert [event.seq for event in events] == [3]
        assert rows_of(backend, "SELECT * FROM untold_events") == []


def text_in(folder: Path, text: bytes) -> list[str]:
    """The files that hold a text."""
    return [path.name for path in sorted(folder.iterdir()) if path.is_file() and text in path.read_bytes()]


async def test_removed_text_is_in_no_file(backend: Backend) -> None:
    """Neither in the database nor its log nor the index for search, once that has been tidied."""
    async with backend.open() as store:
        assert isinstance(store, SqliteStore)
        anna, _, chat, places = await written(store, backend, "kept", "unmistakable secret", "last")
        [known] = await store.search_chats(anna.id)
        await store.search(anna.id, SearchQuery(), [known], sort="newest", limit=5)
        assert text_in(backend.folder, b"unmistakable")
        await remove(store, chat, places[1])
        index = store._search_index
        await index.catch_up([(chat.id, known.head)])
        await index._write(lambda indexer: indexer.step([chat.id]))
        while await index._write(Indexer.merge_step):
            pass
        assert await store.empty_log()
        assert text_in(backend.folder, b"unmistakable") == []
        assert text_in(backend.folder, b"last")
        found = await store.search(anna.id, SearchQuery(), [known], sort="newest", limit=5)
        assert [hit.message.text for hit in found.found] == ["last"]


async def test_free_pages_go_back_to_the_disk(backend: Backend) -> None:
    """What removing has freed is given back in steps, but for some that are kept for what comes."""
    async with backend.open() as store:
        anna, _, chat, [place] = await written(store, backend, "first")
        large = [replace(new_message(anna, os.urandom(6_000).hex(), chat_id=chat.id)) for _ in range(400)]
        last = stored(await store.append(large))[-1]
        await store.empty_log()
        size = (backend.folder / "chat.db").stat().st_size
        assert size > 400 * 12_000
        await remove(store, chat, last)
        assert await store.free_pages() > 1_000
        given = 0
        while step := await store.give_back(100):
            assert step <= 100
            given += step
        assert given > 700
        await store.empty_log()
        assert (backend.folder / "chat.db").stat().st_size < size // 3
        assert 200 <= await store.free_pages() <= 600
        assert place.seq == 1
    with sqlite3.connect(backend.folder / "chat.db") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
