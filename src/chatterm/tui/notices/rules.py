"""What is worth telling: a pure table of the message, its chat, and what the user has chosen."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from chatterm.client.settings import Notifications

_DURATION: Final = re.compile(r"(\d{1,3})\s*(m|min|h|d)", flags=re.ASCII | re.IGNORECASE)
_CLOCK: Final = re.compile(r"(\d{1,2}):(\d\d)", flags=re.ASCII)
_HOURS: Final = re.compile(r"(\d{1,2}):(\d\d)\s*-\s*(\d{1,2}):(\d\d)", flags=re.ASCII)
_MINUTES: Final = {"m": 1, "min": 1, "h": 60, "d": 24 * 60}
DAY_MINUTES: Final = 24 * 60
FOR_EVER: Final = 1 << 40
"""A Unix time that does not come: until it is switched off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """A message that has just arrived, as far as it matters whether to tell of it."""

    own: bool = False
    """The user wrote it, here or on another device."""
    direct: bool = False
    muted: bool = False
    named: bool = False
    """It mentions the user by name."""
    everybody: bool = False
    """It mentions everybody."""
    answers: bool = False
    """It answers a message of the user."""
    reaction: bool = False
    """It is a reaction to a message of the user."""
    seen: bool = False
    """It was read, here or on another device, or was taken back."""


def is_worth_telling(news: News, chosen: Notifications, *, disturb: bool) -> bool:
    """Whether to tell of this; with `disturb` False, nothing is told."""
    if news.own or news.seen or not disturb:
        return False
    if news.reaction:
        return not news.muted and (chosen.direct if news.direct else chosen.groups == "all")
    if news.muted:
        return news.named
    if news.direct:
        return chosen.direct
    if chosen.groups == "mentions":
        return news.named or news.everybody or news.answers
    return chosen.groups == "all"


class Unread(NamedTuple):
    """What is unread in a chat."""

    messages: int
    mentions: int
    direct: bool
    muted: bool


def missed(before: Mapping[int, Unread], now: Mapping[int, Unread], chosen: Notifications) -> tuple[int, int, bool]:
    """What has become unread while this device was away, as far as it is worth telling.

    Messages, chats, and whether any message names the user. Of what arrived so, only the numbers are known.
    """
    messages = chats = 0
    urgent = False
    for chat_id, unread in now.items():
        then = before.get(chat_id, Unread(0, 0, unread.direct, unread.muted))
        mentions = max(0, unread.mentions - then.mentions)
        grown = max(0, unread.messages - then.messages)
        told = chosen.direct if unread.direct else chosen.groups == "all"
        if unread.muted or (not told and chosen.groups == "mentions" and not unread.direct):
            grown = mentions
        elif not told:
            grown = 0
        if grown:
            messages, chats, urgent = messages + grown, chats + 1, urgent or mentions > 0
    return messages, chats, urgent


def quiet_until(wanted: str, now: float, minute_of_day: int) -> float | None:
    """The Unix time at which `/dnd WANTED` ends; 0 for off, None if it cannot be understood.

    A duration (`30m`, `2h`, `1d`), a time of day (`18:00`, the next one), `on` for until it is switched off, or
    `off`. `minute_of_day`: the local time now.
    """
    text = wanted.strip().lower().removeprefix("until ").removeprefix("for ").strip()
    if text in ("off", "no", "end"):
        return 0.0
    if text in ("", "on", "yes"):
        return float(FOR_EVER)
    duration = _DURATION.fullmatch(text)
    if duration is not None and int(duration[1]):
        return now + 60.0 * int(duration[1]) * _MINUTES[duration[2]]
    clock = _CLOCK.fullmatch(text)
    if clock is not None and int(clock[1]) < 24 and int(clock[2]) < 60:
        minutes = (int(clock[1]) * 60 + int(clock[2]) - minute_of_day) % DAY_MINUTES or DAY_MINUTES
        return now - now % 60 + 60.0 * minutes
    return None


def in_quiet_hours(hours: str, minute_of_day: int) -> bool:
    """Whether a local time lies in `22:00-07:00`; never in what is empty or makes no sense."""
    found = _HOURS.fullmatch(hours.strip())
    if found is None:
        return False
    begin, end = int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])
    if begin <= end:
        return begin <= minute_of_day < end
    return minute_of_day >= begin or minute_of_day < end
