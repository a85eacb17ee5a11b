"""Whatever order deliveries take, and however often they are repeated, the cache ends as one fresh fetch would be."""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from chatproto.frames import ChatSettings
from chatproto.models import (
    Change,
    Chat,
    ChatChanged,
    ChatCreated,
    ChatHead,
    Floor,
    LogEvent,
    MembersChanged,
    Message,
    MessageChanged,
    Reaction,
    User,
    event_id,
    removed_message,
)
from chatterm.client.cache import Cache
from chatterm.client.model import EntryRef, Section
from tests.unit.chatterm.client.samples import EPOCH, ME, message

CHATS = {10: 2, 11: 3, 20: None, 21: None}
"""Chat id -> the other person of a direct chat, None for a group."""
PEOPLE = (2, 3, 4)

Delivery = Callable[[Cache], object]


@dataclass
class World:
    """What a server holds: users with revs, logs, and what is the owner's own: markers, settings and their log.

    Of a group that the owner was removed from, nothing changes until they are added again.
    """

    users: dict[int, User] = field(default_factory=dict)
    rev: int = 1
    logs: dict[int, list[LogEvent]] = field(default_factory=lambda: {chat_id: [] for chat_id in CHATS})
    seen: dict[int, int] = field(default_factory=lambda: dict.fromkeys(CHATS, 0))
    shape: dict[int, Chat] = field(
        default_factory=lambda: {
            chat_id: Chat(id=chat_id, kind="group" if peer_id is None else "direct", peer_id=peer_id, member_count=3)
            for chat_id, peer_id in CHATS.items()
        }
    )
    left: set[int] = field(default_factory=set)
    useq: int = 0
    floors: dict[int, int] = field(default_factory=lambda: dict.fromkeys(CHATS, 0))

    # --- what happens

    def rename(self, user_id: int, name: str) -> None:
        self.rev += 1
        self.users[user_id] = User(
            id=user_id, email=f"p{user_id}@example.org", display_name=name, rev=self.rev, status=f"is {name}"
        )

    def post(self, chat_id: int, sender_id: int, count: int, rng: Random) -> None:
        log = self.logs[chat_id]
        for seq in range(len(log) + 1, len(log) + count + 1):
            if seq == 1 and CHATS[chat_id] is None:
                log.append(ChatCreated(id="first", seq=1, at=1_000_010, sender_id=sender_id, title="G"))
            else:
                mentions = [ME.id, 4] if rng.randrange(4) == 0 else []
                log.append(replace(message(chat_id, seq, sender_id), mentions=mentions))

    def change(self, chat_id: int, rng: Random) -> None:
        """Edit, delete, react to or pin some message."""
        log = self.logs[chat_id]
        there = [event for event in log[self.floors[chat_id] :] if isinstance(event, Message) and not event.deleted]
        if not there:
            return
        before, rev = rng.choice(there), len(log) + 1
        change: Change = rng.choice(["edited", "deleted", "reacted", "pinned"])
        if change == "deleted":
            kept = {name: getattr(before, name) for name in ("id", "seq", "at", "sender_id", "client_id")}
            after = Message(**kept, text="", deleted=True, rev=rev)
        elif change == "edited":
            mentions = rng.choice([[], [ME.id]])
            after = replace(before, text=f"edited at {rev}", edited_at=rev, mentions=mentions, rev=rev)
        elif change == "reacted":
            after = replace(before, reactions=[Reaction(emoji="👍", user_ids=[rev])], rev=rev)
        else:
            after = replace(before, pinned=True, rev=rev)
        log[before.seq - 1] = after
        log.append(
            MessageChanged(
                id=event_id(chat_id, rev), seq=rev, at=1_000_000 + rev * 10, sender_id=2, change=change, message=after
            )
        )

    def reshape(self, chat_id: int, rng: Random) -> None:
        """Give a group another title, topic or owner, or other members."""
        if CHATS[chat_id] is not None or not self.logs[chat_id]:
            return
        shape, seq = self.shape[chat_id], len(self.logs[chat_id]) + 1
        place: dict[str, Any] = {
            "id": event_id(chat_id, seq),
            "seq": seq,
            "at": 1_000_000 + seq * 10,
            "sender_id": 2,
        }
        event: LogEvent
        match rng.randrange(3):
            case 0:
                event = ChatChanged(**place, title=f"Title {seq}")
                shape = replace(shape, title=f"Title {seq}")
            case 1:
                event = ChatChanged(**place, topic=f"Topic {seq}")
                shape = replace(shape, topic=f"Topic {seq}")
            case _:
                event = MembersChanged(**place, added=[7, 8], removed=[9], owner_id=rng.choice([None, 2, 3]))
                shape = replace(shape, member_count=shape.member_count + 1, owner_id=event.owner_id or shape.owner_id)
        self.logs[chat_id].append(event)
        self.shape[chat_id] = shape

    def belong(self, chat_id: int) -> Delivery | None:
        """Remove the owner from a group, or add them again; the frame that says so."""
        if CHATS[chat_id] is not None or not self.logs[chat_id]:
            return None
        back, seq = chat_id in self.left, len(self.logs[chat_id]) + 1
        self.useq += 1
        useq = self.useq
        self.logs[chat_id].append(
            MembersChanged(
                id=event_id(chat_id, seq),
                seq=seq,
                at=1_000_000 + seq * 10,
                sender_id=2,
                added=[ME.id] if back else [],
                removed=[] if back else [ME.id],
            )
        )
        shape = self.shape[chat_id]
        self.shape[chat_id] = replace(shape, member_count=shape.member_count + (1 if back else -1))
        self.left ^= {chat_id}
        if not back:
            return lambda cache: cache.store_left([chat_id], useq)
        chat = self.chat(chat_id)
        return lambda cache: cache.store_chats([chat], useq)

    def choose(self, chat_id: int, rng: Random) -> Delivery:
        """Change a setting; the frame that says so."""
        self.useq += 1
        chosen: dict[str, Any] = {
            "pinned": rng.random() < 0.5,
            "muted_until": rng.randrange(3),
            "archived": rng.random() < 0.5,
        }
        self.shape[chat_id] = replace(self.shape[chat_id], **chosen)
        frame = ChatSettings(chat_id=chat_id, useq=self.useq, **chosen)
        return lambda cache: cache.store_settings(chat_id, frame)

    def see(self, chat_id: int, share: float) -> None:
        seq = int(len(self.logs[chat_id]) * share)
        if seq > self.seen[chat_id]:
            self.seen[chat_id] = seq
            self.useq += 1

    def remove(self, chat_id: int, share: float) -> Delivery:
        """Lose the oldest part of a log; the frame that says so."""
        floor = self.floors[chat_id] = max(self.floors[chat_id], int(len(self.logs[chat_id]) * share))

        def deliver(cache: Cache) -> None:
            cache.store_floors([Floor(chat_id=chat_id, floor=floor, days=30.0)])
            while cache.purge(chat_id):
                pass

        return deliver

    # --- what it says

    def unread(self, chat_id: int) -> int:
        return len(self._unread(chat_id))

    def mentions(self, chat_id: int) -> int:
        return sum(ME.id in message.mentions for message in self._unread(chat_id))

    def _unread(self, chat_id: int) -> list[Message]:
        first = max(self.seen[chat_id], self.floors[chat_id])
        rest = [] if chat_id in self.left else self.logs[chat_id][first:]
        return [
            event for event in rest if isinstance(event, Message) and event.sender_id != ME.id and not event.deleted
        ]

    def chat(self, chat_id: int) -> Chat:
        head = self.head(chat_id)
        own = {
            name: getattr(head, name)
            for name in ("head", "head_at", "seen", "unread", "mentions", "floor", "floor_days")
        }
        return replace(self.shape[chat_id], **own)

    def head(self, chat_id: int) -> ChatHead:
        log, shape = self.logs[chat_id], self.shape[chat_id]
        at = log[-1].at if log else 1_000_000
        return ChatHead(
            chat_id=chat_id,
            head=len(log),
            head_at=at,
            seen=self.seen[chat_id],
            unread=self.unread(chat_id),
            mentions=self.mentions(chat_id),
            pinned=shape.pinned,
            muted_until=shape.muted_until,
            archived=shape.archived,
            floor=self.floors[chat_id],
            floor_days=30.0 if self.floors[chat_id] else 0.0,
        )

    def log(self, chat_id: int) -> list[LogEvent]:
        """The log as the server gives it now: changes carry their message as it is by now, if it still is."""
        return [
            replace(event, message=self._target(chat_id, event)) if isinstance(event, MessageChanged) else event
            for event in self.logs[chat_id][self.floors[chat_id] :]
        ]

    def _target(self, chat_id: int, event: MessageChanged) -> Message:
        seq = event.message.seq
        if seq <= self.floors[chat_id]:
            return removed_message(chat_id, seq, sender_id=event.sender_id, at=event.at, rev=event.seq)
        message = self.logs[chat_id][seq - 1]
        assert isinstance(message, Message)
        return message


