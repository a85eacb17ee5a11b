"""Rate limits: what passes over any window, how long to wait, and that memory stays bounded."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatproto.errors import ChatError
from chatserver.app import rate_limiter
from chatserver.limits.addresses import UNIX_PEER, address_key, client_key
from chatserver.limits.limiter import RateLimiter
from chatserver.limits.storage import BoundedStorage
from chatserver.settings import Settings


class Clock:
    """A clock that goes only when told."""

    def __init__(self) -> None:
        self.now = 1_000_003.0

    def __call__(self) -> float:
        return self.now


def passes(limiter: RateLimiter, key: str, cost: int = 1) -> bool:
    try:
        limiter.take("read", key, cost)
    except ChatError as error:
        assert error.code == "rateLimited"
        assert error.retry_after is not None
        assert error.retry_after > 0
        return False
    return True


@given(st.lists(st.tuples(st.floats(0, 20), st.integers(1, 12)), max_size=60))
def test_no_window_admits_more_than_twice_its_rate_and_waiting_as_told_is_enough(
    tries: Sequence[tuple[float, int]],
) -> None:
    """The sliding window weighs the one before, so even the worst moment is bounded; who waits is admitted."""
    clock = Clock()
    limiter = RateLimiter({"read": "10/minute"}, clock=clock)
    admitted: list[tuple[float, int]] = []
    for pause, cost in tries:
        clock.now += pause
        try:
            limiter.take("read", "anna", cost)
        except ChatError as error:
            assert error.retry_after is not None
            clock.now += error.retry_after
            limiter.take("read", "anna", cost)
        admitted.append((clock.now, min(cost, 10)))
        within = sum(taken for at, taken in admitted if at > clock.now - 60)
        assert within <= 20
        in_this_window = sum(taken for at, taken in admitted if at // 60 == clock.now // 60)
        assert in_this_window <= 10


def test_keys_and_rules_are_counted_apart() -> None:
    """Who has used up one rate may still use another; others are not concerned."""
    clock = Clock()
    limiter = RateLimiter({"read": "2/second", "write": "1/hour"}, clock=clock)
    assert [passes(limiter, "anna") for _ in range(3)] == [True, True, False]
    assert passes(limiter, "ben")
    limiter.take("write", "anna")
    limiter.take("search", "anna")
    clock.now += 2
    assert passes(limiter, "anna")
    with pytest.raises(ChatError):
        limiter.take("write", "anna")


def test_a_refusal_does_not_count() -> None:
    """Knocking on the door does not keep it shut."""
    clock = Clock()
    limiter = RateLimiter({"read": "2/minute"}, clock=clock)
    clock.now -= clock.now % 60
    assert [passes(limiter, "anna") for _ in range(50)] == [True, True, *[False] * 48]
    clock.now += 120
    assert passes(limiter, "anna", 2)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=100), st.integers(1, 3))
def test_an_allowance_admits_what_the_rate_does_whatever_the_blocks(costs: Sequence[int], connections: int) -> None:
    """What is admitted never exceeds the rate, and at most a block for each connection is held back."""
    clock = Clock()
    limiter = RateLimiter({"messages": "1000/hour"}, clock=clock)
    shares = [limiter.allowance("messages", "anna") for _ in range(connections)]
    admitted = 0
    for index, cost in enumerate(costs):
        try:
            shares[index % connections].take(cost)
        except ChatError:
            assert admitted + cost > 1000 - 10 * connections
        else:
            admitted += cost
    assert admitted <= 1000


def test_without_a_rate_everything_passes() -> None:
    """Limits that are off cost nothing and refuse nothing."""
    limiter = RateLimiter({})
    share = limiter.allowance("messages", "anna")
    for _ in range(1000):
        share.take(1000)
        limiter.connect("here")


def test_memory_is_bounded_and_keys_in_use_are_kept() -> None:
    """However many addresses knock, one that is limited stays limited as long as it goes on."""
    clock = Clock()
    limiter = RateLimiter({"read": "5/hour"}, max_keys=100, clock=clock)
    assert passes(limiter, "busy", 5)
    for number in range(10_000):
        assert passes(limiter, f"stranger {number}")
        if number % 20 == 0:
            assert not passes(limiter, "busy")
        assert len(limiter._storage) <= 100


def test_connections_are_counted_and_given_back() -> None:
    """One too many is refused without counting."""
    limiter = RateLimiter({}, connections=2)
    limiter.connect("anna")
    limiter.connect("anna")
    for _ in range(2):
        with pytest.raises(ChatError, match="connections"):
            limiter.connect("anna")
    limiter.connect("ben")
    limiter.disconnect("anna")
    limiter.connect("anna")


def test_the_storage_is_a_whole_one_for_the_library() -> None:
    """What the library's strategies may ask of it."""
    clock = Clock()
    storage = BoundedStorage(clock=clock)
    clock.now -= clock.now % 60
    assert storage.acquire_sliding_window_entry("k", 10, 60, 4)
    assert storage.get_sliding_window("k", 60) == (0, 0.0, 4, 120.0)
    clock.now += 75
    assert storage.get_sliding_window("k", 60) == (4, 45.0, 0, 105.0)
    assert storage.incr("k", 60) == 1
    assert storage.get("k") == 1
    assert storage.check()
    assert storage.get_expiry("k") == clock.now
    storage.clear_sliding_window("k", 60)
    assert storage.get("k") == 0
    storage.incr("k", 60)
    assert storage.reset() == 1
    assert len(storage) == 0


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("/run/chat.sock", "/run/chat.sock"),
        ("x" * 500, "x" * 64),
    ],
)
def test_the_key_of_an_address(host: str, key: str) -> None:
    """One subscriber is one key, however many addresses it has."""
    assert address_key(host) == key
    assert client_key({"client": (host, 1)}) == key


def test_a_client_without_an_address_has_a_key() -> None:
    """A socket in the file system gives none."""
    assert client_key({"client": None}) == UNIX_PEER


def test_the_default_rates_let_a_long_queue_of_messages_through_at_once(tmp_path: Path) -> None:
    """10,000 messages that waited without a network are delivered without a pause; ten times as many are not."""
    share = rate_limiter(Settings(data=tmp_path)).allowance("messages", "anna")
    for _ in range(100):
        share.take(100)
    with pytest.raises(ChatError):
        for _ in range(1_000):
            share.take(100)
