"""The client list as data, on a real cache: order, changes, lazy loading, filter."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from chatproto.models import Chat, User
from chatterm.client.cache import Cache
from chatterm.client.model import Entry, EntryRef
from chatterm.tui.roster import CHUNK, MATCHES_MAX, ROWS_CACHED, Roster

ME = User(id=1, email="me@example.org", display_name="Me", rev=1)


def person(number: int, name: str = "") -> User:
    return User(id=number, email=f"u{number}@example.org", display_name=name or f"Person {number:05}", rev=number)


def group(number: int, at: int, title: str = "") -> Chat:
    return Chat(id=number, kind="group", title=title or f"group {number}", member_count=3, head=1, head_at=at)


def direct(peer_id: int, at: int) -> Chat:
    return Chat(id=2_000 + peer_id, kind="direct", peer_id=peer_id, member_count=2, head=1, head_at=at)


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    cache = Cache.open(tmp_path / "cache.db")
    cache.adopt("epoch", ME)
    yield cache
    cache.close()


class CountingCache(Cache):
    """Counts the rows of the client list that are read."""

    rows_read = 0

    def entries(self, after: Entry | None = None, limit: int = 200) -> list[Entry]:
        found = super().entries(after, limit)
        self.rows_read += len(found)
        return found


def shown(roster: Roster) -> list[EntryRef | None]:
    return [roster.ref_at(index) for index in range(len(roster))]


def expected(cache: Cache) -> list[EntryRef]:
    return [entry.ref for entry in cache.entries(limit=100_000)]


def test_rows_come_in_the_order_of_the_cache(cache: Cache) -> None:
    """Recently active first, then people never written to by name."""
    cache.store_users([ME, *(person(number) for number in range(2, 50))])
    cache.store_chats([group(1_000, 5), group(1_001, 9)])
    roster = Roster(cache)
    roster.reload(10)
    while roster.load():
        pass
    assert shown(roster)[:2] == [EntryRef("chat", 1_001), EntryRef("chat", 1_000)]
    assert shown(roster) == expected(cache)


def test_only_what_is_looked_at_is_read(tmp_path: Path) -> None:
    """Opening a list of 20,000 people reads a screenful; the total is right all the same."""
    cache = CountingCache.open(tmp_path / "cache.db")
    assert isinstance(cache, CountingCache)
    cache.adopt("epoch", ME)
    cache.store_users([ME, *(person(number) for number in range(2, 20_002))])
    roster = Roster(cache)
    roster.reload(40)
    assert len(roster) == 20_000
    assert cache.rows_read == 40
    assert not roster.wants_more(40)
    assert roster.wants_more(41)
    assert roster.ref_at(39) is not None
    assert roster.ref_at(40) is None
    cache.close()


def test_a_filter_loads_and_searches_everybody(cache: Cache) -> None:
    cache.store_users([ME, *(person(number) for number in range(2, 3_000)), person(9_999, "Zsófia Álmos")])
    roster = Roster(cache)
    roster.reload(20)
    roster.filter("ÁLM zsó")
    while roster.wants_more(20):
        roster.load()
    assert shown(roster) == [EntryRef("user", 9_999)]
    roster.filter("u77@EXAMPLE")
    assert shown(roster) == [EntryRef("user", 77)]
    roster.filter("nobody of this name")
    assert shown(roster) == []
    roster.filter("person")
    assert len(roster) == MATCHES_MAX
    roster.filter("")
    assert len(roster) == 2_999


def test_a_filter_is_not_misled_by_line_feeds_in_names(cache: Cache) -> None:
    cache.store_users([ME, person(2, "a\nb\nc"), person(3, "d\n"), person(4, "e")])
    roster = Roster(cache)
    roster.reload(10)
    roster.load()
    for needle, number in (("b", 2), ("d", 3), ("u4@", 4)):
        roster.filter(needle)
        assert shown(roster) == [EntryRef("user", number)]


def test_a_person_written_to_becomes_a_chat(cache: Cache) -> None:
    cache.store_users([ME, *(person(number) for number in range(2, 30))])
    roster = Roster(cache)
    roster.reload(100)
    roster.load()
    refs = cache.store_chats([Chat(id=500, kind="direct", peer_id=20, member_count=2, head=1, head_at=7, unread=1)])
    assert set(refs) == {EntryRef("user", 20), EntryRef("chat", 500)}
    roster.apply(refs)
    assert shown(roster) == expected(cache)
    assert roster.index_of(EntryRef("chat", 500)) == 0
    assert roster.index_of(EntryRef("user", 20)) is None
    assert roster.unread == {EntryRef("chat", 500): 1}


def test_apply_tells_whether_anybody_is_called_differently(cache: Cache) -> None:
    cache.store_users([ME, person(2, "Béla")])
    cache.store_chats([group(7, 1)])
    roster = Roster(cache)
    roster.reload(10)
    assert not roster.apply(cache.store_chats([group(7, 2)]))
    assert roster.apply(cache.store_users([User(id=2, email="u2@example.org", display_name="Bella", rev=9)]))


def test_next_unread_goes_round(cache: Cache) -> None:
    chats = [
        Chat(id=number, kind="group", title=f"g{number}", head=1, head_at=number, unread=number % 2)
        for number in range(10, 20)
    ]
    cache.store_chats(chats)
    roster = Roster(cache)
    roster.reload(50)
    seen = []
    current: EntryRef | None = None
    for _ in range(6):
        current = roster.next_unread(current)
        assert current is not None
        seen.append(current.id)
    assert seen == [19, 17, 15, 13, 11, 19]


def test_rows_are_kept_in_a_bounded_memory(cache: Cache) -> None:
    cache.store_users([ME, *(person(number) for number in range(2, 2_000))])
    roster = Roster(cache)
    roster.reload(20)
    while roster.load():
        pass
    for index in range(len(roster)):
        ref = roster.ref_at(index)
        assert ref is not None
        assert roster.entry(ref) is not None
    assert len(roster._rows) <= ROWS_CACHED


@pytest.mark.parametrize("seed", range(8))
def test_a_changed_list_equals_a_fresh_one(cache: Cache, seed: int) -> None:
    """Random joins, renames and activity between chunks of loading end in what a new list would show."""
    rng = random.Random(seed)
    cache.store_users([ME, *(person(number) for number in range(2, 800))])
    roster = Roster(cache)
    roster.reload(rng.randint(1, 2 * CHUNK))
    changes: list[Callable[[], tuple[EntryRef, ...]]] = [
        lambda: cache.store_users([person(rng.randint(2, 900), rng.choice("abcxyz") * rng.randint(1, 3))]),
        lambda: cache.store_chats([group(rng.randint(1_000, 1_050), rng.randint(1, 10**6))]),
        lambda: cache.store_chats(
            [
                Chat(
                    id=2_000 + (peer := rng.randint(2, 60)),
                    kind="direct",
                    peer_id=peer,
                    head=1,
                    head_at=rng.randint(1, 99),
                )
            ]
        ),
    ]
    for _ in range(200):
        roster.apply(rng.choice(changes)())
        if rng.random() < 0.02:
            roster.load(rng.randint(1, CHUNK))
    while roster.load():
        pass
    assert sorted(map(str, shown(roster))) == sorted(map(str, expected(cache)))
    places = [(-entry.activity, entry.sort_name) for ref in shown(roster) if ref and (entry := cache.entry(ref))]
    assert places == sorted(places)
    assert [roster.index_of(ref) for ref in shown(roster)] == list(range(len(roster)))
