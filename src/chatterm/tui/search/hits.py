"""The hits of a search: any number, of which only those in sight are drawn; each two or three rows high."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Final

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from chatproto.rest import SearchHit
from chatproto.text import terminal_safe
from chatterm.client.searching import Place, place_of
from chatterm.tui.graphemes import fit, graphemes
from chatterm.tui.guard import Guarded
from chatterm.tui.timeline.wrap import clip, wrap

_ROOMY: Final = 90
"""From this width on, a snippet has one row, else two."""
_NEAR_END: Final = 20
"""Hits below the last row in sight at which more are fetched."""


@dataclass(frozen=True, slots=True)
class Described:
    """What is said of a hit, safe for a terminal."""

    chat: str
    author: str
    moment: str


class HitRows(Guarded, ScrollView, can_focus=False):
    """The hits in order, with a cursor that stays on its hit when others come in before it."""

    DEFAULT_CSS = """
    HitRows {
        height: 1fr;
        width: 1fr;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
        & .hit--text { color: $foreground 85%; }
        & .hit--match { color: $foreground; text-style: bold underline; }
        & .hit--name { color: $foreground; text-style: bold; }
        & .hit--cursor { background: $primary 35%; }
        & .hit--bar { color: $accent; text-style: bold; }
        & .hit--quiet { color: $quiet; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"hit--{name}" for name in ("text", "match", "name", "cursor", "bar", "quiet")
    }

    class Moved(Message):
        """The cursor is on another hit, or on none."""

    class Chosen(Message):
        """The hit at the cursor is to be opened."""

    class EndNear(Message):
        """More hits are wanted."""

    def __init__(self, describe: Callable[[SearchHit], Described]) -> None:
        super().__init__()
        self._describe = describe
        self._hits: Sequence[SearchHit] = ()
        self._places: dict[Place, int] = {}
        self._at = 0
        self._empty: Sequence[str] = ()
        self._row_height = 2

    @property
    def current(self) -> SearchHit | None:
        """The hit at the cursor."""
        return self._hits[self._at] if self._at < len(self._hits) else None

    def show(self, hits: Sequence[SearchHit], empty: Sequence[str], *, fresh: bool = False) -> None:
        """Show these hits, or if there are none what `empty` says, safe for a terminal.

        The cursor stays on its hit and its hit on its row, unless `fresh`: then the first one is meant.
        """
        before = self.current
        held = place_of(before) if before is not None and not fresh else None
        old = self._at
        self._hits, self._empty = hits, empty
        self._places = {place_of(hit): index for index, hit in enumerate(hits)}
        self._at = 0 if held is None else self._places.get(held, min(old, max(0, len(hits) - 1)))
        self._measure()
        if held is None:
            self.scroll_to(y=0, animate=False)
        elif self._at != old and self.scroll_offset.y > 0:
            self.scroll_to(y=self.scroll_offset.y + (self._at - old) * self._row_height, animate=False)
        self.refresh()
        after = self.current
        if (None if after is None else place_of(after)) != (None if before is None else place_of(before)):
            self.post_message(self.Moved())

    def select(self, place: Place) -> None:
        """Put the cursor on a hit, if it is there."""
        index = self._places.get(place)
        if index is not None:
            self._go_to(index)

    def move(self, action: str) -> None:
        """Move the cursor as an action of the client list does."""
        page = max(1, self.size.height // self._row_height - 1)
        count = len(self._hits)
        steps = {"cursor_up": -1, "cursor_down": 1, "list_page_up": -page, "list_page_down": page}
        steps |= {"first": -count, "last": count}
        if count:
            self._go_to(min(max(0, self._at + steps.get(action, 0)), count - 1))

    def _go_to(self, index: int) -> None:
        moved, self._at = index != self._at, index
        first, height = index * self._row_height, self.size.height
        top = self.scroll_offset.y
        if first < top:
            self.scroll_to(y=first, animate=False)
        elif first + self._row_height > top + height > 0:
            self.scroll_to(y=first + self._row_height - height, animate=False)
        self.refresh()
        if moved:
            self.post_message(self.Moved())
        self._look_ahead()

    def _look_ahead(self) -> None:
        last = (self.scroll_offset.y + self.size.height) // self._row_height
        if self._hits and max(last, self._at) + _NEAR_END >= len(self._hits):
            self.post_message(self.EndNear())

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._look_ahead()

    def on_resize(self) -> None:
        at, top = self._at, self.scroll_offset.y // self._row_height
        self._measure()
        self.scroll_to(y=top * self._row_height, animate=False)
        if self._hits:
            self._go_to(at)

    def _measure(self) -> None:
        self._row_height = 2 if self.size.width >= _ROOMY else 3
        height = len(self._hits) * self._row_height
        if self.virtual_size.height != height:
            self.virtual_size = Size(0, height)

    def on_click(self, event: events.Click) -> None:
        event.stop()
        content = event.get_content_offset(self)
        index = (content.y + self.scroll_offset.y) // self._row_height if content is not None else -1
        if 0 <= index < len(self._hits):
            again = index == self._at and event.chain > 1
            self._go_to(index)
            if again or event.chain == 1:
                self.post_message(self.Chosen())

    # --- drawing ---

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if not self._hits:
            return self._draw_empty(y, width)
        index, row = divmod(y + self.scroll_offset.y, self._row_height)
        if index >= len(self._hits):
            return Strip.blank(width, self.rich_style)
        hit, at_cursor = self._hits[index], index == self._at
        back = self.get_component_rich_style("hit--cursor") if at_cursor else self.rich_style
        bar = Segment("› " if at_cursor and not row else "  ", self._style("bar", back))
        body = self._head(hit, width - 3, back) if not row else self._snippet(hit, row - 1, width - 3, back)
        used = sum(cell_len(segment.text) for segment in body)
        return Strip([bar, *body, Segment(" " * max(0, width - 2 - used), self._style("text", back))], width)

    def _style(self, name: str, back: Style) -> Style:
        return self.get_component_rich_style(f"hit--{name}") + back.background_style

    def _draw_empty(self, y: int, width: int) -> Strip:
        lines = [text[slice(*span)] for text in self._empty for span in wrap(text, max(2, width - 4))]
        text = lines[y] if y < len(lines) else ""
        return Strip([Segment("  " + fit(text, max(0, width - 2)), self._style("quiet", self.rich_style))], width)

    def _head(self, hit: SearchHit, width: int, back: Style) -> list[Segment]:
        said = self._describe(hit)
        room = max(0, width - cell_len(said.moment) - 1)
        chat = clip(said.chat, max(4, room // 2)) if said.author else clip(said.chat, room)
        author = clip(said.author, max(0, room - cell_len(chat) - 3)) if said.author else ""
        used = cell_len(chat) + (3 + cell_len(author) if author else 0)
        quiet = self._style("quiet" if back is self.rich_style else "text", back)  # also readable at the cursor
        return [
            Segment(chat, self._style("name", back)),
            Segment(" · " if author else "", quiet),
            Segment(author, self._style("text", back)),
            Segment(" " * max(1, room - used + 1), quiet),
            Segment(said.moment if width > cell_len(said.moment) else "", quiet),
        ]

    def _snippet(self, hit: SearchHit, row: int, width: int, back: Style) -> list[Segment]:
        """One row of a snippet, whole graphemes at a time, the matches bold and underlined."""
        text, marked = shown_snippet(hit)
        spans = wrap(text, max(2, width))
        last = self._row_height - 2
        if row >= len(spans):
            return []
        start, end = spans[row]
        cut = row == last and row + 1 < len(spans)
        line = clip(text[start:end] + ("…" if cut else ""), width)
        plain, match = self._style("text", back), self._style("match", back)
        segments = [
            Segment(each.shown, match if any(low <= start + each.start < high for low, high in marked) else plain)
            for each in graphemes(line)
        ]
        return list(Segment.simplify(segments))


def shown_snippet(hit: SearchHit) -> tuple[str, list[tuple[int, int]]]:
    """A snippet as one safe line, and where in it the matches stand."""
    pieces: list[str] = []
    marked: list[tuple[int, int]] = []
    size = at = 0
    bounds = sorted({0, len(hit.snippet), *(edge for span in hit.matches for edge in span)})
    starts = [low for low, _ in hit.matches]
    for low, high in pairwise(bounds):
        piece = terminal_safe(" ".join(hit.snippet[low:high].split("\n")))
        pieces.append(piece)
        index = bisect_right(starts, low) - 1
        if index >= 0 and low < hit.matches[index][1]:
            marked.append((size, size + len(piece)))
        size, at = size + len(piece), high
    pieces.append(terminal_safe(hit.snippet[at:]))
    return "".join(pieces) or ("(a file)" if hit.message.files else ""), marked
