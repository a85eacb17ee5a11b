"""Whether a new message is worth a push: decided from the user's rules, the chat's, and the clock."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from chatproto.errors import ChatError
from chatproto.rest import PushRules, QuietHours
from chatserver.store.interfaces.push import PushTarget

_decoder = msgspec.json.Decoder(PushRules)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_rules(stored: str | None) -> PushRules:
    """The rules as they were stored; the defaults if none were."""
    return _decoder.decode(stored) if stored is not None else PushRules()


def check_rules(rules: PushRules) -> None:
    """Raises `ChatError` with `pushRulesInvalid` for a time zone that is not known here."""
    if rules.quiet_hours is not None:
        _zone(rules.quiet_hours.time_zone)


def wants_push(target: PushTarget, rules: PushRules, now: int) -> bool:
    """Whether to tell this user of unseen messages; `now` in microseconds since 1970 UTC."""
    if now < rules.do_not_disturb_until or (rules.quiet_hours is not None and _is_quiet(rules.quiet_hours, now)):
        return False
    if target.mentioned and (target.direct or rules.groups != "none"):
        return True
    if now < target.muted_until:
        return False
    return target.direct or rules.groups == "all" or (rules.groups == "mentions" and target.mentioned_all)


def _is_quiet(hours: QuietHours, now: int) -> bool:
    try:
        zone = _zone(hours.time_zone)
    except ChatError:  # the system's list of time zones has lost it; a push too many is better than none
        return False
    local = (_EPOCH + timedelta(microseconds=now)).astimezone(zone).time()
    start, end = time.fromisoformat(hours.start), time.fromisoformat(hours.end)
    if start <= end:
        return start <= local < end
    return local >= start or local < end


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ChatError("pushRulesInvalid", "There is no such time zone.") from None
