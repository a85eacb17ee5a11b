"""Changes of messages: who may, what stays, what is gone, and what is told."""

import asyncio
from collections.abc import Awaitable
from pathlib import Path

import pytest

from chatproto import limits
from chatproto.models import Chat, Message, MessageChanged, MessageRef, Reaction, User
from chatserver.store.base import Store, Stored
from tests.support.messages import add_file, code_of, look, rich, rows_of, say
from tests.support.store import Backend, Commits, make_users, new_message, stored


@pytest.fixture
async def people(store: Store) -> list[User]:
    return await make_users(store, "Anna", "Bert", "Cleo")


@pytest.fixture
async def group(store: Store, people: list[User]) -> Chat:
    """A group of Anna, who owns it, and Bert; Cleo is a stranger."""
    return await store.create_group(people[0].id, "Garden", [people[1].id])


async def test_an_edit_replaces_the_text_and_is_told(store: Store, people: list[User], group: Chat) -> None:
    """The message has the new text, its rev is the event's seq, and every read of the log agrees."""
    anna, bert, _ = people
    commits = Commits(store)
    place = await say(store, new_message(anna, "frist", chat_id=group.id))
    await store.mark_seen(bert.id, group.id, place.seq)
    seq = await store.edit_message(anna.id, group.id, place.seq, text="first", mentions=[], mention_all=False)
    message = await look(store, group, place.seq)
    assert (message.text, message.rev, message.at) == ("first", seq, place.at)
    page, _ = await store.events(group.id, limit=10)
    changed = page[-1]
    assert isinstance(changed, MessageChanged)
    assert (changed.seq, changed.change, changed.sender_id) == (seq, "edited", anna.id)
    assert message.edited_at == changed.at > place.at
    assert page[1:] == [message, changed]
    assert changed.message == message
    assert [chat.events for chat in (await commits.until(lambda all_: len(all_) == 3))[-1].chats] == [[changed]]
    chat = await store.chat(bert.id, group.id)
    assert chat is not None
    assert (chat.head, chat.head_at, chat.unread) == (seq, changed.at, 0)


async def test_events_that_were_missed_show_the_message_as_it_is_now(
    store: Store, people: list[User], group: Chat
) -> None:
    """No earlier text can be read from the log: every event of the message holds its newest form."""
    anna, bert, _ = people
    place = await say(store, new_message(anna, "one", chat_id=group.id))
    for text in ("two", "three"):
        await store.edit_message(anna.id, group.id, place.seq, text=text, mentions=[], mention_all=False)
    await store.react(bert.id, group.id, place.seq, "🌱", on=True)
    await store.delete_message(anna.id, group.id, place.seq)
    now = await look(store, group, place.seq)
    page, more = await store.events(group.id, after_seq=place.seq, limit=10)
    assert not more
    changes = [event for event in page if isinstance(event, MessageChanged)]
    assert [event.change for event in changes] == ["edited", "edited", "reacted", "deleted"]
    assert [event.message for event in changes] == [now] * 4
    assert [event.emoji for event in changes] == ["", "", "🌱", ""]


async def test_what_was_deleted_is_gone_from_the_file(backend: Backend) -> None:
    """Place, author and client id stay; no byte of earlier texts, of files or mentions is left once it is closed."""
    canaries = ["canary-first-text", "canary-second-text"]
    async with backend.open() as store:
        anna, bert = await make_users(store, "Anna", "Bert")
        chat = await store.open_direct(anna.id, bert.id)
        add_file(backend, anna, 7)
        sent = rich(anna, chat, canaries[0], file_ids=(7,), mentions=(bert.id,))
        place = await say(store, sent)
        await store.react(bert.id, chat.id, place.seq, "👍", on=True)
        await store.pin(bert.id, chat.id, place.seq, on=True)
        await store.edit_message(anna.id, chat.id, place.seq, text=canaries[1], mentions=[], mention_all=True)
        seq = await store.delete_message(anna.id, chat.id, place.seq)
        assert await look(store, chat, place.seq) == Message(
            id=f"{chat.id}.{place.seq}",
            seq=place.seq,
            at=place.at,
            sender_id=anna.id,
            client_id=sent.client_id,
            text="",
            deleted=True,
            rev=seq,
        )
        assert (await store.messages(chat.id, limit=5))[0] == [await look(store, chat, place.seq)]
        assert await store.pinned_messages(chat.id) == []
        assert (await store.delete_message(anna.id, chat.id, place.seq)) == 0
        seen = await store.chat(bert.id, chat.id)
        assert seen is not None
        assert (seen.unread, seen.mentions) == (0, 0)
    for table in ("mentions", "pins", "message_files"):
        assert rows_of(backend, f"SELECT * FROM {table}") == []
    for path in sorted(Path(backend.folder).iterdir()):
        for canary in canaries:
            assert canary.encode() not in path.read_bytes(), path


