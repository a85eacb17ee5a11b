"""What the service manager is told, if there is one: ready, reloading, stopping, alive; see sd_notify(3)."""

import contextlib
import os
import socket
import time
from collections.abc import Mapping
from typing import Final

_PATIENCE_S: Final = 0.5
"""Seconds to wait where the manager's queue is full."""
_WATCHDOG_SHARE: Final = 2
"""Tell that often within the time after which the manager would act, as sd_watchdog_enabled(3) recommends."""


class ServiceManager:
    """The one that started this process, if it wants to know. What cannot be told is dropped: nobody waits for it."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        # `@` stands for the abstract namespace; other kinds of addresses (vsock) are not for us.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._status = ""
        ours = environ.get("WATCHDOG_PID", "") in {"", str(os.getpid())}
        period = environ.get("WATCHDOG_USEC", "")
        self.watchdog_s: float | None = int(period) / 1e6 / _WATCHDOG_SHARE if ours and period.isdecimal() else None
        """Seconds within which `alive` must be called, if the manager watches."""

    def starting(self, status: str, seconds: float) -> None:
        """The start takes longer than usual, at most so many seconds from now."""
        self._tell(f"EXTEND_TIMEOUT_USEC={int(seconds * 1e6)}", self._changed(status))

    def ready(self, status: str) -> None:
        """The server is there, for the first time or after `reloading`."""
        self._tell("READY=1", self._changed(status))

    def reloading(self) -> None:
        """Settings are read again, or the program is replaced; `ready` follows."""
        self._tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1_000}")

    def stopping(self) -> None:
        """The end has begun."""
        self._tell("STOPPING=1", self._changed("Stopping"))

    def status(self, text: str) -> None:
        """One line for `systemctl status`; told only if it is another one than before."""
        if text != self._status:
            self._tell(self._changed(text))

    def alive(self) -> None:
        """The event loop turns."""
        if self.watchdog_s is not None:
            self._tell("WATCHDOG=1")

    def _changed(self, status: str) -> str:
        self._status = status
        return f"STATUS={status}".replace("\n", " ")

    def _tell(self, *lines: str) -> None:
        if not self._address:
            return
        # It may have gone, or take nothing: the server goes on.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.settimeout(_PATIENCE_S)
            sock.sendto("\n".join(lines).encode(), self._address)
