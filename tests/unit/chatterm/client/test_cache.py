"""The cache: what is stored is read back, the client list keeps its order, unread counts come from the log."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chatproto.models import ChatCreated, ChatHead, LogEvent, Message, User
from chatterm.client.cache import Cache
from chatterm.client.model import Entry, EntryRef
from tests.unit.chatterm.client.samples import BELA, CSILLA, EPOCH, ME, direct, group, message, messages


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    opened = Cache.open(tmp_path / "account" / "cache.db")
    opened.adopt(EPOCH, ME)
    yield opened
    opened.close()


def unread(cache: Cache, chat_id: int) -> int:
    entry = cache.entry(EntryRef("chat", chat_id))
    chat = cache.chat(chat_id)
    assert entry is not None
    assert chat is not None
    assert chat.unread == entry.unread
    return entry.unread


def names(cache: Cache) -> list[str]:
    return [entry.name for entry in cache.entries()]


# --- users and chats


def test_users_are_found_by_id_email_and_name(cache: Cache) -> None:
    """Case does not matter to people, and a newer rev replaces an older one, never the other way round."""
    cache.store_users([BELA, CSILLA])
    assert cache.user(2) == BELA
    assert cache.user_by_email(" BELA@Example.org ") == BELA
    assert cache.users_by_name("BÉLA") == [BELA]
    assert cache.users([CSILLA.id, BELA.id, 77]) == {BELA.id: BELA, CSILLA.id: CSILLA}
    assert cache.users([]) == {}
    renamed = User(id=2, email="b@example.org", display_name="Béla Bartók", rev=9)
    cache.store_users([renamed])
    cache.store_users([BELA])
    assert cache.user(2) == renamed
    assert cache.user_by_email("bela@example.org") is None
    assert cache.user(99) is None
    assert cache.owner() == ME


def test_users_rev_follows_pages_only(cache: Cache) -> None:
    """A user who came by himself must not hide those between."""
    cache.store_users([BELA])
    assert cache.users_rev() == 2
    cache.store_users([User(id=9, email="i@example.org", display_name="Ivan", rev=50)], page=False)
    assert cache.users_rev() == 2
    cache.store_users([CSILLA])
    assert cache.users_rev() == 3


def test_list_shows_everybody_but_oneself_and_a_direct_chat_in_a_person_s_place(cache: Cache) -> None:
    """Both rows are named when a person becomes a chat."""
    assert cache.store_users([ME, BELA, CSILLA]) == (EntryRef("user", 2), EntryRef("user", 3))
    assert names(cache) == ["Béla", "csilla"]
    assert cache.entry_count() == 2
    changed = cache.store_chats([direct(10, 3, 4)])
    assert set(changed) == {EntryRef("user", 3), EntryRef("chat", 10)}
    assert cache.entry(EntryRef("user", 3)) is None
    assert cache.entry(EntryRef("chat", 10)) == Entry(
        ref=EntryRef("chat", 10),
        name="csilla",
        sort_name="csilla",
        activity=1_000_040,
        unread=0,
        peer_id=3,
        email="csilla@example.org",
    )
    assert names(cache) == ["csilla", "Béla"]
    assert cache.entry_count() == 2
    assert cache.direct_chat(3) == 10
    assert cache.direct_chat(2) is None


def test_a_direct_chat_waits_for_its_person_s_name(cache: Cache) -> None:
    """The chat is listed at once, under the person's name as soon as that is known, and follows its changes."""
    cache.store_chats([direct(10, 2, 1)])
    assert names(cache) == ["(unknown person)"]
    assert cache.store_users([BELA]) == (EntryRef("chat", 10),)
    assert names(cache) == ["Béla"]
    assert cache.store_users([User(id=2, email=BELA.email, display_name="Bert", rev=5)]) == (EntryRef("chat", 10),)
    assert names(cache) == ["Bert"]
    assert cache.entry_count() == 1


def test_groups_are_found_by_title_in_any_case(cache: Cache) -> None:
    """Two groups may have one title; a direct chat never has one."""
    cache.store_chats([group(5, "Garden", 1), group(4, "GARDEN", 1), group(6, "House", 1), direct(7, 2, 1)])
    assert cache.group_by_title("garden") == [4, 5]
    assert cache.group_by_title("") == []


