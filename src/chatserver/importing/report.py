"""What an import did: counts, and of everything that was not taken over as it is, why, how often and where."""

from dataclasses import dataclass, field
from typing import Final

import msgspec

from chatproto.text import terminal_safe
from chatserver.importing.model import ImportFailedError

EXAMPLES_MAX: Final = 3
REASONS_MAX: Final = 200
WARNINGS_MAX: Final = 100


class Noted(msgspec.Struct):
    """How often something was met, and where first."""

    count: int = 0
    examples: list[str] = msgspec.field(default_factory=list)


class Totals(msgspec.Struct, rename="camel"):
    """Numbers of one kind or another; `there` were imported before, `accounts_made` have no password yet."""

    chats_read: int = 0
    chats_made: int = 0
    people_read: int = 0
    accounts_made: int = 0
    accounts_found: int = 0
    events_read: int = 0
    messages_imported: int = 0
    events_imported: int = 0
    files_imported: int = 0
    there: int = 0


@dataclass(slots=True)
class Report:
    """Hears of everything; see `Notes`. Without `keep_going` the first thing that cannot be read ends the import."""

    keep_going: bool = False
    dry_run: bool = False
    totals: Totals = field(default_factory=Totals)
    skipped: dict[str, Noted] = field(default_factory=dict)
    problems: dict[str, Noted] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def skip(self, reason: str, place: str) -> None:
        _note(self.skipped, reason, place)

    def wrong(self, reason: str, place: str) -> None:
        if not self.keep_going:
            raise ImportFailedError(
                f"{place}: {reason}. Nothing was imported; correct it, or leave such places out with --keep-going."
            )
        _note(self.problems, reason, place)

    def warn(self, text: str) -> None:
        if len(self.warnings) < WARNINGS_MAX and text not in self.warnings:
            self.warnings.append(text)

    def as_json(self) -> str:
        """One JSON object."""
        content = {
            "dryRun": self.dry_run,
            **msgspec.to_builtins(self.totals),
            "skipped": self.skipped,
            "problems": self.problems,
            "warnings": self.warnings,
        }
        return msgspec.json.encode(content).decode()

    def as_text(self) -> str:
        """For people."""
        totals = self.totals
        would = "would be " if self.dry_run else ""
        lines = [
            f"read      {totals.events_read:,} events of {totals.chats_read:,} chats, {totals.people_read:,} people",
            f"accounts  {totals.accounts_found:,} found, {totals.accounts_made:,} {would}made without a password",
            f"chats     {totals.chats_made:,} {would}made",
            f"imported  {totals.messages_imported:,} messages, {totals.events_imported:,} other events, "
            f"{totals.files_imported:,} files" + (" (nothing was written)" if self.dry_run else ""),
            f"there     {totals.there:,} events, from an earlier import",
        ]
        for title, noted in (("skipped", self.skipped), ("problem", self.problems)):
            for reason, what in sorted(noted.items(), key=lambda entry: -entry[1].count):
                lines.append(f"{title:<9} {what.count:,} {reason}: {', '.join(what.examples)}")
        lines += [f"{'warning':<9} {warning}" for warning in self.warnings]
        return "".join(terminal_safe(line) + "\n" for line in lines)


def _note(noted: dict[str, Noted], reason: str, place: str) -> None:
    if reason not in noted and len(noted) >= REASONS_MAX:
        reason = "other things"
    what = noted.setdefault(reason, Noted())
    what.count += 1
    if len(what.examples) < EXAMPLES_MAX:
        what.examples.append(place)
