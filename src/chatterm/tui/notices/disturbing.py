"""Do not disturb: until a time that survives a restart, or in the quiet hours of the settings."""

import time
from collections.abc import Callable
from typing import Final

from chatterm.client.settings import Notifications
from chatterm.client.uistate import UiState
from chatterm.tui.notices.rules import FOR_EVER, in_quiet_hours

_KEY: Final = "quiet_until"
SOON_S: Final = 24 * 3_600


class Disturbing:
    """Whether the user may be disturbed now."""

    def __init__(self, state: UiState, clock: Callable[[], float] = time.time) -> None:
        """`clock` gives Unix seconds. Raises `ClientError` if what is remembered cannot be read."""
        self._state = state
        self._clock = clock
        self._until = _number(state.setting(_KEY))

    def quiet_until(self, until: float) -> None:
        """Do not disturb before this Unix time; 0: disturb again. Kept on disk; raises `ClientError`."""
        self._state.save_setting(_KEY, str(until))
        self._until = until

    @property
    def is_chosen(self) -> bool:
        """Whether the user wants not to be disturbed now; quiet hours aside."""
        return self._clock() < self._until

    def is_allowed(self, chosen: Notifications) -> bool:
        """Whether news may be told."""
        now = self._clock()
        return now >= self._until and not in_quiet_hours(chosen.quiet_hours, minute_of_day(now))

    def words(self, chosen: Notifications) -> str:
        """What the status line says of it; empty if news are told."""
        now = self._clock()
        if now >= self._until:
            return "☾ quiet hours" if not self.is_allowed(chosen) else ""
        if self._until >= FOR_EVER:
            return "☾ do not disturb"
        form = "%H:%M" if self._until - now < SOON_S else "%a %H:%M"
        return f"☾ do not disturb until {time.strftime(form, time.localtime(self._until))}"


def minute_of_day(now: float) -> int:
    """The local time of a Unix time, in minutes."""
    local = time.localtime(now)
    return local.tm_hour * 60 + local.tm_min


def _number(text: str | None) -> float:
    try:
        return float(text or 0)
    except ValueError:  # nobody but this program writes it; without it, news are told
        return 0.0
