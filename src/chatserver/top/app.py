"""The window of `chatserver top`: keys, and a board on which only lines that changed are drawn."""

import asyncio
from collections.abc import Sequence
from typing import ClassVar, Final

from rich.segment import Segment
from rich.style import Style
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Resize
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from chatserver.top import board
from chatserver.top.cells import Glyphs, Line
from chatserver.top.help import help_page
from chatserver.top.poller import INTERVALS, Names, Poller, Reads
from chatserver.top.tables import SORTS

KEYS: Final = "q quit  p pause  s sort  +/- interval  ? help"


class Board(Widget):
    """Lines of the screen."""

    DEFAULT_CSS = "Board { width: 100%; height: 100%; background: ansi_default; color: ansi_default; }"

    def __init__(self) -> None:
        super().__init__()
        self._lines: Sequence[Line] = ()
        self._strips: list[Strip] = []

    def show(self, lines: Sequence[Line]) -> None:
        """Show these lines; those that are as before are not drawn again."""
        before, self._lines = self._lines, lines
        changed = [y for y, line in enumerate(lines) if y >= len(before) or line != before[y]]
        for y in changed:
            strip = Strip([Segment(piece.text, Style.parse(piece.style)) for piece in lines[y]])
            self._strips[y : y + 1] = [strip]
        del self._strips[len(lines) :]
        if changed:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in changed))

    def render_line(self, y: int) -> Strip:
        """See `textual.widget.Widget.render_line`."""
        return self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width)


class TopApp(App[None]):
    """Watches a server until its user leaves."""

    CSS = "Screen { background: ansi_default; color: ansi_default; overflow: hidden; }"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,ctrl+c,ctrl+q", "quit", "Quit", priority=True),
        Binding("p,space", "pause", "Pause"),
        Binding("s", "sort", "Sort"),
        Binding("plus,equals_sign", "interval(1)", "Ask less often"),
        Binding("minus", "interval(-1)", "Ask more often"),
        Binding("question_mark,h,f1", "help", "Help"),
        Binding("escape", "close", "Close the help"),
    ]

    def __init__(self, source: Reads, interval: float, names: Names | None, marks: Glyphs) -> None:
        # The terminal's own sixteen colours: legible over SSH, in every theme, and with NO_COLOR.
        super().__init__(ansi_color=True)
        self.poller = Poller(source, interval, names, self.paint)
        self._marks = marks
        self._board = Board()
        self._sort = 0
        self._paused = False
        self._helping = False
        self._asking: asyncio.Task[None] | None = None

    def compose(self) -> ComposeResult:
        yield self._board

    def on_mount(self) -> None:
        self._asking = asyncio.get_running_loop().create_task(self.poller.run(), name="asking")
        self.set_interval(1.0, self._tick)

    async def on_unmount(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait([self._asking])

    def on_resize(self, _event: Resize) -> None:
        self.call_after_refresh(self.paint, force=True)

    def paint(self, *, force: bool = False) -> None:
        """Bring the board up to date, unless it stands still."""
        if self._paused and not force:
            return
        width, height = self.size
        if self._helping:
            self._board.show(help_page(width, height, self._marks))
            return
        view = self.poller.view(sort=SORTS[self._sort], paused=self._paused, keys=KEYS)
        self._board.show(board.paint(view, width, height, self._marks))

    def action_pause(self) -> None:
        """Let the board stand still, or go on."""
        self._paused = not self._paused
        self.paint(force=True)

    def action_sort(self) -> None:
        """Order the chats by the next thing."""
        self._sort = (self._sort + 1) % len(SORTS)
        self.paint(force=True)

    def action_interval(self, step: int) -> None:
        """Ask less or more often."""
        nearest = min(range(len(INTERVALS)), key=lambda place: abs(INTERVALS[place] - self.poller.interval))
        self.poller.choose(INTERVALS[min(max(0, nearest + step), len(INTERVALS) - 1)])
        self.paint(force=True)

    def action_help(self) -> None:
        """Show what the keys and figures are, or the board again."""
        self._helping = not self._helping
        self.paint(force=True)

    def action_close(self) -> None:
        """Show the board again."""
        self._helping = False
        self.paint(force=True)

    def _tick(self) -> None:
        if self.poller.trouble:  # how long it has lasted
            self.paint()
