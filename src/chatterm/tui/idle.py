"""Garbage collection at quiet moments: a full collection in the middle of typing would cost a frame."""

import gc
import time
from typing import Final

INTERVAL_S: Final = 5.0
QUIET_S: Final = 1.0
FULL_EVERY: Final = 24
"""Every 24th quiet collection, two minutes apart, is a full one."""
YOUNG_MAX: Final = 20_000
"""New objects (those of about 200 keys) after which the automatic collector looks at them: a millisecond or two."""
NEVER: Final = 100_000
"""Young collections before the automatic collector would look at older objects."""


class IdleCollector:
    """Leaves only the youngest objects to the automatic collector once the first screen stands."""

    def __init__(self) -> None:
        self._last_key = 0.0
        self._rounds = 0

    def start(self) -> None:
        """Everything that exists now stays: it is never looked at again."""
        gc.collect()
        gc.freeze()
        gc.set_threshold(YOUNG_MAX, NEVER, NEVER)
        gc.enable()

    def key_pressed(self) -> None:
        self._last_key = time.monotonic()

    def tick(self) -> None:
        """Called every `INTERVAL_S`: collect if nobody has typed for a moment."""
        if time.monotonic() - self._last_key >= QUIET_S:
            self._rounds += 1
            gc.collect(2 if self._rounds % FULL_EVERY == 0 else 1)
