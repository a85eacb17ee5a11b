"""When a user is left alone: quiet hours across midnight and time zones, and rules that cannot be followed."""

from datetime import UTC, datetime

import pytest

from chatproto.errors import ChatError
from chatproto.rest import PushRules, QuietHours
from chatserver.push.rules import check_rules, wants_push
from chatserver.store.interfaces.push import PushTarget

DIRECT = PushTarget(user_id=1, direct=True, muted_until=0, mentioned=False, mentioned_all=False, rules=None)


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("start", "end", "now", "quiet"),
    [
        ("22:00", "07:00", "2026-01-10T20:59:00", False),
        ("22:00", "07:00", "2026-01-10T21:00:00", True),
        ("22:00", "07:00", "2026-01-11T05:59:59", True),
        ("22:00", "07:00", "2026-01-11T06:00:00", False),
        ("22:00", "07:00", "2026-07-10T20:00:00", True),
        ("12:00", "13:00", "2026-01-10T11:30:00", True),
        ("12:00", "13:00", "2026-01-10T12:00:00", False),
        ("12:00", "12:00", "2026-01-10T11:00:00", False),
    ],
)
def test_quiet_hours_follow_the_users_clock(start: str, end: str, now: str, quiet: bool) -> None:
    """Berlin is one hour ahead of UTC in winter and two in summer."""
    rules = PushRules(quiet_hours=QuietHours(start=start, end=end, time_zone="Europe/Berlin"))
    assert wants_push(DIRECT, rules, at(now)) is not quiet


def test_a_zone_that_is_not_known_any_more_does_not_silence() -> None:
    """A push too many is better than none; storing such rules is refused."""
    rules = PushRules(quiet_hours=QuietHours(start="00:00", end="23:59", time_zone="Middle/Earth"))
    assert wants_push(DIRECT, rules, at("2026-01-10T12:00:00"))
    with pytest.raises(ChatError, match="time zone"):
        check_rules(rules)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "\0", "Europe", ""])
def test_the_name_of_a_zone_is_no_path(name: str) -> None:
    """It comes from a user."""
    with pytest.raises(ChatError, match="time zone"):
        check_rules(PushRules(quiet_hours=QuietHours(start="00:00", end="01:00", time_zone=name)))
