"""What the terminal says of drawing in pixels: whether it knows Sixel, how large a cell is, how many colours it has."""

import fcntl
import re
import struct
import termios
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from chatterm.tui.answers import Question
from chatterm.tui.timeline.sixel import COLOURS_MAX, Grain

ATTRIBUTES_QUERY: Final = "\x1b[c"
"""Primary device attributes (DA1): every terminal answers, and in the order in which it was asked."""
ATTRIBUTES: Final = re.compile("\x1b\\[\\?([0-9;]{1,60})c")
SIXEL: Final = "4"
"""The attribute of terminals with Sixel graphics."""
CELL_QUERY: Final = "\x1b[16t\x1b[14t"
"""XTWINOPS: the pixels of a cell, and those of the text."""
CELL: Final = re.compile("\x1b\\[6;([0-9]{1,4});([0-9]{1,4})t")
TEXT: Final = re.compile("\x1b\\[4;([0-9]{1,6});([0-9]{1,6})t")
COLOURS_QUERY: Final = "\x1b[?1;1;0S"
"""XTSMGRAPHICS: the number of colour registers. Asked only of terminals with Sixel: others might scroll."""
COLOURS: Final = re.compile("\x1b\\[\\?1;0;([0-9]{1,9})S")


class Window(NamedTuple):
    """A terminal's window; pixels are 0 if they are not known, and may include an edge around the text."""

    rows: int
    columns: int
    width: int
    height: int


def window_of(descriptor: int) -> Window:
    """The size of the terminal's window as the system has it; all 0 if it has none."""
    try:
        answer = fcntl.ioctl(descriptor, termios.TIOCGWINSZ, bytes(8))
    except OSError:
        return Window(0, 0, 0, 0)
    return Window(*struct.unpack("HHHH", answer))


Cell = tuple[int, int]
"""Width and height of a cell, in pixels."""


def exact_cell(window: Window) -> Cell | None:
    """The cell, if the window's pixels are whole cells; else they include an edge, or are not known."""
    if not min(window) or window.width % window.columns or window.height % window.rows:
        return None
    return window.width // window.columns, window.height // window.rows


def largest_cell(window: Window) -> Cell | None:
    """The cell if the edge has less than a pixel for each of them, else one slightly too large; None if unknown.

    What such a cell's graphic has too much, at its right and below, is covered by what is written after it.
    """
    return (window.width // window.columns, window.height // window.rows) if min(window) else None


class TerminalPixels:
    """What one terminal has told. `listeners` are called when that changes."""

    def __init__(self, ask: Callable[[str, Iterable[Question]], None], window: Callable[[], Window]) -> None:
        """`ask` writes a query and has answers told; `window` gives the size as it is now."""
        self._ask = ask
        self._window = window
        self._draws_sixel: bool | None = None
        self._colours = COLOURS_MAX
        self._measured: Window | None = None
        self._told: Cell | None = None
        self._told_now: Cell | None = None
        self._used: Cell | None = None
        self._asking = False  # one exchange at a time, so that each answer has its question
        self.listeners: list[Callable[[], None]] = []

    def draws_sixel(self) -> bool:
        """Whether the terminal said that it draws Sixel graphics; the first time, it is asked."""
        if self._draws_sixel is None and not self._asking:
            self._asking = True
            self._ask(ATTRIBUTES_QUERY, [Question(ATTRIBUTES, self._attributes_told)])
        return bool(self._draws_sixel)

    def grain(self) -> Grain | None:
        """How the terminal gets its pixels; None while it has not told the size of a cell, which is never guessed."""
        window = self._window()
        if self._measured != window and not self._asking:  # at first, and whenever the window or its font changed
            self._measured = window
            self._measure()
        self._used = self._cell(window)
        return Grain(*self._used, self._colours) if self._used is not None else None

    def _cell(self, window: Window) -> Cell | None:
        cell = exact_cell(window) or self._told
        if cell is not None:
            return cell
        largest = largest_cell(window)
        return largest if not self._asking or largest == self._used else None  # else wait for what the terminal says

    def window_changed(self) -> None:
        """Look again, if anybody draws in pixels."""
        if self._measured is not None and self._measured != self._window():
            self._changed()

    def _changed(self) -> None:
        for listener in [*self.listeners]:
            listener()

    def _attributes_told(self, found: "re.Match[str]") -> None:
        self._draws_sixel = SIXEL in found[1].split(";")[1:]
        self._asking = False
        self._changed()

    def _measure(self) -> None:
        """Ask what the system may not know; the attributes are answered last, and so end the answers."""
        self._asking = True
        self._told_now = None
        questions = [
            Question(COLOURS, self._colours_told),
            Question(TEXT, self._text_told),
            Question(CELL, self._cell_told),
            Question(ATTRIBUTES, self._all_told),
        ]
        self._ask(COLOURS_QUERY + CELL_QUERY + ATTRIBUTES_QUERY, questions)

    def _colours_told(self, found: "re.Match[str]") -> None:
        self._colours = min(int(found[1]), COLOURS_MAX)

    def _text_told(self, found: "re.Match[str]") -> None:
        window = self._window()
        self._told_now = self._told_now or exact_cell(window._replace(height=int(found[1]), width=int(found[2])))

    def _cell_told(self, found: "re.Match[str]") -> None:
        self._told_now = int(found[2]), int(found[1])

    def _all_told(self, found: "re.Match[str]") -> None:
        self._draws_sixel = SIXEL in found[1].split(";")[1:]
        self._told = self._told_now
        self._asking = False
        self._changed()
