"""What stands around a hit: a few messages before and after it, as far as they are on this device."""

from collections.abc import Callable
from typing import ClassVar, Final

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from chatproto.models import Message
from chatproto.rest import SearchHit
from chatproto.text import terminal_safe
from chatterm.client.ports import Engine
from chatterm.client.told import has_lines
from chatterm.tui.graphemes import fit
from chatterm.tui.guard import Guarded
from chatterm.tui.timeline.wrap import wrap

_AROUND: Final = 8
"""Events before and after the hit that are looked at."""
_LINES_MAX: Final = 6
"""Lines of one message around the hit that are shown."""

Lines = list[tuple[str, str]]
"""Component class and text of each line."""


class Context(Guarded, Widget):
    """The messages around the hit at the cursor, the hit itself in the middle and marked."""

    DEFAULT_CSS = """
    Context {
        width: 2fr; height: 1fr; padding: 0 1; border-left: solid $line; display: none;
        & .context--name { color: $quiet; text-style: bold; }
        & .context--text { color: $foreground 70%; }
        & .context--hit { color: $foreground; }
        & .context--bar { color: $accent; text-style: bold; }
        & .context--quiet { color: $quiet; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"context--{name}" for name in ("name", "text", "hit", "bar", "quiet")}

    def __init__(self, engine: Engine, name_of: Callable[[int], str], moment: Callable[[int], str]) -> None:
        super().__init__()
        self._engine = engine
        self._name_of = name_of
        self._moment = moment
        self._hit: SearchHit | None = None
        self._drawn: tuple[int, int, list[tuple[str, str]]] | None = None

    def show(self, hit: SearchHit | None) -> None:
        """Show what stands around this hit; what is missing is asked for."""
        self._hit = hit
        self._drawn = None
        if hit is not None and self.display and self.size.width:
            seq = hit.message.seq
            first, last = max(1, seq - _AROUND), seq + _AROUND
            head = self._engine.cache.head(hit.chat_id)
            if self._engine.cache.holes(hit.chat_id, first, min(last, max(seq, head))):
                self._engine.fill(hit.chat_id, first, min(last, max(seq, head)))
        self.refresh()

    def stored(self, chat_id: int) -> None:
        """Events of a chat reached the cache, or changed there."""
        if self._hit is not None and self._hit.chat_id == chat_id:
            self._drawn = None
            self.refresh()

    def render_line(self, y: int) -> Strip:
        width, height = self.content_size
        if self._drawn is None or self._drawn[:2] != (width, height):
            self._drawn = (width, height, self._laid_out(width, height))
        lines = self._drawn[2]
        name, text = lines[y] if y < len(lines) else ("text", "")
        bar = name == "hit"
        style = self.get_component_rich_style
        back = self.rich_style.background_style
        mark = Segment("▎" if bar else " ", style("context--bar") + back)
        rest = Segment(fit(text, max(0, width - 1)), self._named(name) + back)
        return Strip([mark, rest], width)

    def _named(self, name: str) -> Style:
        return self.get_component_rich_style(f"context--{name}")

    def _laid_out(self, width: int, height: int) -> Lines:
        """The hit about a third from the top, and as much around it as there is room for."""
        hit = self._hit
        if hit is None or width < 8:
            return []
        seq = hit.message.seq
        events = self._engine.cache.events(hit.chat_id, max(1, seq - _AROUND), seq + _AROUND)
        shown = {event.seq: event for event in events if isinstance(event, Message) and has_lines(event)}
        before: Lines = []
        for each in sorted(key for key in shown if key < seq):
            before += self._lines(shown[each], width, "text")
        own = self._lines(shown.get(seq, hit.message), width, "hit", whole=True)
        after: Lines = []
        for each in sorted(key for key in shown if key > seq):
            after += self._lines(shown[each], width, "text")
        room = max(0, height - len(own))
        kept = max(room // 2, room - len(after))
        before = before[-kept:] if kept else []
        if not shown:
            after = [("quiet", ""), ("quiet", "What stands around it is not on this device.")]
        return (before + own + after)[: max(height, 1)]

    def _lines(self, message: Message, width: int, name: str, *, whole: bool = False) -> Lines:
        head = f"{self._name_of(message.sender_id)} · {self._moment(message.at)}"
        text = "(deleted)" if message.deleted else terminal_safe(message.text, multiline=True) or "(a file)"
        spans = wrap(text, max(2, width - 2))
        cut = len(spans) if whole else _LINES_MAX
        lines: Lines = [("hit" if whole else "name", head)]
        lines += [(name, " " + text[start:end]) for start, end in spans[:cut]]
        if len(spans) > cut:
            lines.append(("quiet", " …"))
        return [*lines, ("quiet", "")]
