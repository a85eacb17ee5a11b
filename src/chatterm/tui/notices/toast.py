"""A small box in the corner that tells of news: a click opens the conversation, a click on its cross closes it."""

from collections.abc import Callable
from typing import ClassVar, Final

from rich.segment import Segment
from textual import events
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from chatterm.tui.graphemes import fit
from chatterm.tui.guard import Guarded
from chatterm.tui.timeline.wrap import wrap

SHOWN_S: Final = 6.0
_BODY_ROWS: Final = 2
_ROWS: Final = 1 + _BODY_ROWS


class NewsToast(Guarded, Widget):
    """Shows the newest notice for some seconds; another one takes its place.

    It lies over the oldest lines of the conversation: the rows of the list that the news is about stay in sight.
    """

    DEFAULT_CSS = """
    NewsToast {
        layer: _toastrack; dock: right; height: 3; width: 46; max-width: 100%; offset: 0 1;
        background: $panel; border-left: outer $accent; padding: 0 1;
        & .toast--title { color: $foreground; text-style: bold; }
        & .toast--text { color: $foreground 85%; }
        & .toast--quiet { color: $quiet; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"toast--{name}" for name in ("title", "text", "quiet")}

    def __init__(self, title: str, body: str, opened: Callable[[], None]) -> None:
        """Texts must be safe for a terminal."""
        super().__init__()
        self._title = title
        self._body = body
        self._opened = opened
        self._ends: Timer | None = None
        self._racks: list[Widget] = []

    def on_mount(self) -> None:
        self._ends = self.set_timer(SHOWN_S, self.close)
        self._racks = list(self.screen.query("#textual-toastrack"))
        self._make_room(_ROWS + 1)

    def on_unmount(self) -> None:
        self._make_room(0)

    def _make_room(self, rows: int) -> None:
        """Let what the app says stand below, so that neither covers the other."""
        for rack in self._racks:
            rack.styles.margin = (rows, 0, 0, 0)

    def show(self, title: str, body: str, opened: Callable[[], None]) -> None:
        """Tell of something newer."""
        self._title, self._body, self._opened = title, body, opened
        if self._ends is not None:
            self._ends.reset()
        self.refresh()

    def close(self) -> None:
        """Go away. Idempotent."""
        if self.is_attached:
            self.remove()

    def on_click(self, event: events.Click) -> None:
        event.stop()
        content = event.get_content_offset(self)
        on_cross = content is not None and content.y == 0 and content.x >= self.content_size.width - 2
        self.close()
        if not on_cross:
            self._opened()

    def render_line(self, y: int) -> Strip:
        width = self.content_size.width
        style = self.get_component_rich_style
        back = self.rich_style.background_style
        if y == 0:
            head = fit(self._title, max(0, width - 2))
            return Strip([Segment(head, style("toast--title") + back), Segment(" ✕", style("toast--quiet") + back)])
        spans = wrap(self._body, max(2, width))
        text = ""
        if y - 1 < min(len(spans), _BODY_ROWS):
            start, end = spans[y - 1]
            cut = y == _BODY_ROWS and len(spans) > _BODY_ROWS
            text = self._body[start:end] + ("…" if cut else "")
        return Strip([Segment(fit(text, width), style("toast--text") + back)])
