"""Commits beside a server that serves: after each, others get their turn at the database."""

import asyncio
from collections.abc import Awaitable
from time import monotonic
from typing import Final, TypeVar

_PAUSE_MIN_S: Final = 0.005
_LONG_S: Final = 0.1
_LONG_PAUSE_S: Final = 0.15
"""After a commit that took longer than `_LONG_S`: who has waited so long looks every 100 milliseconds only."""

T = TypeVar("T")


async def in_turn(commit: Awaitable[T]) -> T:
    """The result of a commit, after a pause in which a process that waits notices that it has ended.

    A third of the time is others', however slow the disk: SQLite gives no turns, waiting processes look now and then.
    """
    began = monotonic()
    result = await commit
    took = monotonic() - began
    await asyncio.sleep(_LONG_PAUSE_S if took > _LONG_S else max(_PAUSE_MIN_S, took / 2))
    return result
