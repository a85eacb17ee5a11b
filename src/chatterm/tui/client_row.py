"""One row of the client list: its signs, marks and badge, as text and styles; knows no widget."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from rich.cells import cell_len

from chatproto.text import terminal_safe
from chatterm.client.model import Entry, EntryRef, PresenceState
from chatterm.tui.graphemes import fit

SIGNS: Final = {PresenceState.ONLINE: "●", PresenceState.AWAY: "◐", PresenceState.OFFLINE: "○", None: "·"}
"""Whether somebody is there; None where it cannot be known."""
GROUP, LEFT, MUTED, DRAFT, FAILED = "#", "×", "⊘", "✎", "✗"
TYPING: Final = ("typing…", "…")
"""As there is room."""


def badge_of(entry: Entry) -> str:
    """The number of unread messages, after an @ and the number of those that mention the user."""
    if not entry.unread:
        return ""
    unread = "999+" if entry.unread > 999 else str(entry.unread)
    return f"@{min(entry.mentions, 999)} {unread}" if entry.mentions else unread


@dataclass
class Marks:
    """What the rows say beside the cache: texts left unsent, messages that failed, and who is writing."""

    drafts: frozenset[EntryRef] = frozenset()
    failed: frozenset[EntryRef] = frozenset()
    typing: Callable[[int], bool] = field(default=lambda _: False)
    """Whether somebody else writes in a chat."""


class Piece(NamedTuple):
    """A text of the row, safe for the terminal, and the name of its style."""

    text: str
    style: str


def is_muted(entry: Entry, now: float) -> bool:
    """Whether a chat is muted at a time (Unix seconds)."""
    return entry.muted_until > now * 1_000_000


def row_style(entry: Entry, *, muted: bool) -> str:
    """How the name is written: unread ones stand out, those that concern the user less step back."""
    if entry.unread and (entry.mentions or not muted):
        return "unread"
    return "quiet" if entry.has_left or muted else "row"


def sign_of(entry: Entry, presence: PresenceState | None) -> Piece:
    """Whether somebody is there, or that it is a group."""
    if entry.has_left:
        return Piece(LEFT, "quiet")
    if entry.peer_id is None:
        return Piece(GROUP, "quiet")
    return Piece(SIGNS[presence], "online" if presence is PresenceState.ONLINE else "quiet")


def tail_of(entry: Entry, marks: Marks, room: int, *, is_open: bool, muted: bool) -> list[Piece]:
    """What stands at the right, at most `room` cells: who writes, else what is unsent and unread."""
    if entry.ref.kind == "chat" and marks.typing(entry.ref.id):
        told = next((text for text in TYPING if cell_len(text) <= room), "")
        return [Piece(told, "badge")] if told else []
    pieces = [Piece(FAILED, "failed")] if entry.ref in marks.failed else []
    pieces += [Piece(DRAFT, "quiet")] if entry.ref in marks.drafts and not is_open else []
    pieces += [Piece(MUTED, "quiet")] if muted else []
    badge = badge_of(entry)
    pieces += [Piece(badge, "quiet" if muted and not entry.mentions else "badge")] if badge else []
    spaced = [each for piece in pieces for each in (Piece(" ", "quiet"), piece)][1:]
    while spaced and sum(cell_len(piece.text) for piece in spaced) > room:
        spaced = spaced[2:]
    return spaced


def pieces_of(
    entry: Entry, presence: PresenceState | None, marks: Marks, width: int, now: float, *, is_open: bool
) -> list[Piece]:
    """The whole row after its first cell, `width` cells in all."""
    muted = is_muted(entry, now)
    tail = tail_of(entry, marks, max(0, width - 10), is_open=is_open, muted=muted)
    taken = sum(cell_len(piece.text) for piece in tail)
    room = max(0, width - 3 - (taken + 1 if tail else 0))
    sign = sign_of(entry, presence)
    name = Piece(fit(terminal_safe(entry.name), room), row_style(entry, muted=muted))
    return [sign, Piece(" ", "quiet"), name, *([Piece(" ", "quiet")] if tail else []), *tail, Piece(" ", "quiet")]
