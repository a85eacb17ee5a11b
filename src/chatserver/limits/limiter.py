"""The rates of this server, and who has used how much of them."""

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final, Literal, get_args

from limits import RateLimitItem, parse
from limits.strategies import SlidingWindowCounterRateLimiter

from chatproto.errors import ChatError
from chatserver import measures
from chatserver.limits.storage import MAX_KEYS, BoundedStorage

Rule = Literal[
    "read", "write", "search", "upload", "sign-in", "account", "address", "handshake", "connect", "frames", "messages"
]
"""What is counted: the classes of REST operations, tries for one account, anything from one address, TLS connections
begun, new WebSockets, frames, and messages sent."""

_BLOCKS: Final = 100
"""A connection takes a hundredth of a rate at a time, so that most checks are one subtraction."""
_CONNECTION_WAIT_S: Final = 5.0

_refusals = measures.counter("chatserver_rate_limited", "Requests, frames and connections refused, by rule.", "rule")


class RateLimiter:
    """Refuses what comes too often, over a sliding window. All methods belong to the event loop's thread.

    Kept in this process's memory: a restart forgets it. A rule without a rate lets everything pass.
    """

    def __init__(
        self,
        rates: Mapping[Rule, str],
        *,
        connections: int | None = None,
        max_keys: int = MAX_KEYS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`rates` such as `600/minute`; `connections` that one address may have at once."""
        self._storage = BoundedStorage(max_keys=max_keys, clock=clock)
        self._strategy = SlidingWindowCounterRateLimiter(self._storage)
        self._items: dict[Rule, RateLimitItem] = {rule: parse(rate) for rule, rate in rates.items()}
        self._connections_max = math.inf if connections is None else connections
        self._connections: Counter[str] = Counter()

    @property
    def keys(self) -> int:
        """Users and addresses whose use is remembered."""
        return len(self._storage)

    def take(self, rule: Rule, key: str, cost: int = 1) -> None:
        """Count `cost` for a key. Raises `ChatError` with `rateLimited` and a time to wait; then nothing counts."""
        item = self._items.get(rule)
        if item is None:
            return
        # A list longer than the whole rate must pass at some time.
        cost = min(cost, item.amount)
        if not self._strategy.hit(item, rule, key, cost=cost):
            self._refuse(item, rule, key, cost)

    def allowance(self, rule: Rule, key: str) -> "Allowance":
        """A key's share of a rule for one connection."""
        item = self._items.get(rule)
        block = max(1, item.amount // _BLOCKS) if item else 0
        return Allowance(self, rule, key, block)

    def connect(self, address: str) -> None:
        """One more connection. Raises `ChatError` with `tooManyConnections`; then it does not count."""
        if self._connections[address] >= self._connections_max:
            _refusals.add(1, "connections")
            raise ChatError("tooManyConnections", retry_after=_CONNECTION_WAIT_S)
        self._connections[address] += 1

    def disconnect(self, address: str) -> None:
        """One connection less."""
        self._connections[address] -= 1
        if self._connections[address] <= 0:
            del self._connections[address]

    def _refuse(self, item: RateLimitItem, rule: Rule, key: str, cost: int) -> None:
        _refusals.add(1, rule)
        wait = self._storage.wait(item.key_for(rule, key), item.amount, item.get_expiry(), cost)
        # Rounded up, so that who waits that long is not refused for the last millisecond.
        raise ChatError("rateLimited", retry_after=math.ceil(wait * 10 + 1) / 10)


class Allowance:
    """What one connection may still do before it has to ask again.

    It takes from its key's rate in blocks, so a key with several connections may be refused up to one block per
    connection before the rate is used up.
    """

    __slots__ = ("_block", "_key", "_left", "_limiter", "_rule")

    def __init__(self, limiter: RateLimiter, rule: Rule, key: str, block: int) -> None:
        """`block`: how much to take at a time; 0 if the rule has no rate."""
        self._limiter = limiter
        self._rule = rule
        self._key = key
        self._block = block
        self._left: float = 0 if block else math.inf

    def take(self, cost: int = 1) -> None:
        """Count `cost`. Raises `ChatError` with `rateLimited`; then nothing counts."""
        if self._left < cost:
            self._refill(cost)
        self._left -= cost

    def _refill(self, cost: int) -> None:
        missing = math.ceil(cost - self._left)
        if missing < self._block:
            try:
                self._limiter.take(self._rule, self._key, self._block)
            except ChatError:  # less may be left than a block, but enough
                pass
            else:
                self._left += self._block
                return
        self._limiter.take(self._rule, self._key, missing)
        self._left += missing


RULES: Final[tuple[Rule, ...]] = get_args(Rule)
