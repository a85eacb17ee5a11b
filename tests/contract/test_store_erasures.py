"""People whose words are erased: what goes, what stays, and that it can be interrupted anywhere."""

from pathlib import Path

import pytest

from chatproto.errors import ChatError
from chatproto.models import Chat, Message, MessageRef, User
from chatserver.services.erasure import FILE_NAME, Eraser
from chatserver.store.base import Store
from chatserver.store.interfaces.erasures import Holdings
from tests.support.messages import add_file, look, rich, rows_of, say
from tests.support.store import Backend, Commits, make_users, new_message


async def story(store: Store, backend: Backend) -> tuple[User, User, Chat, Chat]:
    """A group in which Anna and Bert write, forward, quote, react and mention, and a direct chat of Bert's."""
    anna, bert, cleo = await make_users(store, "Anna", "Bert", "Cleo")
    group = await store.create_group(anna.id, "Garden", [bert.id, cleo.id])
    other = await store.open_direct(bert.id, cleo.id)
    add_file(backend, anna, 71)
    first = await say(store, rich(anna, group, "mine", file_ids=(71,)))
    theirs = await say(store, new_message(bert, "theirs", chat_id=group.id))
    await say(store, rich(bert, group, "reply to @Anna", reply_to=first.seq, mentions=(anna.id,)))
    await say(store, rich(bert, other, "", forward=MessageRef(chat_id=group.id, seq=first.seq)))
    await store.react(anna.id, group.id, theirs.seq, "👍", on=True)
    await store.react(cleo.id, group.id, theirs.seq, "👍", on=True)
    await store.react(anna.id, group.id, theirs.seq, "🌱", on=True)
    await say(store, new_message(anna, "last", peer=bert))
    return anna, bert, group, other


async def texts(store: Store, chat: Chat) -> list[str]:
    events, _ = await store.events(chat.id, limit=100)
    return [event.text for event in events if isinstance(event, Message) and not event.deleted]


async def test_words_copies_and_reactions_go(store: Store, backend: Backend, tmp_path: Path) -> None:
    """What others wrote stays; every change is an event, so that all copies follow."""
    anna, bert, group, other = await story(store, backend)
    direct = await store.open_direct(anna.id, bert.id)
    assert await store.holdings(anna.id) == Holdings(2, 1, 0, 1, 1)
    commits = Commits(store)
    eraser = Eraser(store, tmp_path, rests=False)
    assert await eraser.begin(anna.id)
    done = await eraser.finish(anna.id)
    assert done is not None
    assert (done.messages, done.copies, done.reactions) == (2, 1, 2)
    assert await texts(store, group) == ["theirs", "reply to @Anna"]
    assert await texts(store, other) == []
    assert await texts(store, direct) == []
    left = (await look(store, group, 3)).reactions
    assert [(reaction.emoji, len(reaction.user_ids)) for reaction in left] == [("👍", 1)]
    account = await store.account(anna.id)
    assert account is not None
    assert (account.user.deleted, account.user.email) == (True, "")
    assert await store.erasures() == []
    assert rows_of(backend, f"SELECT * FROM user_log WHERE user_id = {anna.id}") == []
    assert rows_of(backend, "SELECT COUNT(*) FROM message_files") == [(0,)]
    for chat in (group, other, direct):
        events, _ = await store.events(chat.id, limit=100)
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
    told = await commits.until(lambda all_: sum(len(part.events) for one in all_ for part in one.chats) >= 6)
    assert {part.chat_id for commit in told for part in commit.chats} == {group.id, other.id, direct.id}
    assert await eraser.finish(anna.id) is None


async def test_what_is_left_of_removed_messages_goes_in_steps(
    store: Store, backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the one who is erased, however much there is; others' can still be told from new ones.

    After every commit but the last one, whoever else writes gets a turn.
    """
    monkeypatch.setattr("chatserver.services.erasure._FORGOTTEN_AT_ONCE", 2)
    monkeypatch.setattr("chatserver.services.erasure._LOOKED_AT", 3)
    rests = []

    async def rest(seconds: float) -> None:
        rests.append(seconds)

    monkeypatch.setattr("chatserver.services.resting.sleep", rest)
    anna, bert = await make_users(store, "Anna", "Bert")
    chat = await store.open_direct(anna.id, bert.id)
    for number in range(5):
        await say(store, new_message(anna, f"{number}", chat_id=chat.id))
    await say(store, new_message(bert, "theirs", chat_id=chat.id))
    await store.remove_before(chat.id, 1 << 62, 1, 100)
    assert rows_of(backend, "SELECT COUNT(*) FROM removed_messages") == [(6,)]
    for number in range(9):
        await say(store, new_message(bert, f"later {number}", chat_id=chat.id))
    eraser = Eraser(store, tmp_path)
    await eraser.begin(anna.id)
    commits = store.commits
    await eraser.finish(anna.id)
    assert len(rests) == store.commits - commits - 1
    assert rows_of(backend, "SELECT sender_id FROM removed_messages") == [(bert.id,)]


async def test_it_goes_on_after_any_step(store: Store, backend: Backend, tmp_path: Path) -> None:
    """Whoever comes next begins where the last one was, and repeats no event."""
    anna, _, group, other = await story(store, backend)
    for number in range(20):
        await say(store, new_message(anna, f"{number}", chat_id=group.id))
    assert await store.begin_erasure(anna.id)
    assert await store.begin_erasure(anna.id)
    steps = 0
    while await store.erase_messages(anna.id, 3):
        steps += 1
    assert steps == 8
    [state] = await store.erasures()
    assert state.messages == 22
    assert await texts(store, group) == ["theirs", "reply to @Anna"]
    before, _ = await store.events(group.id, limit=200)
    done = await Eraser(store, tmp_path, rests=False).finish(anna.id)
    assert done is not None
    assert (done.messages, done.copies, done.reactions) == (22, 1, 2)
    after, _ = await store.events(group.id, limit=200)
    assert len(after) == len(before) + 2
    assert await texts(store, other) == []


async def test_an_older_database_loses_them_again(store: Store, backend: Backend, tmp_path: Path) -> None:
    """Who was erased is known beside the database, for one of another epoch in which they are still there."""
    anna, _, group, _ = await story(store, backend)
    (tmp_path / FILE_NAME).write_text(f'{{"userId":{anna.id},"epoch":"of before","at":1}}\n{{"userId":77,"epo')
    eraser = Eraser(store, tmp_path, rests=False)
    assert await eraser.reapply() == 1
    await eraser.finish(anna.id)
    assert await texts(store, group) == ["theirs", "reply to @Anna"]
    assert await eraser.reapply() == 0
    assert len((tmp_path / FILE_NAME).read_text().splitlines()) == 3


async def test_a_wrong_password_erases_nothing(store: Store, tmp_path: Path) -> None:
    """The hash is compared in the same step; nobody else can be named."""
    [anna] = await make_users(store, "Anna")
    eraser = Eraser(store, tmp_path, rests=False)
    assert not await eraser.begin(anna.id, expected="another")
    assert not (tmp_path / FILE_NAME).exists()
    with pytest.raises(ChatError) as refusal:
        await eraser.begin(anna.id ^ 1)
    assert refusal.value.code == "userNotFound"
    assert await store.erasures() == []
