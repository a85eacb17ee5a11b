"""The server's clock."""

import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Microseconds since 1970 UTC; injected wherever time decides, so that tests need not wait."""


def now_us() -> int:
    """The system's time in microseconds since 1970 UTC."""
    return time.time_ns() // 1_000
