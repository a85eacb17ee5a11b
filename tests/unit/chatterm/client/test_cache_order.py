"""Whatever order deliveries take, and however often they are repeated, the cache ends as one fresh fetch would be."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from chatproto.models import Chat, ChatCreated, ChatHead, LogEvent, Message, User
from chatterm.client.cache import Cache
from chatterm.client.model import EntryRef
from tests.unit.chatterm.client.samples import EPOCH, ME, message

CHATS = {10: 2, 11: 3, 20: None, 21: None}
"""Chat id -> the other person of a direct chat, None for a group."""
PEOPLE = (2, 3, 4)

Delivery = Callable[[Cache], object]


@dataclass
class World:
    """What a server holds: users with revs, logs, the owner's seen markers and the owner's log."""

    users: dict[int, User] = field(default_factory=dict)
    rev: int = 1
    logs: dict[int, list[LogEvent]] = field(default_factory=lambda: {chat_id: [] for chat_id in CHATS})
    seen: dict[int, int] = field(default_factory=lambda: dict.fromkeys(CHATS, 0))
    useq: int = 0

    def rename(self, user_id: int, name: str) -> None:
        self.rev += 1
        self.users[user_id] = User(id=user_id, email=f"p{user_id}@example.org", display_name=name, rev=self.rev)

    def post(self, chat_id: int, sender_id: int, count: int) -> None:
        log = self.logs[chat_id]
        for seq in range(len(log) + 1, len(log) + count + 1):
            if seq == 1 and CHATS[chat_id] is None:
                log.append(ChatCreated(id="first", seq=1, at=1_000_010, sender_id=sender_id, title="G"))
            else:
                log.append(message(chat_id, seq, sender_id))

    def see(self, chat_id: int, share: float) -> None:
        seq = int(len(self.logs[chat_id]) * share)
        if seq > self.seen[chat_id]:
            self.seen[chat_id] = seq
            self.useq += 1

    def unread(self, chat_id: int) -> int:
        rest = self.logs[chat_id][self.seen[chat_id] :]
        return sum(isinstance(event, Message) and event.sender_id != ME.id for event in rest)

    def chat(self, chat_id: int) -> Chat:
        head = self.head(chat_id)
        return Chat(
            id=chat_id,
            kind="group" if CHATS[chat_id] is None else "direct",
            title=f"Group {chat_id}" if CHATS[chat_id] is None else "",
            peer_id=CHATS[chat_id],
            member_count=3,
            head=head.head,
            head_at=head.head_at,
            seen=head.seen,
            unread=head.unread,
        )

    def head(self, chat_id: int) -> ChatHead:
        log = self.logs[chat_id]
        at = log[-1].at if log else 1_000_000
        return ChatHead(
            chat_id=chat_id, head=len(log), head_at=at, seen=self.seen[chat_id], unread=self.unread(chat_id)
        )


def everything(world: World) -> list[Delivery]:
    """One fresh fetch of all there is."""
    users = sorted([ME, *world.users.values()], key=lambda user: user.rev)
    chats = [world.chat(chat_id) for chat_id in CHATS]
    logs = [(chat_id, list(log)) for chat_id, log in world.logs.items()]
    return [
        lambda cache: cache.store_users(users),
        lambda cache: cache.store_chats(chats, world.useq),
        *(_events(chat_id, log) for chat_id, log in logs),
    ]


def _events(chat_id: int, events: list[LogEvent]) -> Delivery:
    return lambda cache: cache.store_events(chat_id, events)


def a_delivery(world: World, rng: Random) -> Delivery:
    """Something the server could send right now."""
    chat_id = rng.choice(list(CHATS))
    log, head, chat, useq = world.logs[chat_id], world.head(chat_id), world.chat(chat_id), world.useq
    first = rng.randrange(len(log) + 1)
    some = log[first : first + rng.randrange(1, 6)]
    users = rng.sample(list(world.users.values()), rng.randrange(len(world.users) + 1))
    bare = ChatHead(chat_id=chat_id, head=head.head, head_at=head.head_at)
    choices: list[Delivery] = [
        lambda cache: cache.store_users(users, page=False),
        lambda cache: cache.store_chats([chat]),
        lambda cache: cache.store_heads([head], useq),
        lambda cache: cache.store_heads([bare], None),
        lambda cache: cache.store_seen(chat_id, head.seen, useq),
        lambda cache: cache.store_events(chat_id, some),
        lambda cache: cache.store_events(chat_id, some),
        lambda cache: cache.store_events(chat_id, log[-1:]),
    ]
    return rng.choice(choices)


def history(rng: Random) -> tuple[World, list[Delivery]]:
    """A world that grew step by step, and what was sent meanwhile."""
    world = World()
    sent: list[Delivery] = []
    for user_id in PEOPLE:
        world.rename(user_id, f"Name {user_id}")
    for _ in range(rng.randrange(30)):
        chat_id = rng.choice(list(CHATS))
        match rng.randrange(5):
            case 0:
                world.rename(rng.choice(PEOPLE), rng.choice(["Éva", "eva", "Zoe", "zoe", "Name 2"]))
            case 1:
                world.see(chat_id, rng.random())
            case _:
                world.post(chat_id, rng.choice([ME.id, *PEOPLE]), rng.randrange(1, 8))
        sent += [a_delivery(world, rng) for _ in range(rng.randrange(3))]
    return world, sent


@contextmanager
def fresh_cache() -> Iterator[Cache]:
    with tempfile.TemporaryDirectory() as folder:
        cache = Cache.open(Path(folder) / "cache.db")
        cache._connection.execute("PRAGMA synchronous = OFF")  # the order of writes is under test, not the disk
        cache.adopt(EPOCH, ME)
        yield cache
        cache.close()


def contents(cache: Cache) -> dict[str, Any]:
    """All that a reader can see."""
    return {
        "entries": cache.entries(limit=1_000),
        "count": cache.entry_count(),
        "users": [cache.user(user_id) for user_id in (ME.id, *PEOPLE)],
        "chats": [cache.chat(chat_id) for chat_id in CHATS],
        "direct": [cache.direct_chat(user_id) for user_id in PEOPLE],
        "events": [cache.events(chat_id, 1, cache.head(chat_id)) for chat_id in CHATS],
        "heads": [cache.head(chat_id) for chat_id in CHATS],
        "seen": [cache.seen(chat_id) for chat_id in CHATS],
        "pending": cache.pending_seen(),
        "behind": cache.chats_behind(),
        "unknown": cache.unknown_chats(),
        "cursors": cache.cursors(100),
        "useq": cache.useq(),
        "users_rev": cache.users_rev(),
    }


def check_list(cache: Cache) -> None:
    """The client list is in order, complete, and says the same as the rows it is made of."""
    entries = cache.entries(limit=1_000)
    assert entries == sorted(entries, key=lambda entry: (-entry.activity, entry.sort_name, entry.ref))
    assert cache.entry_count() == len(entries) == len({entry.ref for entry in entries})
    expected = set()
    for user_id in PEOPLE:
        if cache.user(user_id) is not None and cache.direct_chat(user_id) is None:
            expected.add(EntryRef("user", user_id))
    for chat_id in CHATS:
        chat = cache.chat(chat_id)
        if chat is not None:
            expected.add(EntryRef("chat", chat_id))
            entry = cache.entry(EntryRef("chat", chat_id))
            assert entry is not None
            assert (entry.activity, entry.unread, entry.peer_id) == (chat.head_at, chat.unread, chat.peer_id)
    assert {entry.ref for entry in entries} == expected


@given(st.randoms(use_true_random=False))
@settings(max_examples=150)
def test_any_interleaving_equals_one_fresh_fetch(rng: Random) -> None:
    """Cached client + deliveries in any order, repeated and overlapping == fresh client == the server's truth."""
    world, sent = history(rng)
    mixed = [*sent, *everything(world)]
    mixed += rng.sample(mixed, min(len(mixed), 5))
    rng.shuffle(mixed)
    with fresh_cache() as cache, fresh_cache() as fresh:
        for deliver in mixed:
            deliver(cache)
        for deliver in everything(world):
            deliver(fresh)
        assert contents(cache) == contents(fresh)
        check_list(cache)
        for chat_id in CHATS:
            assert cache.chat(chat_id) == world.chat(chat_id)
            assert cache.events(chat_id, 1, 1_000) == world.logs[chat_id]


