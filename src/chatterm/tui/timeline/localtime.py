"""Local days, clock times and date lines of message times, in the reader's zone."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo
from typing import Final

_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_SECOND: Final = 1_000_000


class LocalTime:
    """Turns microseconds since 1970 UTC into local days and texts; the day last asked for is remembered."""

    def __init__(self, zone: tzinfo | None = None, now: Callable[[], float] = time.time) -> None:
        """`zone` None is the zone of the machine; `now` gives Unix seconds."""
        self._zone = zone
        self._now = now
        self._day = 0
        self._starts = self._ends = 0

    def day(self, at: int) -> int:
        """Ordinal of the local day of `at`."""
        if not self._starts <= at < self._ends:
            local = self._local(at)
            midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
            following = (midnight.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=self._zone)
            self._starts = int(midnight.timestamp()) * _SECOND
            self._ends = int(following.timestamp()) * _SECOND
            self._day = local.toordinal()
        return self._day

    def clock(self, at: int) -> str:
        """Hours and minutes, as `12:04`."""
        local = self._local(at)
        return f"{local.hour:02}:{local.minute:02}"

    def date(self, at: int) -> str:
        """The day in words, with its year if it is not this one."""
        local = self._local(at)
        text = f"{_WEEKDAYS[local.weekday()]} {local.day} {_MONTHS[local.month - 1]}"
        this_year = datetime.fromtimestamp(self._now(), self._zone).year
        return text if local.year == this_year else f"{text} {local.year}"

    def moment(self, at: int) -> str:
        """The clock time if it is today, else the day in words and the time."""
        now = int(self._now() * _SECOND)
        return self.clock(at) if self.day(at) == self.day(now) else f"{self.date(at)}, {self.clock(at)}"

    def _local(self, at: int) -> datetime:
        try:
            return datetime.fromtimestamp(at // _SECOND, self._zone)
        except (OverflowError, ValueError, OSError):  # a time past the year 9999 is shown as the last one
            return datetime(9999, 12, 30, tzinfo=self._zone)
