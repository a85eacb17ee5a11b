"""Days and times as people write them."""

import re
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Final

from chatterm.client.errors import ClientError

_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_TIME: Final = re.compile(r"(\d{1,2})[:.](\d{2})")
_ISO: Final = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_SHORT: Final = re.compile(r"(\d{1,2})-(\d{1,2})")


def read_moment(text: str, now: datetime, zone: tzinfo | None = None) -> int:
    """The moment meant, in microseconds since 1970 UTC: a day (its beginning), a time, or both.

    A day is `2026-11-20`, `11-20`, `today`, `yesterday` or a weekday, the last one that has begun; a time without a
    day is the last one that has passed. `zone` None is the machine's. Raises `ClientError`.
    """
    words = text.lower().replace(",", " ").split()
    clock = next((found for word in words if (found := _TIME.fullmatch(word))), None)
    days = [word for word in words if not _TIME.fullmatch(word)]
    try:
        if not words or len(days) > 1 or len(words) - len(days) > 1:
            raise ValueError(text)
        day = _day(days[0], now.date()) if days else now.date()
        at = time(int(clock[1]), int(clock[2])) if clock is not None else time()
        moment = datetime.combine(day, at, zone)
        if not days and moment.timestamp() > now.timestamp():
            moment = datetime.combine(day - timedelta(days=1), at, zone)
        return int(moment.timestamp()) * 1_000_000
    except (ValueError, OverflowError, OSError):
        raise ClientError(
            "dateUnknown",
            f"“{text[:40]}” is no day or time.",
            "Write 2026-11-20, yesterday, friday, 12:30 or both: 2026-11-20 12:30.",
        ) from None


def _day(word: str, today: date) -> date:
    if word in ("today", "yesterday"):
        return today - timedelta(days=word == "yesterday")
    if len(word) >= 3 and any(name.startswith(word) for name in _WEEKDAYS):
        wanted = next(index for index, name in enumerate(_WEEKDAYS) if name.startswith(word))
        return today - timedelta(days=(today.weekday() - wanted) % 7)
    if found := _ISO.fullmatch(word):
        return date(int(found[1]), int(found[2]), int(found[3]))
    if found := _SHORT.fullmatch(word):
        day = date(today.year, int(found[1]), int(found[2]))
        return day if day <= today else date(today.year - 1, int(found[1]), int(found[2]))
    raise ValueError(word)
