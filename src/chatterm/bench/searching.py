"""Search on this device: how long its index takes, and how soon the first hits are there."""

import asyncio
import time
from typing import Final

from chatterm.bench.figures import Report
from chatterm.client.model import Account
from chatterm.client.paths import account_files
from chatterm.client.session import Session

BUILD_LIMIT_S: Final = 600.0
_TICK_S: Final = 0.001
QUERIES: Final = {
    "a common word": "apple",
    "a rare word": "newest",
    "two common words": "friday spades",
    "a phrase": '"apple trees"',
    "a beginning of words": "gro*",
    "a word in one chat": "in:7 bucket",
    "a word of one person": "from:me apple",
    "a word, the best first": "apple",
    "a word that nobody said": "quince",
}


async def measure(account: Account, report: Report, rounds: int) -> None:
    """Build the index of all that is cached, then search; leaves the index up to date."""
    engine = Session(account)  # not started: nothing else is going on
    try:
        begin = time.perf_counter()
        complete = await engine.finder.build(BUILD_LIMIT_S)
        assert complete, "the index took too long"
        report.add("index 1,000,000 messages for search, unpaced", time.perf_counter() - begin, "s")
        files = account_files(account.key)
        report.add("  its size beside the cache's", files.search.stat().st_size / files.cache.stat().st_size, "x")
        stalls: list[float] = []
        watch = asyncio.create_task(_stalls(stalls))
        for name, query in QUERIES.items():
            report.percentiles(f"search {name}", await _times(engine, query, "best" not in name, rounds), p99=30)
        watch.cancel()
        report.add("longest stall of the event loop meanwhile", max(stalls) * 1_000, "ms")
    finally:
        await engine.stop()


async def _times(engine: Session, query: str, newest: bool, rounds: int) -> list[float]:
    """Milliseconds from asking to the first page."""
    await engine.finder.search("warm")
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        await engine.finder.search(query, newest=newest)
        times.append((time.perf_counter() - begin) * 1_000)
    return times


async def _stalls(stalls: list[float]) -> None:
    """How much later than asked for the event loop comes round."""
    while True:
        begin = time.perf_counter()
        await asyncio.sleep(_TICK_S)
        stalls.append(max(0.0, time.perf_counter() - begin - _TICK_S))