def everything(world: World) -> list[Delivery]:
    """One fresh fetch of all there is; of groups that were left, what was there until then."""
    users = sorted([ME, *world.users.values()], key=lambda user: user.rev)
    chats = [world.chat(chat_id) for chat_id in CHATS if chat_id not in world.left]
    gone = [world.chat(chat_id) for chat_id in world.left]
    logs = [(chat_id, world.log(chat_id)) for chat_id in CHATS]
    return [
        lambda cache: cache.store_users(users),
        lambda cache: cache.store_chats(chats, world.useq),
        lambda cache: cache.store_chats(gone, known_useq=world.useq),
        lambda cache: cache.store_left(world.left, world.useq),
        *(_events(chat_id, log) for chat_id, log in logs),
    ]


def _events(chat_id: int, events: list[LogEvent]) -> Delivery:
    return lambda cache: cache.store_events(chat_id, events)


def a_delivery(world: World, rng: Random) -> Delivery:
    """Something the server could send right now."""
    chat_id = rng.choice(list(CHATS))
    if chat_id in world.left:
        left, useq = set(world.left), world.useq
        return lambda cache: cache.store_left(left, useq)
    log, head, chat, useq = world.log(chat_id), world.head(chat_id), world.chat(chat_id), world.useq
    first = rng.randrange(len(log) + 1)
    some = log[first : first + rng.randrange(1, 6)]
    users = rng.sample(list(world.users.values()), rng.randrange(len(world.users) + 1))
    bare = ChatHead(chat_id=chat_id, head=head.head, head_at=head.head_at)
    choices: list[Delivery] = [
        lambda cache: cache.store_users(users, page=False),
        lambda cache: cache.store_chats([chat], known_useq=useq),
        lambda cache: cache.store_heads([head], useq),
        lambda cache: cache.store_heads([bare], None),
        lambda cache: cache.store_seen(chat_id, head.seen, useq),
        lambda cache: cache.store_events(chat_id, some),
        lambda cache: cache.store_events(chat_id, some),
        lambda cache: cache.store_events(chat_id, log[-1:]),
        lambda cache: cache.store_events(chat_id, log[-1:]),
    ]
    return rng.choice(choices)


