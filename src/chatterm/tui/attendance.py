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
        self._held = False

    def hold(self) -> None:
        """The user says that nobody is here, until `release`."""
        self._held = True
        self._be(away=True)

    def release(self) -> None:
        """The user is back."""
        self._held = False
        self.touched()

    def touched(self) -> None:
        """A key was pressed, or the mouse was used."""
        self._touched_at = self._clock()
        if not self._held:
            self._be(away=False)

    def look(self) -> None:
        """To be called every `LOOK_EVERY_S`."""
        if self._clock() - self._touched_at >= AWAY_AFTER_S:
            self._be(away=True)

    def _be(self, *, away: bool) -> None:
        if away != self._away:
            self._away = away
            self._tell(away)