def test_an_older_description_of_a_chat_changes_nothing(cache: Cache) -> None:
    """Two requests for one chat may be answered in the wrong order."""
    cache.store_chats([group(5, "new title", 7)])
    assert cache.store_chats([group(5, "old title", 3)]) == ()
    chat = cache.chat(5)
    assert chat is not None
    assert (chat.title, chat.head) == ("new title", 7)


def test_nothing_new_changes_no_row(cache: Cache) -> None:
    """Repeating anything is told as no change, so that nothing is painted again."""
    cache.store_users([BELA])
    cache.store_chats([direct(10, 2, 3, unread=3), group(5, "Garden", 2)])
    cache.store_events(10, messages(10, 1, 3))
    cache.store_seen(10, 2)
    assert cache.store_users([BELA]) == ()
    assert cache.store_chats([direct(10, 2, 3, unread=3), group(5, "Garden", 2)]) == ()
    assert cache.store_events(10, messages(10, 1, 3)) == (None, (), ())
    assert cache.store_heads([ChatHead(chat_id=10, head=3, head_at=1_000_030)], None) == ()
    assert cache.store_seen(10, 1) == ()
    assert not cache.adopt(EPOCH, ME)


# --- the client list's order


def test_list_is_read_in_chunks_in_its_order(cache: Cache) -> None:
    """Newest activity first, then names without case, then kind and id; chunks of any size give the same list."""
    people = [User(id=100 + n, email=f"p{n}@x", display_name=name, rev=100 + n) for n, name in enumerate("bBaAézZ")]
    cache.store_users(people)
    cache.store_chats(
        [group(n, title, head) for n, title, head in [(1, "x", 5), (2, "x", 5), (3, "a", 5), (4, "a", 9)]]
    )
    whole = cache.entries(limit=100)
    assert whole == sorted(whole, key=lambda entry: (-entry.activity, entry.sort_name, entry.ref))
    assert [entry.ref.id for entry in whole[:4]] == [4, 3, 1, 2]
    for size in range(1, len(whole) + 1):
        chunks: list[Entry] = []
        while True:
            chunk = cache.entries(after=chunks[-1] if chunks else None, limit=size)
            chunks += chunk
            if len(chunk) < size:
                break
        assert chunks == whole


def test_activity_moves_a_row_to_the_top(cache: Cache) -> None:
    """An event, or the news of one, is enough."""
    cache.store_chats([group(4, "a", 1), group(5, "b", 2)])
    assert names(cache) == ["b", "a"]
    cache.store_events(4, [message(4, 9)])
    assert names(cache) == ["a", "b"]
    assert cache.store_heads([ChatHead(chat_id=5, head=10, head_at=2_000_000)], None) == (EntryRef("chat", 5),)
    assert names(cache) == ["b", "a"]


# --- the log


def test_events_come_back_as_they_were(cache: Cache) -> None:
    """Every field of every kind of event survives, and only cached ones are returned."""
    events: list[LogEvent] = [
        ChatCreated(id="5.1", seq=1, at=3, sender_id=2, title="Ga\0rden", member_ids=[1, 2]),
        Message(id="5.2", seq=2, at=4, sender_id=1, client_id=b"\0" * 16, text="a\0b\n\U0001f34e"),
        Message(id="another form of id", seq=4, at=5, sender_id=2, client_id=b"x" * 16, text="x" * 16_384),
    ]
    assert cache.store_events(5, events).new == (1, 4)
    assert cache.events(5, 0, 9) == events
    assert cache.events(5, 2, 3) == events[1:2]
    assert cache.events(6, 0, 9) == []
    assert cache.head(5) == 4
    assert cache.head(6) == 0


def test_new_events_are_told_from_known_ones(cache: Cache) -> None:
    """The range told is that of the events which were not cached before."""
    assert cache.store_events(5, messages(5, 4, 6)).new == (4, 6)
    assert cache.store_events(5, messages(5, 5, 8)).new == (7, 8)
    assert cache.store_events(5, messages(5, 1, 8)).new == (1, 3)
    assert cache.store_events(5, []).new is None


