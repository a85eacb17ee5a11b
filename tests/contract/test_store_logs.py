"""Logs: every message once, in order, without holes, and pages that say exactly whether there is more."""

import asyncio
import itertools
import os
import random
from dataclasses import replace

import msgspec
import pytest

from chatproto.errors import ChatError
from chatproto.models import ChatCreated, Message, event_id
from chatserver.store.base import Store
from tests.support.store import Backend, Commits, make_users, new_message, refused, stored


async def test_messages_take_consecutive_places(store: Store, backend: Backend) -> None:
    """`seq` is 1..N, `at` strictly increases even when the clock stands still, and a page returns what was sent."""
    anna, bert = await make_users(store, "Anna", "Bert")
    chat = await store.open_direct(anna.id, bert.id)
    sent = [new_message(anna if n % 2 else bert, f"message {n}", chat_id=chat.id) for n in range(5)]
    places = stored(await store.append(sent[:3])) + stored(await store.append(sent[3:]))
    assert [place.seq for place in places] == [1, 2, 3, 4, 5]
    assert [place.at for place in places] == [backend.clock.now + n for n in (1, 2, 3, 4, 5)]
    page, more = await store.messages(chat.id, limit=50)
    assert not more
    assert page == [
        Message(
            id=event_id(chat.id, place.seq),
            seq=place.seq,
            at=place.at,
            sender_id=message.sender_id,
            client_id=message.client_id,
            text=message.text,
        )
        for place, message in zip(places, sent, strict=True)
    ]


async def test_a_clock_set_back_does_not_turn_time_back(store: Store, backend: Backend) -> None:
    """`at` never decreases within a chat, whatever the clock does."""
    anna, bert = await make_users(store, "Anna", "Bert")
    chat = await store.open_direct(anna.id, bert.id)
    [first] = stored(await store.append([new_message(anna, "one", chat_id=chat.id)]))
    backend.clock.advance(-3600)
    [second] = stored(await store.append([new_message(anna, "two", chat_id=chat.id)]))
    backend.clock.advance(7200)
    [third] = stored(await store.append([new_message(anna, "three", chat_id=chat.id)]))
    assert second.at == first.at + 1
    assert third.at == backend.clock.now


async def test_the_same_message_again_returns_its_place(store: Store) -> None:
    """In a later call, in the same call and across calls at the same time: stored once, the same place for all."""
    anna, bert = await make_users(store, "Anna", "Bert")
    chat = await store.open_direct(anna.id, bert.id)
    message = new_message(anna, "once", chat_id=chat.id)
    first, again = stored(await store.append([message, message]))
    assert (first.duplicate, again.duplicate) == (False, True)
    later = stored(await store.append([message]))[0]
    at_once = await asyncio.gather(*(store.append([message]) for _ in range(20)))
    for place in [again, later, *(stored(results)[0] for results in at_once)]:
        assert place == replace(first, duplicate=True)
    fresh = new_message(anna, "twice", chat_id=chat.id)
    both = await asyncio.gather(store.append([fresh]), store.append([fresh]))
    assert sorted(stored(results)[0].duplicate for results in both) == [False, True]
    assert [event.seq for event in (await store.events(chat.id, limit=50))[0]] == [1, 2]


async def test_a_client_id_names_one_message_for_ever(store: Store) -> None:
    """Other text or another chat under a used client id is refused, within one call too; another sender is free."""
    anna, bert, cleo = await make_users(store, "Anna", "Bert", "Cleo")
    chat = await store.open_direct(anna.id, bert.id)
    other = await store.open_direct(anna.id, cleo.id)
    message = new_message(anna, "first", chat_id=chat.id)
    await store.append([message])
    wrong = [
        replace(message, text="changed"),
        replace(message, chat_id=other.id),
        replace(message, chat_id=None, peer_id=cleo.id),
    ]
    assert refused(await store.append(wrong)) == ["clientIdConflict"] * 3
    fresh = new_message(anna, "fresh", chat_id=chat.id)
    results = await store.append([fresh, replace(fresh, text="not fresh")])
    assert stored(results[:1])[0].seq == 2
    assert refused(results[1:]) == ["clientIdConflict"]
    assert not stored(await store.append([replace(message, sender_id=bert.id)]))[0].duplicate
    assert stored(await store.append([replace(message, chat_id=None, peer_id=bert.id)]))[0].duplicate


async def test_a_conflict_opens_no_chat(store: Store) -> None:
    """A refused message leaves nothing behind, not even the direct chat it was meant for."""
    anna, bert, cleo = await make_users(store, "Anna", "Bert", "Cleo")
    message = new_message(anna, "hello", peer=bert)
    await store.append([message])
    assert refused(await store.append([replace(message, peer_id=cleo.id)])) == ["clientIdConflict"]
    assert await store.chat_ids(cleo.id) == []


