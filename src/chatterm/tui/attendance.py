"""Whether somebody is at this device: away after a while without a key or the mouse, back with the next one."""

import time
from collections.abc import Callable
from typing import Final

AWAY_AFTER_S: Final = 300.0
LOOK_EVERY_S: Final = 30.0


class Attendance:
    """Calls `tell` with whether nobody is here, at each change."""

    def __init__(self, tell: Callable[[bool], None], clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` gives seconds."""
        self._tell = tell
        self._clock = clock
        self._touched_at = clock()
        self._away = False

    def touched(self) -> None:
        """A key was pressed, or the mouse was used."""
        self._touched_at = self._clock()
        if self._away:
            self._away = False
            self._tell(False)

    def look(self) -> None:
        """To be called every `LOOK_EVERY_S`."""
        if not self._away and self._clock() - self._touched_at >= AWAY_AFTER_S:
            self._away = True
            self._tell(True)