async def test_who_may_change_what(store: Store, people: list[User]) -> None:
    """Authors edit; authors and a group's owner delete; members react and pin; to strangers there is no such chat."""
    anna, bert, cleo = people
    dora = (await make_users(store, "Dora"))[0]
    group = await store.create_group(anna.id, "Garden", [bert.id, cleo.id])
    place = await say(store, new_message(bert, "mine", chat_id=group.id))

    def edit(user: User) -> Awaitable[int]:
        return store.edit_message(user.id, group.id, place.seq, text="x", mentions=[], mention_all=False)

    assert await code_of(edit(dora)) == "notMember"
    assert await code_of(store.delete_message(dora.id, group.id, place.seq)) == "notMember"
    assert await code_of(store.react(dora.id, group.id, place.seq, "👍", on=True)) == "notMember"
    assert await code_of(store.pin(dora.id, group.id, place.seq, on=True)) == "notMember"
    assert await code_of(edit(cleo)) == "notAuthor"
    assert await code_of(store.delete_message(cleo.id, group.id, place.seq)) == "notAuthor"
    assert await code_of(edit(anna)) == "notAuthor"
    assert await store.react(cleo.id, group.id, place.seq, "👍", on=True)
    assert await store.pin(cleo.id, group.id, place.seq, on=True)
    assert await store.delete_message(anna.id, group.id, place.seq)
    direct = await store.open_direct(anna.id, bert.id)
    other = await say(store, new_message(bert, "mine", chat_id=direct.id))
    assert await code_of(store.delete_message(anna.id, direct.id, other.seq)) == "notAuthor"


async def test_what_is_no_message_cannot_be_changed(store: Store, people: list[User], group: Chat) -> None:
    """Other events, places past the head and deleted messages: there is no such message."""
    anna, bert, _ = people
    place = await say(store, new_message(anna, "gone", chat_id=group.id))
    deletion = await store.delete_message(anna.id, group.id, place.seq)
    for seq in (0, 1, place.seq, deletion, deletion + 1, limits.TIME_MAX):
        calls = [
            store.edit_message(anna.id, group.id, seq, text="x", mentions=[], mention_all=False),
            store.react(bert.id, group.id, seq, "👍", on=True),
            store.pin(bert.id, group.id, seq, on=True),
            *([store.delete_message(anna.id, group.id, seq)] if seq != place.seq else []),
        ]
        for call in calls:
            assert await code_of(call) == "messageNotFound"
    assert (await store.events(group.id, after_seq=deletion, limit=5)) == ([], False)


async def test_an_edit_must_leave_something_and_mention_members(
    store: Store, backend: Backend, people: list[User], group: Chat
) -> None:
    """No empty text without files, no new mention of a stranger, and nobody rewrites a forwarded text."""
    anna, bert, cleo = people
    add_file(backend, anna, 7)
    plain = await say(store, new_message(anna, "text", chat_id=group.id))
    shown = await say(store, rich(anna, group, "", file_ids=(7,)))
    copied = await say(store, rich(anna, group, "", forward=MessageRef(chat_id=group.id, seq=plain.seq)))

    async def edit(place: Stored, text: str, *mentions: User) -> int:
        ids = [user.id for user in mentions]
        return await store.edit_message(anna.id, group.id, place.seq, text=text, mentions=ids, mention_all=False)

    assert await code_of(edit(plain, "")) == "textEmpty"
    assert await code_of(edit(plain, "cleo", cleo)) == "mentionsInvalid"
    assert await code_of(edit(copied, "never said")) == "notAuthor"
    assert (await look(store, group, plain.seq)).rev == 0
    assert await edit(plain, "bert", bert)
    assert await edit(shown, "with text")
    assert await edit(shown, "")


