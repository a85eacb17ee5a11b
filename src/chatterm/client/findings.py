"""What a check of this installation found: good, worth knowing, or bad with what to do."""

from dataclasses import dataclass
from enum import StrEnum


class FindingState(StrEnum):
    """How it is."""

    GOOD = "good"
    NOTICE = "notice"
    """It works, but the user may want to know."""
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `hint` says what to do; `account` is the key of the account it belongs to."""

    check: str
    state: FindingState
    message: str
    hint: str = ""
    account: str | None = None


def good(check: str, message: str, account: str | None = None) -> Finding:
    """Nothing to do."""
    return Finding(check, FindingState.GOOD, message, account=account)


def notice(check: str, message: str, hint: str = "", account: str | None = None) -> Finding:
    """Worth knowing."""
    return Finding(check, FindingState.NOTICE, message, hint, account)


def bad(check: str, message: str, hint: str, account: str | None = None) -> Finding:
    """Something does not work."""
    return Finding(check, FindingState.BAD, message, hint, account)
