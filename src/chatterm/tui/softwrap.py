"""Lines of the composer folded to a width: which characters stand in which row and cell."""

from typing import NamedTuple

from chatterm.tui.graphemes import Grapheme, graphemes


class Fold(NamedTuple):
    """One row on screen of a logical line: its graphemes and the range of characters it covers."""

    start: int
    end: int
    cells: tuple[Grapheme, ...]


def fold(line: str, width: int) -> tuple[Fold, ...]:
    """Fold one line at blanks, or within a word longer than a row; one cell stays free for the cursor."""
    room = max(2, width - 1)
    folds: list[Fold] = []
    row: list[Grapheme] = []
    used = 0
    for grapheme in graphemes(line):
        while row and used + grapheme.width > room:
            kept = _after_blank(row)
            folds.append(Fold(row[0].start, row[kept - 1].end, tuple(row[:kept])))
            row = row[kept:]
            used = sum(cell.width for cell in row)
        row.append(grapheme)
        used += grapheme.width
    folds.append(Fold(row[0].start if row else 0, len(line), tuple(row)))
    return tuple(folds)


def _after_blank(row: list[Grapheme]) -> int:
    """How many graphemes stay on a full row: up to its last blank, or all of them if it is one word."""
    for index in range(len(row), 0, -1):
        if row[index - 1].shown == " ":
            return index
    return len(row)


class Layout:
    """A whole text folded to a width, with the cursor's place in it."""

    def __init__(self, lines: list[str], row: int, column: int, width: int, before: "Layout | None" = None) -> None:
        """Lines that stand in the layout `before` are taken from it, so that a key folds one line."""
        known = before.by_line if before is not None and before.width == width else {}
        self.width: int = width
        self.by_line: dict[str, tuple[Fold, ...]] = {line: known.get(line) or fold(line, width) for line in lines}
        self.folds = [(index, part) for index, line in enumerate(lines) for part in self.by_line[line]]
        self.cursor_y = 0
        for y, (index, part) in enumerate(self.folds):
            if index == row and part.start <= column:
                self.cursor_y = y
        self.cursor_x = sum(cell.width for cell in self.folds[self.cursor_y][1].cells if cell.end <= column)

    def place(self, x: int, y: int) -> tuple[int, int]:
        """The `(row, column)` of the text at a cell; beyond the end of a row, its last column."""
        y = min(max(y, 0), len(self.folds) - 1)
        row, part = self.folds[y]
        used = 0
        for cell in part.cells:
            if used + cell.width > x:
                return row, cell.start
            used += cell.width
        last_of_line = y == len(self.folds) - 1 or self.folds[y + 1][0] != row
        return row, part.end if last_of_line or not part.cells else part.cells[-1].start
