"""How far a file is, on standard error and only where somebody looks at it."""

import sys
import time
from typing import Final

from chatproto.text import terminal_safe
from chatterm.client.model import Transfer, TransferState
from chatterm.client.told import size_text

_EVERY_S: Final = 0.1
_NAME_CHARS: Final = 40


class Progress:
    """One line that is written over; nothing at all if standard error is no terminal."""

    def __init__(self) -> None:
        self._on = sys.stderr.isatty()
        self._said_at = 0.0
        self._open = False

    def show(self, transfer: Transfer) -> None:
        """Say how far it is."""
        now = time.monotonic()
        if not self._on or transfer.state is not TransferState.RUNNING or now - self._said_at < _EVERY_S:
            return
        self._said_at = now
        self._open = True
        name = terminal_safe(transfer.name)[:_NAME_CHARS]
        done = f"{transfer.done * 100 // transfer.size} %" if transfer.size else size_text(transfer.done)
        rate = f"  {size_text(int(transfer.rate))}/s" if transfer.rate >= 1 else ""
        sign = "↑" if transfer.kind == "upload" else "↓"
        sys.stderr.write(f"\r{sign} {name}  {done} of {size_text(transfer.size)}{rate}\x1b[K")
        sys.stderr.flush()

    def end(self) -> None:
        """Take the line away."""
        if self._open:
            self._open = False
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
