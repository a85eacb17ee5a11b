"""The bus of a server that is one process: hands each commit to every part that asked, at once and in order."""

import logging
import time
from collections.abc import Callable
from typing import Final

from chatserver import measures
from chatserver.store.base import Commit, CommitListener

REMEMBERED_S: Final = 60.0
"""For so long a part that failed makes the bus unwell."""

_failures = measures.counter("chatserver_bus_failures", "Commits that a part of the server could not take.", "part")

_log = logging.getLogger(__name__)


class MemoryBus:
    """Every subscriber gets every commit exactly once, in commit order and in the order of subscription.

    A subscriber that fails is logged and keeps nothing from the others. What it missed is not repeated: clients find
    it when they compare heads or resume.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds."""
        self._clock = clock
        self._subscribers: list[tuple[str, CommitListener]] = []
        self._failed: tuple[str, float] | None = None

    def subscribe(self, part: str, listener: CommitListener) -> None:
        """From now on `listener` gets every commit; `part` names it in the log and the metrics."""
        self._subscribers.append((part, listener))
        _failures.add(0, part)  # there from the beginning, so that the first failure is seen as growth

    def publish(self, commit: Commit) -> None:
        """Hand over a durable commit; the store's listener."""
        for part, listener in self._subscribers:
            try:
                listener(commit)
            except Exception:  # a defect of one part must not silence the others
                _log.exception("%s could not take a commit", part)
                _failures.add(1, part)
                self._failed = (part, self._clock())

    def complaint(self) -> str:
        """Why the bus is not well; empty if it is."""
        if self._failed is None or self._clock() - self._failed[1] > REMEMBERED_S:
            return ""
        return f"The part '{self._failed[0]}' could not take a commit. Look into the log."
