"""Which lines of a conversation are on screen, how they hold still while it changes, and the widget that moves."""

from collections.abc import Collection, Iterator
from typing import Final

from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.widget import Widget

from chatterm.tui.timeline.body import Bodies
from chatterm.tui.timeline.document import Anchor, Document
from chatterm.tui.timeline.items import Item

PAGE_OVERLAP: Final = 2
"""Lines that stay on screen when paging, to read on from."""


class Viewport:
    """`rows` lines of a document from line `top` on.

    While `follow` is set the newest message stays in sight. Otherwise the line that `anchor` names stays on its
    row through every change, unless the document ends too early for that.
    """

    def __init__(self, document: Document, rows: int) -> None:
        """Begin where reading goes on: at the new messages, or at the end."""
        self.document = document
        self.rows = rows
        self.top = 0
        self.anchor: Anchor | None = None
        self.follow = True
        self.go_to(document.unread_anchor())

    @property
    def at_end(self) -> bool:
        return self.top >= max(0, self.document.height - self.rows)

    def settle(self) -> None:
        """Find the line at the top again after blocks have been laid out."""
        self._place()

    def resize(self, width: int, rows: int) -> None:
        """Take another size with the same message in the same place."""
        self.rows = rows
        if width != self.document.columns.width:
            self.document.resize(width)
        self._place()

    def look(self, bodies: Bodies) -> None:
        """Read texts in another way, with the same message in the same place."""
        self.document.resize(self.document.columns.width, bodies)
        self._place()

    def renamed(self) -> None:
        """People may have other names now."""
        if self.document.renamed():
            self._place()

    def go(self, top: int) -> None:
        """Move to a line; the document's ends stop it."""
        self.top = self.document.settle(top, self.rows)
        self.follow = self.at_end
        self._hold()

    def go_to(self, anchor: Anchor | None) -> None:
        """Move to where an anchor is on its row; None is the newest message, to stay with it."""
        self.anchor = anchor
        self.follow = anchor is None
        self._place()

    def stored(self, first: int, last: int, changed: Collection[int] = ()) -> None:
        """Take in events that reached the cache, messages that changed there, and the outbox."""
        self.document.stored(first, last, changed)
        self._place()

    def line(self, row: int) -> tuple[Item, int] | None:
        """The item and its line on a row; a short conversation sits at the bottom."""
        number = self.top + row - max(0, self.rows - self.document.height)
        return self.document.line(number) if 0 <= number < self.document.height else None

    def visible(self) -> Iterator[tuple[int, Item, int]]:
        """(row, item, its line) for each item on screen, at the first of its lines there."""
        space = max(0, self.rows - self.document.height)
        for row, item, line in self.document.visible(self.top, self.rows):
            yield row + space, item, line

    def _place(self) -> None:
        if self.follow or self.anchor is None:
            self.top = self.document.settle_end(self.rows)
        else:
            self.top = self.document.settle_anchor(self.anchor, self.rows)
            self.follow = self.at_end
        self._hold()

    def _hold(self) -> None:
        self.anchor = None if self.follow else self.document.anchor(self.top, self.rows)


class Scrolling(ScrollView):
    """A view that shows a `Viewport`; never animated, since what lies above is measured on the way."""

    FOCUS_ON_CLICK = False  # a click on a message must not take the keys from the composer

    viewport: Viewport | None = None

    def action_scroll_up(self) -> None:
        self.go_by(-1)

    def action_scroll_down(self) -> None:
        self.go_by(1)

    def action_page_up(self) -> None:
        self.go_by(-self.page)

    def action_page_down(self) -> None:
        self.go_by(self.page)

    def action_scroll_home(self) -> None:
        self.go(0)

    def action_scroll_end(self) -> None:
        """Return to the newest message and stay with it."""
        self.go_to(None)

    def go_to(self, anchor: Anchor | None) -> None:
        """Move to where an anchor is on its row; None is the newest message, to stay with it."""
        if self.viewport is not None:
            self.viewport.go_to(anchor)
            self.moved()

    @property
    def place(self) -> Anchor | None:
        """Where the reader is, to come back to with `go_to`; None with the newest message in sight."""
        return self.viewport.anchor if self.viewport is not None else None

    def scroll_to(self, x: float | None = None, y: float | None = None, **options: object) -> None:
        """Go to a line at once; the options of Textual's own method make no difference."""
        if y is not None:
            self.go(round(y))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Wheel and scrollbar set the position; a clamped one while the size changes is not theirs."""
        viewport = self.viewport
        if viewport is not None and self._fits(viewport):
            if round(new_value) != viewport.top:
                self.go(round(new_value))
        else:
            super().watch_scroll_y(old_value, new_value)

    @property
    def page(self) -> int:
        return max(1, self.size.height - PAGE_OVERLAP)

    def go_by(self, lines: int) -> None:
        if self.viewport is not None:
            self.go(self.viewport.top + lines)

    def go(self, top: int) -> None:
        if self.viewport is not None:
            self.viewport.go(top)
            self.moved()

    def _fits(self, viewport: Viewport) -> bool:
        return (viewport.document.columns.width, viewport.rows) == self.size

    def moved(self, *, repaint: bool = True) -> None:
        """Show the viewport where it now is; tells the scrollbar and never the layout, which stays as it is."""
        viewport = self.viewport
        if viewport is None:
            return
        height = viewport.document.height
        self.set_reactive(Widget.virtual_size, Size(self.size.width, height))
        self.set_reactive(Widget.scroll_y, float(viewport.top))
        self.set_reactive(Widget.scroll_target_y, float(viewport.top))
        bar = self.vertical_scrollbar
        bar.window_virtual_size = height
        bar.window_size = viewport.rows
        bar.position = viewport.top
        if repaint:
            self.refresh(self.size.region)
        self._report_soon()

    def _report_soon(self) -> None:
        """Called after every move."""
