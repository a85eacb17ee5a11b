"""The tables: busiest chats, statements on the database, and what went wrong."""

from collections.abc import Callable, Sequence
from typing import Final

from rich.cells import cell_len

from chatserver.top.cells import DIM, PLAIN, STRONG, WARN, Glyphs, Line, Piece, cut, fitted
from chatserver.top.figures import ChatFigures, Figures, StatementFigures
from chatserver.top.rows import judged
from chatserver.top.words import duration, number

SORTS: Final = ("deliveries", "messages", "sessions")
"""What chats can be ordered by; statements are always in the order of their p99."""
_CHAT_ORDERS: Final[dict[str, Callable[[ChatFigures], float]]] = {
    "deliveries": lambda chat: chat.deliveries,
    "messages": lambda chat: chat.messages,
    "sessions": lambda chat: chat.sessions,
}
_CHAT_CELLS: Final = (8, 9, 5)
_STATEMENT_CELLS: Final = (6, 7, 7)
_NAME_CELLS: Final = 9
_QUIET: Final = 0.05
"""A minute: fewer messages than this are none."""


def chats(figures: Figures, sort: str, width: int, marks: Glyphs) -> list[Line]:
    """A heading, and a chat a line."""
    order = _CHAT_ORDERS[sort]
    heads = ("messages", "delivered", "open")
    lines = [_columns("chat", heads, _CHAT_CELLS, width, marks, heading=True)]
    busy = [chat for chat in figures.chats if chat.messages > _QUIET]
    for chat in sorted(busy, key=lambda chat: (-order(chat), chat.id)):
        name = chat.name if chat.name is not None else str(chat.id)
        values = (number(chat.messages), number(chat.deliveries), number(chat.sessions))
        lines.append(_columns(name, values, _CHAT_CELLS, width, marks))
    return lines if busy else [*lines, fitted([Piece("none", DIM)], width)]


def statements(figures: Figures, sort: str, width: int, marks: Glyphs) -> list[Line]:
    """A heading, and a statement a line: the slowest of those that ran lately first."""
    lines = [_columns("statement", ("runs/s", "p99", "worst"), _STATEMENT_CELLS, width, marks, heading=True)]
    for one in slowest(figures):
        style = judged(one.p99, 0.1, 0.5) if one.p99 is not None else DIM
        values = (number(one.per_second), duration(one.p99), duration(one.worst))
        lines.append(_columns(one.name, values, _STATEMENT_CELLS, width, marks, style=style))
    return lines


def slowest(figures: Figures) -> list[StatementFigures]:
    """All statements, the slowest of those that ran lately first."""
    return sorted(figures.statements, key=_slowness)


def errors(figures: Figures, width: int, marks: Glyphs) -> list[Line]:
    """What went wrong, several to a line, what happened lately first and set off."""
    lines: list[Line] = [[]]
    used = 0
    for error in figures.errors:
        name = cut(error.name, min(cell_len(error.name), 40), marks.ellipsis).rstrip()
        text = f"{name} {number(error.lately)}/{number(error.total)}"
        cells = cell_len(text) + 3
        if used and used + cells > width:
            lines.append([])
            used = 0
        lines[-1].append(Piece(text + "   ", WARN if error.lately else DIM))
        used += cells
    return [fitted(line, width) for line in lines if line]


def _slowness(one: StatementFigures) -> tuple[float, float, str]:
    return (-(one.p99 or 0.0), -one.worst, one.name)


def _columns(
    name: str,
    values: Sequence[str],
    widths: Sequence[int],
    width: int,
    marks: Glyphs,
    *,
    heading: bool = False,
    style: str = STRONG,
) -> Line:
    """A name and numbers; the last numbers are left out where there is no room for them."""
    shown = list(zip(values, widths, strict=True))
    while shown and width - sum(cells + 1 for _, cells in shown) < _NAME_CELLS:
        shown.pop()
    room = width - sum(cells + 1 for _, cells in shown)
    line = [Piece(cut(name, room, marks.ellipsis), DIM if heading else PLAIN)]
    for value, cells in shown:
        # Blanks are pieces of their own: some who draw the picture drop those that a text begins with.
        line += [Piece(" " * (cells + 1 - cell_len(value))), Piece(value, DIM if heading else style)]
    return fitted(line, width)