def test_a_log_never_changes(cache: Cache) -> None:
    """An event that contradicts a cached one is dropped."""
    cache.store_events(5, [message(5, 1, text="first")])
    assert cache.store_events(5, [message(5, 1, text="other")]).new is None
    assert cache.events(5, 1, 1) == [message(5, 1, text="first")]


def test_holes_are_what_is_not_cached(cache: Cache) -> None:
    """Also before the first, after the last, and where nothing is cached at all."""
    for first, last in [(3, 4), (7, 7), (9, 12)]:
        cache.store_events(5, messages(5, first, last))
    assert cache.holes(5, 1, 14) == [(1, 2), (5, 6), (8, 8), (13, 14)]
    assert cache.holes(5, 9, 12) == []
    assert cache.holes(5, 5, 5) == [(5, 5)]
    assert cache.holes(5, 12, 11) == []
    assert cache.holes(6, 1, 3) == [(1, 3)]


def test_chats_that_need_fetching_are_named(cache: Cache) -> None:
    """Those whose newest event is missing, the latest first; and those known by a head or an event alone."""
    cache.store_chats([group(1, "a", 3), group(2, "b", 5), group(3, "empty", 0)])
    cache.store_events(9, messages(9, 1, 2))
    assert cache.chats_behind() == [(2, 5), (1, 3)]
    assert cache.chats_behind(limit=1) == [(2, 5)]
    assert cache.unknown_chats() == [9]
    assert cache.chat(9) is None
    assert cache.entry(EntryRef("chat", 9)) is None
    cache.store_events(2, messages(2, 5, 5))
    cache.store_chats([group(9, "late", 2)])
    assert cache.chats_behind() == [(1, 3)]
    assert cache.unknown_chats() == []
    assert names(cache) == ["b", "a", "late", "empty"]


# --- seen and unread


def test_unread_counts_messages_of_others_after_the_seen_marker(cache: Cache) -> None:
    """One's own messages and events that are no messages do not count."""
    cache.store_chats([group(5, "Garden", 0)])
    cache.store_events(5, [ChatCreated(id="5.1", seq=1, at=1, sender_id=2, title="Garden")])
    cache.store_events(5, [*messages(5, 2, 4), *messages(5, 5, 6, sender_id=ME.id), *messages(5, 7, 8)])
    assert unread(cache, 5) == 5
    assert cache.store_seen(5, 3) == (EntryRef("chat", 5),)
    assert unread(cache, 5) == 3
    cache.store_seen(5, 2)
    assert (cache.seen(5), unread(cache, 5)) == (3, 3)
    cache.store_seen(5, 8, useq=4)
    assert (cache.seen(5), unread(cache, 5), cache.useq()) == (8, 0, 4)


def test_unread_across_a_hole_is_the_server_s_figure_and_what_came_after_it(cache: Cache) -> None:
    """Nothing is counted twice when the hole is filled."""
    cache.store_heads([ChatHead(chat_id=5, head=100, head_at=9, seen=10, unread=60)], useq=3)
    cache.store_chats([group(5, "Garden", 100, seen=10, unread=60)])
    assert (unread(cache, 5), cache.useq()) == (60, 3)
    cache.store_events(5, messages(5, 101, 103))
    assert unread(cache, 5) == 63
    cache.store_events(5, messages(5, 90, 100))
    assert unread(cache, 5) == 63
    cache.store_seen(5, 95)
    assert unread(cache, 5) <= 8, "no more than lies after the marker"
    cache.store_events(5, messages(5, 11, 89))
    assert unread(cache, 5) == 8


def test_the_server_s_word_on_a_seen_marker_counts_across_a_hole(cache: Cache) -> None:
    """Another device read on where this one has no events."""
    cache.store_chats([group(5, "Garden", 100, seen=10, unread=60)])
    cache.store_seen(5, 50, useq=8, unread=31)
    assert unread(cache, 5) == 31


