"""Messages that refer to others, mention members and show files, and resends of whatever they have become."""

from dataclasses import replace

import pytest

from chatproto.models import Chat, Forwarded, MessageRef, User
from chatserver.store.base import Store
from chatserver.store.extras import Additions
from tests.support.messages import add_file, look, rich, rows_of, say
from tests.support.store import Backend, Commits, make_users, new_message, refused, stored


@pytest.fixture
async def people(store: Store) -> list[User]:
    return await make_users(store, "Anna", "Bert", "Cleo")


@pytest.fixture
async def group(store: Store, people: list[User]) -> Chat:
    """A group of Anna, who owns it, and Bert; Cleo is a stranger."""
    return await store.create_group(people[0].id, "Garden", [people[1].id])


async def test_a_message_keeps_what_it_has_beyond_its_text(
    store: Store, backend: Backend, people: list[User], group: Chat
) -> None:
    """Reply, mentions and files come back from every read, and the commit tells the same."""
    anna, bert, _ = people
    commits = Commits(store)
    file = add_file(backend, anna, 7)
    first = await say(store, new_message(bert, "first", chat_id=group.id))
    sent = rich(anna, group, "see", reply_to=first.seq, mentions=(bert.id,), file_ids=(7,))
    place = await say(store, sent)
    message = await look(store, group, place.seq)
    assert (message.text, message.reply_to, message.mentions) == ("see", first.seq, [bert.id])
    assert message.files == [file]
    assert (await store.messages(group.id, limit=1))[0] == [message]
    assert (await store.events(group.id, limit=1))[0] == [message]
    told = await commits.until(lambda all_: len(all_) == 2)
    assert told[-1].chats[0].events == [message]
    assert rows_of(backend, "SELECT file_id, chat_id, seq FROM message_files") == [(7, group.id, place.seq)]


async def test_what_cannot_be_referred_to_refuses_one_message(
    store: Store, backend: Backend, people: list[User], group: Chat
) -> None:
    """A missing message, a stranger, a foreign file: that message is refused, its neighbours are stored."""
    anna, bert, cleo = people
    add_file(backend, bert, 7)
    foreign = await store.open_direct(bert.id, cleo.id)
    secret = await say(store, new_message(bert, "secret", chat_id=foreign.id))
    results = await store.append(
        [
            new_message(anna, "before", chat_id=group.id),
            rich(anna, group, "x", reply_to=99),
            rich(anna, group, "x", reply_to=1),  # the group's creation is no message
            rich(anna, group, "x", mentions=(bert.id, cleo.id)),
            rich(anna, group, "x", file_ids=(7,)),
            rich(anna, group, "x", file_ids=(8,)),
            rich(anna, group, "", forward=MessageRef(chat_id=foreign.id, seq=secret.seq)),
            rich(anna, group, "", forward=MessageRef(chat_id=group.id, seq=77)),
            new_message(anna, "after", chat_id=group.id),
        ]
    )
    assert refused(results[1:-1]) == [
        "messageNotFound",
        "messageNotFound",
        "mentionsInvalid",
        "fileNotFound",
        "fileNotFound",
        "messageNotFound",
        "messageNotFound",
    ]
    assert [place.seq for place in stored([results[0], results[-1]])] == [2, 3]
    assert rows_of(backend, "SELECT * FROM mentions UNION ALL SELECT 1, 1, 1, 1 FROM message_files") == []


async def test_forwarding_copies_text_and_files_and_names_the_first_author(
    store: Store, backend: Backend, people: list[User], group: Chat
) -> None:
    """Also of a message that was forwarded itself; the copy outlives the deletion of what it was made from."""
    anna, bert, cleo = people
    file = add_file(backend, anna, 7)
    source = await say(store, rich(anna, group, "the plan", file_ids=(7,)))
    second = await store.open_direct(bert.id, cleo.id)
    copied = await say(store, rich(bert, second, "", forward=MessageRef(chat_id=group.id, seq=source.seq)))
    third = await store.open_direct(cleo.id, cleo.id)
    again = await say(store, rich(cleo, third, "", forward=MessageRef(chat_id=second.id, seq=copied.seq)))
    await store.delete_message(anna.id, group.id, source.seq)
    for chat, place in ((second, copied), (third, again)):
        message = await look(store, chat, place.seq)
        assert (message.text, message.files) == ("the plan", [file])
        assert message.forwarded == Forwarded(sender_id=anna.id, at=source.at)
    assert len(rows_of(backend, "SELECT * FROM message_files")) == 2
    gone = rich(bert, second, "", forward=MessageRef(chat_id=group.id, seq=source.seq))
    assert refused(await store.append([gone])) == ["messageNotFound"]


