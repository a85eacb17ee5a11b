"""A multi-line text with a cursor: editing by grapheme, word and line, with undo; knows no widget."""

import re
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Final, NamedTuple

from chatproto import limits
from chatterm.tui.graphemes import graphemes

_WORD_RIGHT: Final = re.compile(r"\W*\w+|\W+\Z")
UNDO_MAX: Final = 200
"""Steps kept for undo; the oldest are forgotten."""
TEXT_MAX: Final = 4 * limits.MESSAGE_MAX_BYTES
"""Characters the editor takes at all; a longer paste is refused whole, never cut."""


class Mark(NamedTuple):
    """The characters `start` to `end` of a line name a user; `start < end`, and marks never overlap."""

    row: int
    start: int
    end: int
    user_id: int


_RUN: Final = re.compile(r"\w+|\s+|[^\w\s]+")
Selection = tuple[tuple[int, int], tuple[int, int]]
State = tuple[tuple[str, ...], int, int, tuple[Mark, ...]]


def _marking() -> ModuleType:
    from chatterm.tui.writing import marks  # noqa: PLC0415 - most texts have none

    return marks


def _is_word(char: str) -> bool:
    return char.isalnum() or char == "_"


class Editor:
    """Lines of text and a cursor `(row, column)`, the column in characters and always between graphemes.

    `marks` are the mentions in it; they move with their letters, also through undo.
    """

    def __init__(self, text: str = "") -> None:
        self.lines: list[str] = [""]
        self.row = 0
        self.column = 0
        self.marks: tuple[Mark, ...] = ()
        self.anchor: tuple[int, int] | None = None
        self._undo: list[State] = []
        self._redo: list[State] = []
        self._typing = False
        self.load(text)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def is_empty(self) -> bool:
        return len(self.lines) == 1 and not self.lines[0]

    def load(self, text: str, marks: Iterable[tuple[int, int, int, int]] = ()) -> None:
        """Replace everything, put the cursor at the end and forget the undo steps."""
        self.lines = text.split("\n")
        self.marks = _marking().within(self.lines, marks) if marks else ()
        self.row = len(self.lines) - 1
        self.column = len(self.lines[-1])
        self._undo.clear()
        self._redo.clear()
        self._typing = False
        self.anchor = None

    # --- selection: what lies between the anchor and the cursor ---

    @property
    def selection(self) -> Selection | None:
        """The first place that is selected and the one after the last; None if nothing is."""
        cursor = (self.row, self.column)
        if self.anchor is None or self.anchor == cursor:
            return None
        return (self.anchor, cursor) if self.anchor < cursor else (cursor, self.anchor)

    @property
    def selected_text(self) -> str:
        """What is selected, as it was written; empty if nothing is."""
        if self.selection is None:
            return ""
        (row, column), (end_row, end_column) = self.selection
        lines = self.lines[row : end_row + 1]
        lines[-1] = lines[-1][:end_column]
        lines[0] = lines[0][column:]
        return "\n".join(lines)

    def select(self, move: Callable[[], object]) -> None:
        """Move with the anchor where it is, or where the cursor was."""
        anchor = self.anchor or (self.row, self.column)
        move()
        self.anchor = anchor

    def select_word(self) -> None:
        """Select the word at the cursor, or the run of other characters there."""
        line, column = self.lines[self.row], self.column
        at = next((found for found in _RUN.finditer(line) if found.start() <= column < found.end()), None)
        if at is not None:
            self.column = at.end()
            self._snap()
            self.anchor = (self.row, at.start())

    def select_line(self) -> None:
        """Select the cursor's line, without its end."""
        self.column = len(self.lines[self.row])
        self.anchor = (self.row, 0)

    def insert(self, text: str) -> bool:
        """Insert in the place of the selection, or at the cursor.

        False and nothing changed if the whole would pass `TEXT_MAX` characters.
        """
        if len(text) + sum(map(len, self.lines)) + len(self.lines) > TEXT_MAX:
            return False
        if self.selection is None:
            self._remember(typing=len(text) == 1 and text not in " \n")
        else:
            self._delete(lambda: None)
        self.anchor = None
        if self.marks:
            self.marks = _marking().after_insert(self.marks, self.row, self.column, text)
        line = self.lines[self.row]
        new = (line[: self.column] + text).split("\n")
        self.lines[self.row : self.row + 1] = [*new[:-1], new[-1] + line[self.column :]]
        self.row += len(new) - 1
        self.column = len(new[-1])
        self._snap()
        return True

    def replace(self, start: int, text: str, after: str = "", user_id: int | None = None) -> bool:
        """Put `text` and `after` in the place of the characters from `start` to the cursor, in one step of undo.

        With a `user_id`, `text` is a mention of that user. False and nothing changed if that is too much text.
        """
        if sum(map(len, self.lines)) + len(self.lines) + len(text) + len(after) > TEXT_MAX:
            return False
        before = self._state()
        undo = self._undo[:]
        self.anchor = None
        self.column, end = start, self.column
        self._delete(lambda: self.move_to(self.row, end))
        self.insert(text + after)
        self._undo = undo
        self._push(before)
        if user_id is not None:
            self.marks = tuple(sorted((*self.marks, Mark(self.row, start, start + len(text), user_id))))
        return True

    def clear(self) -> None:
        """Empty the text; one step of undo brings it back."""
        if not self.is_empty:
            self._remember()
            self.lines, self.row, self.column, self.marks = [""], 0, 0, ()
            self.anchor = None

    # --- movement ---

    def left(self) -> None:
        self._typing = False
        line = self.lines[self.row]
        if self.column and line.isascii():
            self.column -= 1
        elif self.column:
            self.column = max(g.start for g in graphemes(line) if g.start < self.column)
        elif self.row:
            self.row -= 1
            self.column = len(self.lines[self.row])

    def right(self) -> None:
        self._typing = False
        line = self.lines[self.row]
        if self.column < len(line) and line.isascii():
            self.column += 1
        elif self.column < len(line):
            self.column = min(g.end for g in graphemes(line) if g.end > self.column)
        elif self.row < len(self.lines) - 1:
            self.row += 1
            self.column = 0

    def word_left(self) -> None:
        self._typing = False
        if not self.column:
            self.left()
            return
        line, column = self.lines[self.row], self.column
        while column and not _is_word(line[column - 1]):
            column -= 1
        while column and _is_word(line[column - 1]):
            column -= 1
        self.column = column
        self._snap()

    def word_right(self) -> None:
        self._typing = False
        if self.column == len(self.lines[self.row]):
            self.right()
            return
        found = _WORD_RIGHT.match(self.lines[self.row], self.column)
        self.column = found.end() if found else len(self.lines[self.row])
        self._snap()

    def line_start(self) -> None:
        self._typing = False
        self.column = 0

    def line_end(self) -> None:
        self._typing = False
        self.column = len(self.lines[self.row])

    def move_to(self, row: int, column: int) -> None:
        """Put the cursor at a place, clamped to the text and to a boundary between graphemes."""
        self._typing = False
        self.row = min(max(row, 0), len(self.lines) - 1)
        self.column = min(max(column, 0), len(self.lines[self.row]))
        self._snap()

    # --- deletion: the selection, else everything between the cursor and where a movement leads ---

    def backspace(self) -> None:
        self._delete(self.left)

    def delete(self) -> None:
        self._delete(self.right)

    def delete_word_left(self) -> None:
        self._delete(self.word_left)

    def delete_word_right(self) -> None:
        self._delete(self.word_right)

    def delete_to_start(self) -> None:
        self._delete(self.line_start)

    def delete_to_end(self) -> None:
        self._delete(self.line_end if self.column < len(self.lines[self.row]) else self.right)

    def undo(self) -> None:
        self._swap(self._undo, self._redo)

    def redo(self) -> None:
        self._swap(self._redo, self._undo)

    def _delete(self, move: Callable[[], None]) -> None:
        before = self._state()
        start = (self.row, self.column)
        if self.selection is None:
            move()
        else:
            start, (self.row, self.column) = self.selection
        self.anchor = None
        (row, column), (end_row, end_column) = sorted((start, (self.row, self.column)))
        if (row, column) == (end_row, end_column):
            return
        self._push(before)
        if self.marks:
            self.marks = _marking().after_delete(self.marks, (row, column), (end_row, end_column))
        self.lines[row : end_row + 1] = [self.lines[row][:column] + self.lines[end_row][end_column:]]
        self.row, self.column = row, column
        self._snap()

    def _snap(self) -> None:
        """Joining texts may have made one grapheme of two: move the cursor to the next boundary."""
        line = self.lines[self.row]
        if 0 < self.column < len(line) and not line.isascii():
            self.column = min((g.end for g in graphemes(line) if g.end >= self.column), default=len(line))

    def _state(self) -> State:
        return tuple(self.lines), self.row, self.column, self.marks

    def _push(self, state: State) -> None:
        self._undo.append(state)
        del self._undo[:-UNDO_MAX]
        self._redo.clear()

    def _remember(self, *, typing: bool = False) -> None:
        """Keep the state before a change; letters typed one after the other are one step."""
        if not (typing and self._typing):
            self._push(self._state())
        self._typing = typing

    def _swap(self, source: list[State], target: list[State]) -> None:
        self._typing = False
        self.anchor = None
        if source:
            target.append(self._state())
            lines, self.row, self.column, self.marks = source.pop()
            self.lines = list(lines)
