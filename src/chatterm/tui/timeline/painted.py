"""The view's lines: painted once, kept while they are true, and marked with what is selected."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from textual.cache import LRUCache
from textual.geometry import Region
from textual.selection import Selection
from textual.strip import Strip

from chatproto.text import terminal_safe
from chatterm.client.ports import CacheReader
from chatterm.tui.guard import Guarded
from chatterm.tui.timeline.body import Look
from chatterm.tui.timeline.items import Columns, Item, Kind
from chatterm.tui.timeline.localtime import LocalTime
from chatterm.tui.timeline.messages import ChatView
from chatterm.tui.timeline.names import Names
from chatterm.tui.timeline.paint import STYLES, Painter
from chatterm.tui.timeline.viewport import Scrolling

if TYPE_CHECKING:
    from chatterm.tui.timeline.gallery import Source
    from chatterm.tui.timeline.hands import Hands

KEPT_STRIPS: Final = 1_024
"""Painted lines kept in memory."""
_CHOOSE: Final = Item(0, 0, [(Kind.HINT, 0, 0)], text="Choose a conversation to begin.")
_UNREADABLE: Final = Item(0, 0, [(Kind.HINT, 0, 0)], text="This conversation cannot be read now; trying again.")


class Painted(Guarded, Scrolling):
    """What `Timeline` shows, line by line. Who changes `_chat` or the viewport clears the lines that are kept."""

    ALLOW_SELECT = True

    def __init__(
        self,
        cache: CacheReader,
        own_user_id: int,
        days: LocalTime,
        *,
        pictures: "Source | None",
        seen_count: Callable[[int, int], int] | None,
        id: str | None,  # noqa: A002 - the name Textual gives it
        classes: str | None,
    ) -> None:
        """See `Timeline`."""
        super().__init__(id=id, classes=classes)
        self._cache = cache
        self._own_id = own_user_id
        self._days = days
        self._seen_count = seen_count
        self._names = Names(cache)
        self._look = Look(self, own_user_id, self._names, pictures)
        self._chat: ChatView | None = None
        self._hands: Hands | None = None
        self._online = True
        self._painter: Painter | None = None
        self._strips: LRUCache[tuple[Item, int], Strip] = LRUCache(KEPT_STRIPS)

    def extras_changed(self) -> None:
        """There are more colours of code, or pictures."""
        self._strips.clear()
        self.refresh(self.size.region)

    def about_to_paint(self, whole: bool) -> None:
        """Called before lines are painted, with whether all of them will be."""

    def notify_style_update(self) -> None:
        """The theme changed: paint everything anew."""
        super().notify_style_update()
        self._painter = None
        self._strips.clear()

    def _current_painter(self) -> Painter:
        if self._painter is None:
            document = self.viewport.document if self.viewport is not None else None
            styles = {name: self.get_component_rich_style(f"timeline--{name}") for name in STYLES}
            title = terminal_safe(self._chat.title) if self._chat is not None else ""
            self._painter = Painter(
                styles,
                self.rich_style,
                self._days,
                names=self._names,
                own_id=self._own_id,
                unread_text=document.unread_text if document is not None else "",
                hole_around=document.blocks.hole_around if document is not None else lambda first, last: (first, last),
                highlight=self._look.highlight,
                picture_row=self._look.picture_row,
                seen_mark=self._seen_mark(),
                hint=f"No messages yet. Say hello{f' to {title}' if title else ''}.",
            )
            if not self._online:
                self._painter.gap_note = "; you are offline"
        return self._painter

    def _seen_mark(self) -> Callable[[int], str] | None:
        """What gives the mark of an own sent message: seen by all others, by so many of them, or just sent."""
        chat_id, count = self._chat.chat_id if self._chat is not None else None, self._seen_count
        if count is None or chat_id is None:
            return None

        def mark(seq: int) -> str:
            seen = count(chat_id, seq)
            if not seen:
                return "✓"
            chat = self._cache.chat(chat_id)
            return "✓✓" if chat is not None and seen >= chat.member_count - 1 else f"✓{min(seen, 99)}"

        return mark

    def _line_at(self, row: int) -> tuple[Item, int] | None:
        if self.viewport is not None:
            return self.viewport.line(row)
        if row != self.size.height // 2:
            return None
        return (_CHOOSE if self._chat is None else _UNREADABLE), 0

    def _strip(self, found: tuple[Item, int] | None, columns: Columns) -> Strip:
        painter = self._current_painter()
        if found is None:
            return painter.blank(columns)
        strip = self._strips.get(found)
        if strip is None:
            strip = painter.strip(*found, columns)
            item, line = found
            # What a gap says depends on its neighbours; pictures come late, and their rows are kept elsewhere.
            if not item.is_gap and item.lines[line][0] is not Kind.IMAGE:
                self._strips[found] = strip
        return strip

    def render_line(self, y: int) -> Strip:
        """One line with the offsets that mouse selection needs; painting goes through `render_lines`."""
        from chatterm.tui.timeline import selection as selecting  # noqa: PLC0415 - at first nothing is selected

        columns = self._columns()
        found = self._line_at(y)
        strip = self._strip(found, columns)
        if found is None:
            return strip
        return self._marked(strip, *found).apply_offsets(0, selecting.Place(found[0].key, found[1]).y)

    def render_lines(self, crop: Region) -> list[Strip]:
        """The visible lines, straight from the cache of strips: they survive scrolling with all they have cached."""
        self.about_to_paint(crop.size == self.size)
        self._look.painting()
        columns = self._columns()
        filters = self.get_line_filters()
        background = self.background_colors[1]
        selection = self._selection()
        strips: list[Strip] = []
        for row in crop.line_range:
            found = self._line_at(row)
            strip = self._strip(found, columns)
            if found is not None:
                strip = self._marked(strip, *found)
            if selection is not None and found is not None:
                from chatterm.tui.timeline import selection as selecting  # noqa: PLC0415 - see `_selection`

                style = self.screen.get_component_rich_style("screen--selection")
                strip = selecting.highlight(strip, selection, *found, style)
            for line_filter in filters:
                strip = strip.apply_filter(line_filter, background)
            strips.append(strip if crop.column_span == (0, columns.width) else strip.crop(*crop.column_span))
        return strips

    def _columns(self) -> Columns:
        """The columns in which what is shown was laid out."""
        if self.viewport is not None and self.viewport.document.columns.width == self.size.width:
            return self.viewport.document.columns
        return Columns.of(self.size.width)

    def _marked(self, strip: Strip, item: Item, line: int) -> Strip:
        """The line as it is, or with the mark of the selected message."""
        return strip if self._hands is None else self._hands.marked(strip, item, line)

    # --- text selected with the mouse ---

    def _selection(self) -> Selection | None:
        selection = self.text_selection
        if selection is None or self.viewport is None:
            return None
        from chatterm.tui.timeline import selection as selecting  # noqa: PLC0415 - at first nothing is selected

        return selecting.bounded(selection, self.viewport)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text, messages as they are shown."""
        from chatterm.tui.timeline import selection as selecting  # noqa: PLC0415 - at first nothing is selected

        bounded = selecting.bounded(selection, self.viewport) if self.viewport is not None else None
        if self.viewport is None or bounded is None:
            return None
        return selecting.extract(bounded, self.viewport.document, self._current_painter()), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """The mouse moved on while selecting."""
        self.refresh(self.size.region)