def happen(world: World, chat_id: int, rng: Random) -> Delivery | None:
    """Let something happen; what is told of it, if it is told by a frame of its own."""
    match rng.randrange(11):
        case 0:
            world.rename(rng.choice(PEOPLE), rng.choice(["Éva", "eva", "Zoe", "zoe", "Name 2"]))
        case 1:
            return world.belong(chat_id)
        case _ if chat_id in world.left:
            return None
        case 2 | 3:
            world.see(chat_id, rng.random())
        case 4:
            return world.choose(chat_id, rng)
        case 5:
            world.reshape(chat_id, rng)
        case 6 | 7:
            world.change(chat_id, rng)
        case 8:
            return world.remove(chat_id, rng.random())
        case _:
            world.post(chat_id, rng.choice([ME.id, *PEOPLE]), rng.randrange(1, 8), rng)
    return None


def history(rng: Random) -> tuple[World, list[Delivery]]:
    """A world that grew step by step, and what was sent meanwhile."""
    world = World()
    sent: list[Delivery] = []
    for user_id in PEOPLE:
        world.rename(user_id, f"Name {user_id}")
    for _ in range(rng.randrange(30)):
        chat_id = rng.choice(list(CHATS))
        told = happen(world, chat_id, rng)
        sent += [told] if told is not None and rng.random() < 0.7 else []
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
    assert entries == sorted(entries, key=lambda entry: entry.place)
    sections = Counter(entry.section for entry in entries)
    assert cache.section_counts() == tuple(sections[section] for section in Section)
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
            assert (entry.mentions, entry.has_left) == (chat.mentions, cache.has_left(chat_id))
    assert {entry.ref for entry in entries} == expected


@given(st.randoms(use_true_random=False))
@settings(max_examples=80)
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
            assert cache.has_left(chat_id) == (chat_id in world.left)
            assert cache.events(chat_id, 1, 1_000) == world.log(chat_id)


@given(st.randoms(use_true_random=False))
@settings(max_examples=60)
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
        for chat_id in {*one.stale_chats(), *other.stale_chats()}:  # the server is to be asked what was not here
            for cache in (one, other):
                cache._connection.execute("UPDATE chats SET member_count = 0 WHERE id = ?", (chat_id,))
        assert contents(one) == contents(other)


@given(st.randoms(use_true_random=False))
@settings(max_examples=60)
def test_a_welcome_mends_what_was_missed(rng: Random) -> None:
    """However much of the stream was lost: after the heads that a server gives for these cursors, the list is right."""
    world, sent = history(rng)
    with fresh_cache() as cache:
        for deliver in sent:
            deliver(cache)
        known = dict(cache.cursors(100))
        mine = [chat_id for chat_id in CHATS if chat_id not in world.left]
        behind = [world.head(chat_id) for chat_id in mine if known.get(chat_id) != len(world.logs[chat_id])]
        moved = [world.head(chat_id) for chat_id in mine if world.seen[chat_id] != cache.seen(chat_id)]
        cache.store_heads([*behind, *moved], world.useq)
        cache.store_left(world.left, world.useq)
        floors = [Floor(chat_id=chat_id, floor=world.floors[chat_id], days=30.0) for chat_id in mine]
        cache.store_floors([told for told in floors if told.floor], 1)
        asked_for = [*cache.unknown_chats(), *cache.stale_chats()]
        cache.store_chats([world.chat(chat_id) for chat_id in asked_for])
        for chat_id in mine:
            assert not cache.has_left(chat_id)
            chat = cache.chat(chat_id)
            assert chat is not None or chat_id not in known
            if chat is not None:
                assert (chat.head, chat.seen, chat.unread, chat.mentions) == (
                    len(world.logs[chat_id]),
                    world.seen[chat_id],
                    world.unread(chat_id),
                    world.mentions(chat_id),
                )
        assert not [chat_id for chat_id, _ in cache.cursors(100) if chat_id in world.left]


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