async def test_a_final_refusal_concerns_one_message(store: Store) -> None:
    """A message to a foreign or missing chat, or to nobody, is refused; those around it are stored in order."""
    anna, bert, cleo, dora = await make_users(store, "Anna", "Bert", "Cleo", "Dora")
    chat = await store.open_direct(anna.id, bert.id)
    foreign = await store.open_direct(cleo.id, dora.id)
    nobody = msgspec.structs.replace(anna, id=anna.id ^ 1)
    results = await store.append(
        [
            new_message(anna, "one", chat_id=chat.id),
            new_message(anna, "not mine", chat_id=foreign.id),
            new_message(anna, "nowhere", chat_id=chat.id ^ 1),
            new_message(anna, "to nobody", peer=nobody),
            new_message(nobody, "from nobody", peer=anna),
            new_message(anna, "two", chat_id=chat.id),
        ]
    )
    assert refused(results[1:5]) == ["notMember", "notMember", "userNotFound", "userNotFound"]
    assert [place.seq for place in stored([results[0], results[5]])] == [1, 2]
    assert await store.events(foreign.id, limit=50) == ([], False)
    assert await store.chat_ids(anna.id) == [chat.id]


async def test_a_message_to_a_person_opens_the_direct_chat_once(store: Store) -> None:
    """Both people writing to each other first, many times at once, end up in one chat; each is told of it once."""
    anna, bert = await make_users(store, "Anna", "Bert")
    commits = Commits(store)
    results = await asyncio.gather(
        *(store.append([new_message(anna, f"a{n}", peer=bert)]) for n in range(10)),
        *(store.append([new_message(bert, f"b{n}", peer=anna)]) for n in range(10)),
    )
    places = [stored(result)[0] for result in results]
    assert len({place.chat_id for place in places}) == 1
    assert sorted(place.seq for place in places) == list(range(1, 21))
    await commits.until(lambda all_: sum(len(chat.events) for commit in all_ for chat in commit.chats) == 20)
    joined = [joined for commit in commits.all for joined in commit.joined]
    assert sorted(entry.user_id for entry in joined) == sorted([anna.id, bert.id])
    assert {entry.chat.peer_id for entry in joined} == {anna.id, bert.id}
    assert await store.chat_ids(anna.id) == await store.chat_ids(bert.id) == [places[0].chat_id]


async def test_a_direct_chat_with_oneself(store: Store) -> None:
    """Notes to oneself are a direct chat with one member."""
    [anna] = await make_users(store, "Anna")
    [place] = stored(await store.append([new_message(anna, "note", peer=anna)]))
    chat = await store.chat(anna.id, place.chat_id)
    assert chat is not None
    assert (chat.peer_id, chat.member_count, chat.unread) == (anna.id, 1, 0)


async def test_many_callers_at_once(store: Store) -> None:
    """50 callers in 5 shared chats: no hole, no duplicate, each caller's own order kept, commits told in order."""
    people = await make_users(store, *(f"User{n}" for n in range(50)))
    groups = [await store.create_group(people[0].id, f"g{n}", [person.id for person in people]) for n in range(5)]
    commits = Commits(store)

    async def talk(index: int) -> None:
        group = groups[index % 5].id
        for n in range(6):
            texts = [f"{index}:{n}:{k}" for k in range(random.randint(1, 4))]
            await store.append([new_message(people[index], text, chat_id=group) for text in texts])

    await asyncio.gather(*(talk(index) for index in range(50)))
    for group in groups:
        events, more = await store.events(group.id, limit=1_000)
        assert not more
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert all(before.at < after.at for before, after in itertools.pairwise(events))
        by_sender: dict[int, list[tuple[int, ...]]] = {}
        for event in events[1:]:
            assert isinstance(event, Message)
            by_sender.setdefault(event.sender_id, []).append(tuple(map(int, event.text.split(":"))))
        assert len(by_sender) == 10
        assert all(texts == sorted(texts) for texts in by_sender.values())
        told = [
            event
            for commit in commits.all
            for part in commit.chats
            if part.chat_id == group.id
            for event in part.events
        ]
        assert told == events[1:]


async def test_pages_say_exactly_whether_there_is_more(store: Store) -> None:
    """Every bound and direction of a log of ten, against the list itself."""
    anna, bert = await make_users(store, "Anna", "Bert")
    chat = await store.create_group(anna.id, "Ten", [bert.id])
    await store.append([new_message(anna, f"m{n}", chat_id=chat.id) for n in range(9)])
    whole, _ = await store.events(chat.id, limit=100)
    assert isinstance(whole[0], ChatCreated)
    messages = whole[1:]
    for limit in (1, 3, 9, 10, 11):
        assert await store.events(chat.id, limit=limit) == (whole[-limit:], limit < 10)
        for bound in range(12):
            before = [event for event in whole if event.seq < bound]
            after = [event for event in whole if event.seq > bound]
            assert await store.events(chat.id, before_seq=bound, limit=limit) == (before[-limit:], len(before) > limit)
            assert await store.events(chat.id, after_seq=bound, limit=limit) == (after[:limit], len(after) > limit)
            before = [event for event in messages if event.seq < bound]
            after = [event for event in messages if event.seq > bound]
            assert await store.messages(chat.id, before_seq=bound, limit=limit) == (
                before[-limit:],
                len(before) > limit,
            )
            assert await store.messages(chat.id, after_seq=bound, limit=limit) == (after[:limit], len(after) > limit)
        for event in whole:
            earlier = [other for other in messages if other.at < event.at]
            expected = (earlier[-limit:], len(earlier) > limit)
            assert await store.messages(chat.id, before_at=event.at, limit=limit) == expected