async def test_doing_it_again_changes_nothing(store: Store, people: list[User], group: Chat) -> None:
    """The same edit, reaction and pin, and taking away what is not there, write no event."""
    anna, bert, _ = people
    place = await say(store, new_message(anna, "text", chat_id=group.id))
    at = (group.id, place.seq)
    assert await store.edit_message(anna.id, *at, text="text", mentions=[], mention_all=False) == 0
    assert await store.react(bert.id, *at, "👍", on=False) == 0
    assert await store.pin(bert.id, *at, on=False) == 0
    for on in (True, False, True):
        assert await store.react(bert.id, *at, "👍", on=on)
        assert await store.react(bert.id, *at, "👍", on=on) == 0
        assert await store.pin(bert.id, *at, on=on)
        assert await store.pin(anna.id, *at, on=on) == 0
    message = await look(store, group, place.seq)
    assert (message.reactions, message.pinned) == ([Reaction(emoji="👍", user_ids=[bert.id])], True)
    chat = await store.chat(anna.id, group.id)
    assert chat is not None
    assert chat.head == place.seq + 6


async def test_reactions_keep_their_order_and_their_bounds(store: Store, people: list[User], group: Chat) -> None:
    """First come first; a 21st emoji and a 501st reaction are refused, and taking one away makes room."""
    anna, bert, _ = people
    place = await say(store, new_message(anna, "text", chat_id=group.id))
    emoji = [chr(0x1F400 + number) for number in range(limits.REACTION_KINDS_MAX + 1)]
    for each in emoji[:-1]:
        await store.react(anna.id, group.id, place.seq, each, on=True)
    await store.react(bert.id, group.id, place.seq, emoji[0], on=True)
    assert await code_of(store.react(bert.id, group.id, place.seq, emoji[-1], on=True)) == "tooManyReactions"
    await store.react(anna.id, group.id, place.seq, emoji[1], on=False)
    await store.react(bert.id, group.id, place.seq, emoji[-1], on=True)
    reactions = (await look(store, group, place.seq)).reactions
    assert [reaction.emoji for reaction in reactions] == [emoji[0], *emoji[2:]]
    assert reactions[0].user_ids == [anna.id, bert.id]


async def test_reactions_of_very_many_members_are_bounded(store: Store) -> None:
    """At most 500 pairs of user and emoji on one message."""
    crowd = await make_users(store, *(f"u{number}" for number in range(26)))
    group = await store.create_group(crowd[0].id, "Crowd", [user.id for user in crowd[1:]])
    place = await say(store, new_message(crowd[0], "text", chat_id=group.id))
    emoji = [chr(0x1F400 + number) for number in range(20)]
    full = [(user, each) for user in crowd[:25] for each in emoji]
    assert len(full) == limits.REACTIONS_MAX
    await asyncio.gather(*(store.react(user.id, group.id, place.seq, each, on=True) for user, each in full))
    assert await code_of(store.react(crowd[25].id, group.id, place.seq, emoji[0], on=True)) == "tooManyReactions"
    await store.react(crowd[0].id, group.id, place.seq, emoji[0], on=False)
    assert await store.react(crowd[25].id, group.id, place.seq, emoji[0], on=True)


