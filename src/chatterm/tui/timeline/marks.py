"""The lines below a message that say what became of it: edited, pinned, and its reactions with their numbers."""

from typing import Final

from rich.cells import cell_len

from chatproto.models import Message
from chatproto.text import terminal_safe

BETWEEN: Final = " · "


def mark_lines(message: Message, own_id: int, width: int) -> tuple[str, ...]:
    """As many lines as it takes; one's own reactions stand in brackets. Terminal-safe."""
    pieces = ["(edited)"] if message.edited_at else []
    pieces += ["⚑ pinned"] if message.pinned else []
    for each in message.reactions:
        if each.user_ids:
            counted = f"{terminal_safe(each.emoji)} {len(each.user_ids):,}"
            pieces.append(f"[{counted}]" if own_id in each.user_ids else counted)
    lines: list[str] = []
    for piece in pieces:
        if lines and cell_len(lines[-1]) + len(BETWEEN) + cell_len(piece) <= width:
            lines[-1] += BETWEEN + piece
        else:
            lines.append(piece)
    return tuple(lines)


def reaction_at(line: str, cell: int) -> str:
    """The emoji, as it is shown, of the reaction at a cell of a line; empty if there is none."""
    start = 0
    for piece in line.split(BETWEEN):
        end = start + cell_len(piece)
        if start <= cell < end:
            emoji, _, count = piece.strip("[]").rpartition(" ")
            return emoji if count.replace(",", "").isdecimal() else ""
        start = end + len(BETWEEN)
    return ""
