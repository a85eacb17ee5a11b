"""Notices what a connection cannot: that this machine slept, or that its way to the server is another one."""

import contextlib
import ipaddress
import socket
import time
from collections.abc import Callable
from typing import Final

SLEPT_MIN_S: Final = 2.0
"""A shorter sleep breaks nothing."""
_DISCARD_PORT: Final = 9
"""Connecting a UDP socket sends nothing; it only asks the kernel for the way."""


def slept() -> float:
    """Seconds that this machine has slept since it was started; 0 where that cannot be known."""
    if hasattr(time, "CLOCK_BOOTTIME"):  # Linux: CLOCK_MONOTONIC stands still in sleep, this one does not
        return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC))
    if hasattr(time, "CLOCK_UPTIME_RAW"):  # macOS: the other way round
        return max(0.0, time.clock_gettime(time.CLOCK_MONOTONIC) - time.clock_gettime(time.CLOCK_UPTIME_RAW))
    return 0.0


def source_address(address: str) -> str:
    """The address of this machine from which it would reach an IP address; empty if there is no way to it."""
    with contextlib.suppress(ValueError, OSError):
        family = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as asking:
            asking.connect((address, _DISCARD_PORT))
            return str(asking.getsockname()[0])
    return ""


class MachineWatch:
    """Compares what it sees with what it saw the last time; a look costs a few microseconds and sends nothing."""

    def __init__(
        self, *, slept: Callable[[], float] = slept, source_address: Callable[[str], str] = source_address
    ) -> None:
        self._slept = slept
        self._source_address = source_address
        self._slept_before = slept()
        self._source: tuple[str, str] | None = None

    def changed(self, server: str) -> bool:
        """Whether the machine slept, or reaches the server's IP address (empty if unknown) in another way than before.

        A way that is lost is no news to act on: nothing can be reached without one.
        """
        slept_now = self._slept()
        woke = slept_now - self._slept_before >= SLEPT_MIN_S
        self._slept_before = slept_now
        source = (server, self._source_address(server)) if server else None
        before, self._source = self._source, source
        if before is None or source is None or before[0] != source[0]:
            return woke
        return woke or bool(source[1] and source[1] != before[1])