async def test_mentions_are_counted_until_seen(store: Store, people: list[User], group: Chat) -> None:
    """By name, of everybody, and both in one message; own mentions and deleted ones do not count."""
    anna, bert, _ = people
    commits = Commits(store)

    async def count(user: User) -> int:
        chat = await store.chat(user.id, group.id)
        assert chat is not None
        _, heads = await store.heads(user.id, 0, [])
        assert [head.mentions for head in heads if head.chat_id == group.id] == [chat.mentions]
        return chat.mentions

    by_name = await say(store, rich(anna, group, "bert", mentions=(bert.id, anna.id)))
    assert (await count(anna), await count(bert)) == (0, 1)
    everybody = await say(store, rich(anna, group, "all", mention_all=True, mentions=(bert.id,)))
    await say(store, new_message(anna, "nobody", chat_id=group.id))
    assert (await count(anna), await count(bert)) == (0, 2)
    await store.mark_seen(bert.id, group.id, by_name.seq)
    told = await commits.until(lambda all_: any(commit.seen for commit in all_))
    assert [(moved.unread, moved.mentions) for commit in told for moved in commit.seen] == [(2, 1)]
    assert await count(bert) == 1
    await store.delete_message(anna.id, group.id, everybody.seq)
    assert await count(bert) == 0
    await store.edit_message(anna.id, group.id, by_name.seq + 2, text="bert!", mentions=[bert.id], mention_all=False)
    assert await count(bert) == 1
    await store.edit_message(anna.id, group.id, by_name.seq + 2, text="b", mentions=[bert.id], mention_all=True)
    assert await count(bert) == 1
    await store.edit_message(anna.id, group.id, by_name.seq + 2, text="b", mentions=[], mention_all=False)
    assert await count(bert) == 0


# --- exactly once, whatever has become of a message


async def test_a_resend_is_compared_with_what_was_sent(
    store: Store, backend: Backend, people: list[User], group: Chat
) -> None:
    """After an edit, a reaction or a deletion, of plain and rich messages: the same content is a duplicate still."""
    anna, bert, _ = people
    add_file(backend, anna, 7)
    target = await say(store, new_message(bert, "target", chat_id=group.id))
    kinds = [
        new_message(anna, "plain", chat_id=group.id),
        rich(anna, group, "reply", reply_to=target.seq),
        rich(anna, group, "named", mentions=(bert.id,)),
        rich(anna, group, "all", mention_all=True),
        rich(anna, group, "", file_ids=(7,)),
        rich(anna, group, "", forward=MessageRef(chat_id=group.id, seq=target.seq)),
    ]
    places = stored(await store.append(kinds))

    async def check() -> None:
        assert await store.append(kinds) == [replace(place, duplicate=True) for place in places]
        for message in kinds:
            others = [
                replace(message, text=message.text + "!"),
                replace(message, more=Additions(reply_to=target.seq, mention_all=True)),
            ]
            assert refused(await store.append(others)) == ["clientIdConflict"] * 2
            if message.more is not None:
                assert refused(await store.append([replace(message, more=None)])) == ["clientIdConflict"]

    await check()
    for place in places:
        await store.react(bert.id, group.id, place.seq, "👍", on=True)
    await check()
    for place in places[:-1]:
        await store.edit_message(anna.id, group.id, place.seq, text="edited", mentions=[], mention_all=False)
    await check()
    for place in [target, *places]:
        await store.delete_message(anna.id, group.id, place.seq)
    await check()
