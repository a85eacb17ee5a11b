"""The client list as data, on a real cache: order, changes, lazy loading, filter."""

import itertools
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from chatproto.frames import ChatSettings
from chatproto.models import Chat, ChatHead, User
from chatterm.client.cache import Cache
from chatterm.client.model import Entry, EntryRef, Section
from chatterm.tui.roster import CHUNK, MATCHES_MAX, ROWS_CACHED, Place, Roster

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


def rows(roster: Roster) -> list[Place | None]:
    return [roster.place_at(index) for index in range(len(roster))]


def shown(roster: Roster) -> list[EntryRef | None]:
    """The rows without the headings."""
    return [place for place in rows(roster) if not isinstance(place, Section)]


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
    for needle in ("alm zso", "ALMOS zsófi", "Zso\u0301fia"):
        roster.filter(needle)
        assert shown(roster) == [EntryRef("user", 9_999)], needle
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


def plain_rows(cache: Cache, *, archive_open: bool, terse: bool) -> list[Place]:
    """What the list shows, from nothing but a sort of all entries."""
    found: list[Place] = []
    entries = sorted(cache.entries(limit=100_000), key=lambda entry: entry.place)
    for section, members in itertools.groupby(entries, key=lambda entry: entry.section):
        first = not found
        if section is Section.ARCHIVED or (
            not terse and (section is Section.PINNED or (not first and section is not Section.LEFT))
        ):
            found.append(section)
        if section is not Section.ARCHIVED or archive_open:
            found += [entry.ref for entry in members]
    return found


def any_change(cache: Cache, rng: random.Random, useq: int) -> tuple[EntryRef, ...]:
    """Something happens to the list: joins, renames, messages, settings, being removed."""
    number = rng.randint(1_000, 1_030)
    peer = rng.randint(2, 60)
    chat_id = rng.choice([number, 2_000 + peer])
    match rng.randrange(6):
        case 0:
            return cache.store_users([person(rng.randint(2, 900), rng.choice("abcxyz") * rng.randint(1, 3))])
        case 1:
            return cache.store_chats([group(number, rng.randint(1, 10**6))], useq)
        case 2:
            return cache.store_chats([direct(peer, rng.randint(0, 99))], useq)
        case 3:
            return cache.store_left([number], useq)
        case 4:
            return cache.store_settings(
                chat_id,
                ChatSettings(
                    chat_id=chat_id,
                    useq=useq,
                    pinned=rng.random() < 0.5,
                    archived=rng.random() < 0.4,
                    muted_until=rng.choice([0, 2**62]),
                ),
            )
        case _:
            head = rng.randint(2, 9)
            return cache.store_heads([ChatHead(chat_id=number, head=head, head_at=rng.randint(1, 10**6))], None)


@pytest.mark.parametrize("seed", range(8))
def test_the_order_is_that_of_a_plain_sort_after_any_changes(cache: Cache, seed: int) -> None:
    """Changes between chunks of loading end, after every one of them, in what a sort of all entries shows."""
    rng = random.Random(seed)
    cache.store_users([ME, *(person(number) for number in range(2, 600))])
    roster = Roster(cache)
    roster.reload(rng.randint(1, 2 * CHUNK))
    for useq in range(1, 150):
        roster.apply(any_change(cache, rng, useq))
        if rng.random() < 0.03:
            roster.load(rng.randint(1, CHUNK))
        if rng.random() < 0.05:
            roster.show_archive(not roster.archive_open)
        if rng.random() < 0.05:
            roster.be_terse(rng.random() < 0.5)
        plain = plain_rows(cache, archive_open=roster.archive_open, terse=roster._terse)
        found = rows(roster)
        assert len(found) == len(plain)
        assert all(place in (None, expected) for place, expected in zip(found, plain, strict=True))
        assert not any(place is None for place in found) or not roster.is_complete
    while roster.load():
        pass
    found = rows(roster)
    assert found == plain_rows(cache, archive_open=roster.archive_open, terse=roster._terse)
    assert [roster.index_of(place) for place in found] == list(range(len(roster)))


def test_sections_have_headings_where_they_help_and_archived_chats_are_folded_away(cache: Cache) -> None:
    cache.store_users([ME, person(2)])
    cache.store_chats([group(number, number) for number in (10, 11, 12, 13)], 1)
    roster = Roster(cache)
    roster.reload(50)
    assert rows(roster)[4] is Section.PEOPLE
    roster.apply(cache.store_settings(10, ChatSettings(chat_id=10, useq=2, pinned=True)))
    roster.apply(cache.store_settings(11, ChatSettings(chat_id=11, useq=3, archived=True)))
    roster.apply(cache.store_left([12], 4))
    chat = [EntryRef("chat", number) for number in range(14)]
    top: list[Place] = [Section.PINNED, chat[10], Section.RECENT, chat[13], chat[12], Section.ARCHIVED]
    end: list[Place] = [Section.PEOPLE, EntryRef("user", 2)]
    assert rows(roster) == [*top, *end]
    assert roster.index_of(chat[11]) is None
    assert [roster.nth(number) for number in range(1, 6)] == [chat[10], chat[13], chat[12], EntryRef("user", 2), None]
    assert roster.neighbour(chat[12], 1) == EntryRef("user", 2)
    assert roster.neighbour(chat[13], -1) == chat[10]
    roster.show_archive(True)
    assert rows(roster) == [*top, chat[11], *end]
    roster.be_terse(True)
    assert rows(roster) == [chat[10], chat[13], chat[12], Section.ARCHIVED, chat[11], EntryRef("user", 2)]
    roster.filter("group")
    assert set(rows(roster)) == {*chat[10:14]}


def test_a_muted_chat_counts_only_what_names_the_user(cache: Cache) -> None:
    """Until the time is over: then everything counts again without any news."""
    chats = [group(number, number) for number in (10, 11, 12)]
    cache.store_chats([replace(chat, head=9, unread=5, mentions=chat.id - 10) for chat in chats])
    for chat in chats[:2]:
        cache.store_settings(chat.id, ChatSettings(chat_id=chat.id, useq=1, muted_until=1_000_000_000))
    roster = Roster(cache)
    roster.reload(50)
    ten, eleven, twelve = (EntryRef("chat", chat.id) for chat in chats)
    assert roster.news.counted(999.0) == {eleven: 1, twelve: 5}
    assert roster.news.counted(1_001.0) == {ten: 5, eleven: 5, twelve: 5}
    assert roster.next_mention(None) == twelve
    assert roster.next_mention(twelve) == eleven
