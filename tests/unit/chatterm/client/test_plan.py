"""What is fetched next: decided from the cache and what the server said, one page at a time."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chatproto.limits import PAGE_MAX
from chatproto.models import Chat, Message, User, event_id
from chatterm.client.cache import Cache
from chatterm.client.plan import (
    EAGER_EVENTS,
    FILLS_MAX,
    LISTED_MAX,
    ChatJob,
    ChatsJob,
    FetchPlan,
    PageJob,
    UsersJob,
)


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    cache = Cache.open(tmp_path / "cache.db")
    cache.adopt("epoch", User(id=1, email="a@b.c", display_name="A", rev=1))
    yield cache
    cache.close()


def add_chat(cache: Cache, chat_id: int, head: int) -> None:
    cache.store_chats([Chat(id=chat_id, kind="group", title=f"{chat_id}", head=head, head_at=head)])


def store(cache: Cache, chat_id: int, first: int, last: int) -> None:
    events = [
        Message(id=event_id(chat_id, seq), seq=seq, at=seq, sender_id=2, client_id=seq.to_bytes(16), text="x")
        for seq in range(first, last + 1)
    ]
    cache.store_events(chat_id, events)


def carry_out(plan: FetchPlan, cache: Cache) -> list[PageJob]:
    """Answer every page as a server with the whole log would; the pages in their order."""
    pages = []
    while (job := plan.next_job(cache, 0)) is not None:
        assert isinstance(job, PageJob)
        store(cache, job.chat_id, max(1, job.before_seq - job.limit), job.before_seq - 1)
        plan.done(job, progress=True)
        pages.append(job)
        assert len(pages) < 100
    return pages


def test_the_newest_page_comes_first_then_the_gap_to_what_is_known(cache: Cache) -> None:
    """Some hundred events behind: all of them, from the newest down."""
    add_chat(cache, 5, 600)
    store(cache, 5, 1, 100)
    plan = FetchPlan()
    plan.want_newest([(5, 600)])
    pages = carry_out(plan, cache)
    assert [(page.before_seq, page.limit) for page in pages] == [(601, 200), (401, 200), (201, 100)]
    assert cache.holes(5, 1, 600) == []


def test_a_gap_deeper_than_the_eager_part_stays_a_gap(cache: Cache) -> None:
    """A million events behind costs one page; the rest is fetched when somebody reads there."""
    add_chat(cache, 5, 1_000_000)
    store(cache, 5, 1, 100)
    plan = FetchPlan()
    plan.want_newest([(5, 1_000_000)])
    assert [page.before_seq for page in carry_out(plan, cache)] == [1_000_001]
    assert cache.holes(5, 1, 1_000_000) == [(101, 1_000_000 - PAGE_MAX)]


def test_a_short_chat_that_is_not_cached_at_all_is_fetched_whole(cache: Cache) -> None:
    """Its beginning is as good an end of the gap as cached events are."""
    add_chat(cache, 5, EAGER_EVENTS)
    plan = FetchPlan()
    plan.want_newest([(5, EAGER_EVENTS)])
    carry_out(plan, cache)
    assert cache.holes(5, 1, EAGER_EVENTS) == []


def test_the_chat_on_screen_comes_before_all_others_and_before_names(cache: Cache) -> None:
    """Then names, then the other chats in the order given."""
    for chat_id in (5, 6, 7):
        add_chat(cache, chat_id, 10)
    plan = FetchPlan()
    plan.want_newest([(5, 10), (6, 10), (7, 10)])
    plan.want_users(3)
    plan.focus = 7
    assert plan.next_job(cache, 0) == PageJob(7, 11, 10)
    store(cache, 7, 1, 10)
    assert plan.next_job(cache, 0) == UsersJob(0)
    assert plan.next_job(cache, 3) == PageJob(5, 11, 10)


def test_what_a_reader_asked_for_last_comes_first_and_the_oldest_wishes_give_way(cache: Cache) -> None:
    """The list of wishes is bounded."""
    add_chat(cache, 5, 100_000)
    plan = FetchPlan()
    for first in range(1, 50_000, 500):
        plan.want_range(5, first, first + 49)
    assert plan.next_job(cache, 0) == PageJob(5, 49_551, 50)
    pages = carry_out(plan, cache)
    assert len(pages) == FILLS_MAX


def test_what_others_fetched_of_a_wish_is_told_and_what_was_fetched_here_is_not(cache: Cache) -> None:
    """Whoever fetches tells of it; of what another process sharing the cache did, nobody else could."""
    add_chat(cache, 5, 600)
    plan = FetchPlan()
    plan.want_range(5, 11, 20)
    store(cache, 5, 11, 20)
    assert plan.next_job(cache, 0) is None
    assert list(plan.filled) == [(5, 11, 20)]
    plan.filled.clear()
    plan.want_range(5, 1, 10)
    assert carry_out(plan, cache) == [PageJob(5, 11, 10)]
    assert not plan.filled


def test_few_unknown_chats_are_asked_for_singly_and_many_by_pages(cache: Cache) -> None:
    """So that a first login costs pages, and a new chat one small request."""
    plan = FetchPlan()
    plan.want_chats([5])
    assert plan.next_job(cache, 0) == ChatJob(5)
    plan.done(ChatJob(5), progress=True)
    assert plan.next_job(cache, 0) is None
    plan.want_chats(range(1, LISTED_MAX + 2))
    assert plan.next_job(cache, 0) == ChatsJob(0)
    plan.done(ChatsJob(0), progress=True, more_after=9)
    assert plan.next_job(cache, 0) == ChatsJob(9)
    plan.done(ChatsJob(9), progress=True)
    assert plan.next_job(cache, 0) is None


def test_a_page_that_brings_nothing_is_not_asked_for_again(cache: Cache) -> None:
    """A server that does not have what it announced cannot keep the client busy."""
    add_chat(cache, 5, 100)
    plan = FetchPlan()
    plan.want_newest([(5, 100)])
    plan.want_range(5, 1, 100)
    job = plan.next_job(cache, 0)
    assert job is not None
    plan.done(job, progress=False)
    assert plan.next_job(cache, 0) is None


def test_a_gap_outlives_the_connection_that_left_it(cache: Cache) -> None:
    """The newest event is cached, so no head will ever tell of what is missing below it."""
    add_chat(cache, 5, 10)
    store(cache, 5, 10, 10)
    plan = FetchPlan()
    plan.want_gaps([5])
    plan.connected()
    assert plan.next_job(cache, 0) == PageJob(5, 10, 9, eager=True)


def test_a_new_connection_keeps_what_the_reader_wants_and_forgets_the_rest(cache: Cache) -> None:
    """The server says anew what has changed."""
    add_chat(cache, 5, 100)
    add_chat(cache, 6, 100)
    plan = FetchPlan()
    plan.want_newest([(6, 100)])
    plan.want_users(9)
    plan.want_range(5, 1, 50)
    plan.connected()
    assert plan.next_job(cache, 0) == PageJob(5, 51, 50)
    store(cache, 5, 1, 50)
    assert plan.next_job(cache, 0) is None