def test_unread_ends_at_a_thousand(cache: Cache) -> None:
    """Beyond, it is only "many", and no longer log makes it cost more."""
    cache.store_chats([group(5, "Garden", 0)])
    cache.store_events(5, messages(5, 1, 1_500))
    assert unread(cache, 5) == 1_000
    cache.store_seen(5, 600)
    assert unread(cache, 5) == 900
    cache.store_events(5, messages(5, 1_501, 9_000))
    assert unread(cache, 5) == 1_000


def test_a_seen_marker_moved_here_waits_for_the_server(cache: Cache) -> None:
    """It survives a restart, and the server's confirmation in any form settles it."""
    cache.store_chats([group(5, "Garden", 9), group(6, "House", 9), group(7, "Shed", 9)])
    for chat_id in (5, 6, 7):
        cache.store_seen(chat_id, 4)
        cache.store_seen(chat_id, 3)
    with_restart = Cache.open(cache._path)
    assert with_restart.pending_seen() == [(5, 4), (6, 4), (7, 4)]
    with_restart.close()
    cache.confirm_seen(5, 3)
    assert (5, 4) in cache.pending_seen()
    cache.confirm_seen(5, 4)
    cache.store_seen(6, 5, useq=2)
    cache.store_heads([ChatHead(chat_id=7, head=9, head_at=1, seen=4)], useq=3)
    assert cache.pending_seen() == []
    cache.store_seen(5, 4)
    assert cache.pending_seen() == [], "what the server has is not sent again"


def test_repeated_heads_say_nothing_of_the_reader(cache: Cache) -> None:
    """Their empty `seen` and `unread` are not taken for the truth."""
    cache.store_chats([group(5, "Garden", 4, seen=2, unread=2)])
    cache.store_heads([ChatHead(chat_id=5, head=4, head_at=1)], None)
    assert (cache.seen(5), unread(cache, 5), cache.useq()) == (2, 2, 0)


def test_cursors_ask_for_figures_where_the_own_count_is_not_sure(cache: Cache) -> None:
    """A chat of which all is known, or which the server has counted, is named with its head; others below it."""
    cache.store_chats([group(1, "a", 3, seen=3), group(2, "b", 5, seen=1, unread=4), group(3, "c", 7, unread=7)])
    assert cache.cursors(10) == [(3, 7), (2, 5), (1, 3)]
    assert cache.cursors(1) == [(3, 7)]
    cache.store_events(3, messages(3, 10, 10))
    assert cache.cursors(1) == [(3, 7)], "events 8 and 9 are not counted yet"
    cache.store_events(3, messages(3, 8, 9))
    assert cache.cursors(1) == [(3, 10)]
    cache.store_seen(3, 4, useq=1)
    assert cache.cursors(1) == [(3, 7)], "whose messages 1 to 4 were is not known here"
    cache.store_events(3, messages(3, 1, 4))
    assert cache.cursors(1) == [(3, 10)]


# --- whose copy it is


def test_another_epoch_drops_everything(cache: Cache) -> None:
    """Restored databases have other logs under the same numbers."""
    cache.store_users([BELA])
    cache.store_chats([direct(10, 2, 3)], useq=5)
    cache.store_events(10, messages(10, 1, 3))
    cache.store_seen(10, 2)
    assert not cache.adopt(EPOCH, ME)
    assert cache.entry_count() == 1
    assert cache.adopt("epoch-2", ME)
    assert (cache.epoch(), cache.owner(), cache.useq(), cache.users_rev()) == ("epoch-2", ME, 0, 0)
    assert (cache.entries(), cache.entry_count(), cache.pending_seen(), cache.cursors(9)) == ([], 0, [], [])
    assert cache.events(10, 1, 3) == []


def test_another_person_drops_everything(cache: Cache) -> None:
    """What one may see is not what another may see."""
    cache.store_chats([direct(10, 2, 3)])
    assert cache.adopt(EPOCH, BELA)
    assert cache.owner() == BELA
    assert cache.chat(10) is None


def test_reset_keeps_only_the_owner(cache: Cache) -> None:
    """The list can be filled again at once, without oneself in it."""
    cache.store_chats([direct(10, 2, 3)])
    cache.reset("epoch-2")
    assert (cache.epoch(), cache.owner(), cache.entries()) == ("epoch-2", ME, [])
    cache.store_users([ME, BELA])
    assert names(cache) == ["Béla"]