@given(st.randoms(use_true_random=False))
@settings(max_examples=100)
def test_order_does_not_matter_with_holes_either(rng: Random) -> None:
    """While much is still missing, two clients that were told the same things show the same."""
    _, sent = history(rng)
    shuffled = [*sent, *rng.sample(sent, len(sent) // 3)]
    rng.shuffle(shuffled)
    with fresh_cache() as one, fresh_cache() as other:
        for deliver in sent:
            deliver(one)
            check_list(one)
        for deliver in shuffled:
            deliver(other)
        assert contents(one) == contents(other)


@given(st.randoms(use_true_random=False))
@settings(max_examples=100)
def test_a_welcome_mends_what_was_missed(rng: Random) -> None:
    """However much of the stream was lost: after the heads that a server gives for these cursors, the list is right."""
    world, sent = history(rng)
    with fresh_cache() as cache:
        for deliver in sent:
            deliver(cache)
        known = dict(cache.cursors(100))
        behind = [world.head(chat_id) for chat_id in CHATS if known.get(chat_id) != len(world.logs[chat_id])]
        moved = [world.head(chat_id) for chat_id in CHATS if world.seen[chat_id] != cache.seen(chat_id)]
        cache.store_heads([*behind, *moved], world.useq)
        cache.store_chats([world.chat(chat_id) for chat_id in cache.unknown_chats()])
        for chat_id in CHATS:
            chat = cache.chat(chat_id)
            assert chat is not None or chat_id not in known
            if chat is not None:
                assert (chat.head, chat.seen, chat.unread) == (
                    len(world.logs[chat_id]),
                    world.seen[chat_id],
                    world.unread(chat_id),
                )


@given(
    st.sets(st.integers(1, 60), max_size=60),
    st.integers(-5, 70),
    st.integers(-5, 70),
)
def test_holes_and_events_divide_a_range(cached: set[int], first: int, last: int) -> None:
    """Every seq of a range is either cached or in exactly one hole, and holes never touch."""
    with fresh_cache() as cache:
        cache.store_events(10, [message(10, seq) for seq in cached])
        holes = cache.holes(10, first, last)
        missing = [seq for low, high in holes for seq in range(low, high + 1)]
        present = [event.seq for event in cache.events(10, first, last)]
        assert sorted(missing + present) == list(range(first, last + 1))
        assert all(later[0] > earlier[1] + 1 for earlier, later in pairwise(holes))