async def test_pins_are_listed_newest_first_and_bounded(store: Store, people: list[User], group: Chat) -> None:
    """The 101st is refused until one is unpinned."""
    anna, bert, _ = people
    texts = [new_message(anna, f"text {number}", chat_id=group.id) for number in range(limits.PINS_MAX + 1)]
    places = stored(await store.append(texts))
    await asyncio.gather(*(store.pin(bert.id, group.id, place.seq, on=True) for place in places[1:]))
    assert await code_of(store.pin(anna.id, group.id, places[0].seq, on=True)) == "tooManyPins"
    pinned = await store.pinned_messages(group.id)
    assert [message.seq for message in pinned] == [place.seq for place in reversed(places[1:])]
    assert all(message.pinned for message in pinned)
    await store.pin(anna.id, group.id, places[1].seq, on=False)
    await store.pin(anna.id, group.id, places[0].seq, on=True)
    assert (await store.pinned_messages(group.id))[0].seq == places[0].seq


async def test_changes_and_sends_at_the_same_time_leave_no_holes(store: Store, people: list[User], group: Chat) -> None:
    """Whatever shares a commit: seq runs without holes, time increases, and listeners hear everything in order."""
    anna, bert, _ = people
    commits = Commits(store)
    places = stored(await store.append([new_message(anna, f"t{n}", chat_id=group.id) for n in range(10)]))
    await asyncio.gather(
        *(store.react(bert.id, group.id, place.seq, "👍", on=True) for place in places),
        *(store.append([new_message(bert, f"b{n}", chat_id=group.id)]) for n in range(10)),
        *(store.delete_message(anna.id, group.id, place.seq) for place in places[::2]),
    )
    events, _ = await store.events(group.id, limit=200)
    assert [event.seq for event in events] == list(range(1, 37))
    told = [event for commit in commits.all for chat in commit.chats for event in chat.events]
    assert [event.seq for event in told] == list(range(2, 37))
    latest = {event.message.seq: event.message for event in told if isinstance(event, MessageChanged)}
    assert latest == {place.seq: await look(store, group, place.seq) for place in places}


# --- what is read of messages one by one


async def test_messages_around_a_place(store: Store, people: list[User], group: Chat) -> None:
    """Half before, the rest from the place on, and exact about both ends; changes in between do not count."""
    anna, _, _ = people
    places = stored(await store.append([new_message(anna, f"t{n}", chat_id=group.id) for n in range(9)]))
    await store.delete_message(anna.id, group.id, places[4].seq)
    await say(store, new_message(anna, "last", chat_id=group.id))
    every = [message.seq for message in (await store.messages(group.id, limit=50))[0]]
    for seq in range(14):
        for limit in (1, 2, 3, 8, 50):
            page, before, after = await store.messages_around(group.id, seq, limit)
            earlier = [each for each in every if each < seq]
            later = [each for each in every if each >= seq]
            half = limit // 2
            assert [message.seq for message in page] == earlier[max(0, len(earlier) - half) :] + later[: limit - half]
            assert (before, after) == (len(earlier) > half, len(later) > limit - half)


async def test_who_has_seen_a_message(store: Store, people: list[User]) -> None:
    """Members whose marker is at or past it, but for its author; markers in pages by user."""
    anna, bert, cleo = people
    group = await store.create_group(anna.id, "Garden", [bert.id, cleo.id])
    first, second = stored(await store.append([new_message(anna, text, chat_id=group.id) for text in "ab"]))
    await store.mark_seen(anna.id, group.id, second.seq)
    await store.mark_seen(bert.id, group.id, second.seq)
    await store.mark_seen(cleo.id, group.id, first.seq)
    both = sorted([bert.id, cleo.id])
    assert await store.seen_by(group.id, first.seq, 0, 10) == both
    assert await store.seen_by(group.id, first.seq, 0, 1) == both[:1]
    assert await store.seen_by(group.id, first.seq, both[0], 10) == both[1:]
    assert await store.seen_by(group.id, second.seq, 0, 10) == [bert.id]
    markers = sorted([(anna.id, second.seq), (bert.id, second.seq), (cleo.id, first.seq)])
    assert await store.seen_markers(group.id, 0, 10) == markers
    assert await store.seen_markers(group.id, markers[0][0], 1) == markers[1:2]
    assert await store.message_seqs(group.id, [1, first.seq, second.seq, 99]) == {first.seq, second.seq}
    assert await store.message_seqs(group.id, []) == set()
