"""Marked ranges of a text that is edited: a mention stays with its letters, and goes when one of them changes."""

from collections.abc import Iterable
from typing import Final

from chatterm.tui.editor import Mark

EVERYBODY: Final = 0
"""The user id of a mark that means all members."""


def after_insert(marks: Iterable[Mark], row: int, column: int, text: str) -> tuple[Mark, ...]:
    """The marks after `text` was put in at a place; the one it was put into is gone."""
    added = text.split("\n")
    kept = []
    for mark in marks:
        if mark.row < row or (mark.row == row and mark.end <= column):
            kept.append(mark)
        elif mark.row > row:
            kept.append(mark._replace(row=mark.row + len(added) - 1))
        elif mark.start >= column:
            shift = len(added[-1]) - (column if len(added) > 1 else 0)
            kept.append(Mark(row + len(added) - 1, mark.start + shift, mark.end + shift, mark.user_id))
    return tuple(kept)


def after_delete(marks: Iterable[Mark], start: tuple[int, int], end: tuple[int, int]) -> tuple[Mark, ...]:
    """The marks after the text from `start` to `end`, both `(row, column)`, was taken out."""
    (row, column), (end_row, end_column) = start, end
    kept = []
    for mark in marks:
        if (mark.row, mark.end) <= (row, column):
            kept.append(mark)
        elif mark.row > end_row:
            kept.append(mark._replace(row=mark.row - (end_row - row)))
        elif (mark.row, mark.start) >= (end_row, end_column):
            shift = column - end_column
            kept.append(Mark(row, mark.start + shift, mark.end + shift, mark.user_id))
    return tuple(kept)


def within(lines: list[str], marks: Iterable[tuple[int, int, int, int]]) -> tuple[Mark, ...]:
    """Those of these marks that lie within the text; what is read back from a disk may be anything."""
    found = [Mark(*mark) for mark in marks]
    return tuple(
        mark for mark in found if 0 <= mark.row < len(lines) and 0 <= mark.start < mark.end <= len(lines[mark.row])
    )
