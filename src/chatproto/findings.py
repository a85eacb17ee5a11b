"""What a check of an installation found: good, worth knowing, or bad with what to do; as `doctor` prints it."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from chatproto.text import terminal_safe


class FindingState(StrEnum):
    """How it is."""

    GOOD = "good"
    NOTICE = "notice"
    """It works, but somebody may want to know."""
    BAD = "bad"


_SIGNS = {FindingState.GOOD: "ok  ", FindingState.NOTICE: "note", FindingState.BAD: "BAD "}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, by a stable name. `hint` says what to do; `account` is the key of the account that
    it belongs to, on the client's side.
    """

    check: str
    state: FindingState
    message: str
    hint: str = ""
    account: str | None = None

    def record(self) -> dict[str, Any]:
        """As a JSON object; `docs/schema/finding.json` describes it."""
        return asdict(self)

    def lines(self) -> list[str]:
        """For a terminal: what was found and, if there is something to do, what."""
        place = f"{self.account}: " if self.account is not None else ""
        first = terminal_safe(f"{_SIGNS[self.state]}  {place}{self.check}: {self.message}")
        return [first, terminal_safe(f"      {self.hint}")] if self.hint else [first]


def good(check: str, message: str, account: str | None = None) -> Finding:
    """Nothing to do."""
    return Finding(check, FindingState.GOOD, message, account=account)


def notice(check: str, message: str, hint: str = "", account: str | None = None) -> Finding:
    """Worth knowing."""
    return Finding(check, FindingState.NOTICE, message, hint, account)


def bad(check: str, message: str, hint: str, account: str | None = None) -> Finding:
    """Something does not work."""
    return Finding(check, FindingState.BAD, message, hint, account)