async def test_text_comes_back_unchanged(store: Store) -> None:
    """Whatever Unicode a message may hold is stored as it is, up to the longest text."""
    anna, bert = await make_users(store, "Anna", "Bert")
    chat = await store.open_direct(anna.id, bert.id)
    texts = [
        "'; DROP TABLE events; --",
        '{"json": [1]}',
        "line\nbreak\ttab",
        "👩‍👩‍👧 \u202e \u2028 é",
        "x" * 16_384,
        "$1 ?1 %s",
    ]
    await store.append([new_message(anna, text, chat_id=chat.id) for text in texts])
    page, _ = await store.messages(chat.id, limit=50)
    assert [message.text for message in page] == texts


async def test_a_caller_that_gives_up_harms_nobody(store: Store) -> None:
    """Cancelled callers' messages are stored once or not at all; everybody else's are stored, without holes."""
    anna, bert = await make_users(store, "Anna", "Bert")
    chat = await store.open_direct(anna.id, bert.id)
    for turn in range(20):
        tasks = [
            asyncio.create_task(store.append([new_message(anna, f"{turn}:{n}", chat_id=chat.id)])) for n in range(10)
        ]
        first = asyncio.create_task(store.append([new_message(bert, f"{turn}:first", chat_id=chat.id)]))
        if turn % 2:
            await first
        for task in tasks[::2]:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(result, list) for result in results[1::2])
        await first
    events, _ = await store.events(chat.id, limit=1_000)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    texts = [event.text for event in events if isinstance(event, Message)]
    assert len(texts) == len(set(texts))
    assert {f"{turn}:{n}" for turn in range(20) for n in range(1, 10, 2)} <= set(texts)


async def test_those_behind_a_crowd_that_gave_up_are_served(store: Store) -> None:
    """A whole batch of cancelled callers keeps nobody waiting behind it."""
    anna, bert = await make_users(store, "Anna", "Bert")
    chat = await store.open_direct(anna.id, bert.id)
    crowd = [asyncio.create_task(store.append([new_message(anna, "x", chat_id=chat.id)])) for _ in range(3_000)]
    last = asyncio.create_task(store.append([new_message(bert, "last", chat_id=chat.id)]))

    async def give_up() -> None:
        for task in crowd:
            task.cancel()

    await asyncio.create_task(give_up())  # runs when all of them wait and before the first is served
    async with asyncio.timeout(10):
        assert stored(await last)[0].seq == 1
    await asyncio.gather(*crowd, return_exceptions=True)


async def test_text_that_is_no_unicode_fails_alone(store: Store) -> None:
    """A caller's mistake that no check caught does not reach the others' transaction."""
    anna, bert = await make_users(store, "Anna", "Bert")
    chat = await store.open_direct(anna.id, bert.id)
    good, bad = await asyncio.gather(
        store.append([new_message(anna, "good", chat_id=chat.id)]),
        store.append([new_message(anna, "\ud800", chat_id=chat.id)]),
        return_exceptions=True,
    )
    assert isinstance(bad, UnicodeEncodeError)
    assert isinstance(good, list)
    assert stored(good)[0].seq == 1


async def test_no_messages_is_no_commit(store: Store) -> None:
    """An empty list is answered without touching the disk."""
    commits = Commits(store)
    assert await store.append([]) == []
    assert commits.all == []


async def test_too_much_waiting_is_refused_for_now(store: Store) -> None:
    """The queue is bounded: what does not fit raises `overloaded` with a time to wait, the rest is stored."""
    anna, bert = await make_users(store, "Anna", "Bert")
    chat = await store.open_direct(anna.id, bert.id)
    text = "x" * 16_384
    calls = [store.append([new_message(anna, text, chat_id=chat.id) for _ in range(100)]) for _ in range(30)]
    results = await asyncio.gather(*calls, return_exceptions=True)
    refusals = [result for result in results if isinstance(result, ChatError)]
    assert refusals
    assert all(error.code == "overloaded" and error.retry_after for error in refusals)
    kept = (len(results) - len(refusals)) * 100
    assert kept > 0
    head = await store.chat(anna.id, chat.id)
    assert head is not None
    assert head.head == kept


@pytest.mark.parametrize("count", [1, 2, 3, 700, 2_500])
async def test_any_number_of_messages_in_one_call(store: Store, count: int) -> None:
    """One call of any size is one order; repeating it whole finds every place again."""
    anna, bert = await make_users(store, "Anna", "Bert")
    chat = await store.open_direct(anna.id, bert.id)
    messages = [replace(new_message(anna, "x", chat_id=chat.id), client_id=os.urandom(16)) for _ in range(count)]
    places = stored(await store.append(messages))
    assert [place.seq for place in places] == list(range(1, count + 1))
    assert stored(await store.append(messages)) == [replace(place, duplicate=True) for place in places]
