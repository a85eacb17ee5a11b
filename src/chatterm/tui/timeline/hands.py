"""The reader's hands in the messages: keys that move the selection or act on it, and the mouse."""

from collections.abc import Callable
from typing import Final

from rich.style import Style
from textual.strip import Strip

from chatterm.tui.actions import ActionWanted
from chatterm.tui.actions import current as keymap
from chatterm.tui.timeline import ahead, hits, mouse
from chatterm.tui.timeline import cursor as cursors
from chatterm.tui.timeline.cursor import Cursor
from chatterm.tui.timeline.items import Item, Kind
from chatterm.tui.timeline.messages import MessagesLeft, Selected
from chatterm.tui.timeline.viewport import PAGE_OVERLAP, Scrolling, Viewport

STEP: Final = 3
"""Lines that the view moves on where there is no message to go to, as in a part that is not loaded."""


class Hands:
    """Selects one message of a view, and moves both."""

    def __init__(self, view: Scrolling, name: Callable[[int], str]) -> None:
        """`name` gives the name of an author as it is shown."""
        self.cursor = Cursor()
        self.ahead = ahead.Ahead()
        self._view = view
        self._name = name

    @property
    def selected(self) -> Selected | None:
        """The selected message; None if there is none."""
        viewport = self._view.viewport
        return self.cursor.selected(viewport.document) if viewport is not None else None

    def select(self, seq: int) -> None:
        """Go to the event at `seq` and select it, also if it is yet to be loaded."""
        viewport = self._view.viewport
        if viewport is None or not 0 < seq <= viewport.document.head:
            return
        self.cursor.point(seq)
        self._view.go_to(cursors.anchor_of(viewport, seq))

    def select_newest(self) -> None:
        """Select the newest message in sight, unless one in sight is selected already."""
        if self._view.viewport is None:
            return
        shown = cursors.in_sight(self._view.viewport)
        if shown and self.cursor.key not in {item.key for _, item in shown}:
            self._take(shown[-1][1])

    def unselect(self) -> None:
        if self.cursor.key is not None:
            self.cursor.clear()
            self._repaint()

    def _take(self, item: Item) -> None:
        self.cursor.select(item)
        self._repaint()

    def _repaint(self) -> None:
        self._view.refresh(self._view.size.region)

    def stay(self, change: Callable[[], object]) -> None:
        """Let the conversation or the view change; a selected message that was in sight stays so."""
        viewport = self._view.viewport
        if viewport is not None:
            self.cursor.stay(viewport, change)
            if self._view.has_focus and self.cursor.key is None:
                self.select_newest()

    def marked(self, strip: Strip, item: Item, line: int) -> Strip:
        """The line as it is, or with the mark of the selected message."""
        if item.key != self.cursor.key or item.is_gap or line < cursors.own_start(item):
            return strip
        if item.lines[line][0] is not Kind.IMAGE:
            return cursors.mark(strip, self._style("cursor"), self._style("selected"))
        marked = cursors.mark(strip, self._style("cursor"), Style())  # the colours of its cells are the picture
        from chatterm.tui.timeline.pixel_row import PixelStrip  # noqa: PLC0415 - only with a picture

        return strip.over(marked) if isinstance(strip, PixelStrip) else marked

    def _style(self, name: str) -> Style:
        return self._view.get_component_rich_style(f"timeline--{name}", partial=True)

    # --- the mouse ---

    def click(self, x: int, y: int, *, menu: bool) -> None:
        """Select the message at a cell of the view; on what leads somewhere go there, a second time show the menu."""
        viewport = self._view.viewport
        found = viewport.line(y) if viewport is not None else None
        if (
            viewport is None
            or found is None
            or not cursors.is_message(found[0])
            or found[1] < cursors.own_start(found[0])
        ):
            self.unselect()
            return
        item, line = found
        again = self.cursor.key == item.key
        self._take(item)
        wanted = None if menu else mouse.meant(item, line, x, viewport.document.columns, self._name(item.sender_id))
        if wanted is None and (menu or again):
            wanted = ActionWanted("message_menu")
        if wanted is not None:
            self._view.post_message(wanted)

    def links(self) -> list[str]:
        """The validated targets of the selected message's links, each once."""
        item = self._selected_item()
        return [hit.target for hit in hits.targets(item) if isinstance(hit, hits.LinkHit)] if item is not None else []

    # --- keys ---

    def press(self, key: str) -> bool:
        """Do what the table says of a key for the selected message; False if it says nothing."""
        name = keymap().table("message").get(key)
        if name is None:
            return False
        own: Callable[[], None] | None = getattr(self, f"_do_{name}", None)
        if name in ahead.GIVING and (own is not None or self.selected is not None):
            self.ahead.begin(self._view)
        if own is not None:
            own()
        elif self.selected is not None:
            self._reveal()
            self._view.post_message(ActionWanted(name))
        return True

    def _do_message_up(self) -> None:
        self._step(-1)

    def _do_message_down(self) -> None:
        self._step(1)

    def _do_message_page_up(self) -> None:
        self._step_page(-1)

    def _do_message_page_down(self) -> None:
        self._step_page(1)

    def _do_first_message(self) -> None:
        self._view.go(0)
        self._select_edge(0)

    def _do_last_message(self) -> None:
        self._view.action_scroll_end()
        self._select_edge(-1)

    def _do_to_writing(self) -> None:
        self.unselect()
        self._view.post_message(MessagesLeft())

    def _do_to_clients(self) -> None:
        self._view.post_message(MessagesLeft(to_list=True))

    def _do_follow_message(self) -> None:
        item = self._selected_item()
        if item is not None and item.reply_to:
            self._view.post_message(ActionWanted("show_quoted"))
        else:
            self._do_to_writing()

    def _selected_item(self) -> Item | None:
        viewport, key = self._view.viewport, self.cursor.key
        found = cursors.find(viewport.document, key) if viewport is not None and key is not None else None
        return found[0] if found is not None else None

    def _reveal(self) -> None:
        item = self._selected_item()
        if self._view.viewport is not None and item is not None:
            cursors.reveal(self._view.viewport, item)
            self._view.moved()

    def _step(self, step: int) -> None:
        """To the next message up or down; through what is taller than the view, or not loaded, a few lines on."""
        viewport = self._view.viewport
        if viewport is None:
            return
        shown = cursors.in_sight(viewport)
        if self.cursor.key not in {item.key for _, item in shown}:
            if shown:
                self.cursor.select(shown[-1 if step < 0 else 0][1])
                self._view.moved()
            else:
                self._view.go_by(step * STEP)
            return
        rest = self._hidden_part(viewport, step)
        if rest:
            self._view.go_by(step * min(rest, max(1, viewport.rows - PAGE_OVERLAP)))
            return
        item = cursors.neighbour(viewport.document, self.cursor.key or 0, step)
        if item is None:
            viewport.settle()
            self._view.go_by(step * STEP)
        else:
            self.cursor.select(item)
            if step > 0 and self.cursor.is_newest(viewport.document):
                viewport.go_to(None)
            cursors.reveal(viewport, item)
            self._view.moved()

    def _hidden_part(self, viewport: Viewport, step: int) -> int:
        """Lines of the selected message that are still out of sight in this direction."""
        viewport.settle()
        found = cursors.find(viewport.document, self.cursor.key or 0)
        if found is None:
            return 0
        item, start = found
        if step < 0:
            return max(0, viewport.top - (start + cursors.own_start(item)))
        return max(0, start + len(item.lines) - (viewport.top + viewport.rows))

    def _step_page(self, step: int) -> None:
        viewport = self._view.viewport
        if viewport is None:
            return
        rows = [row for row, item in cursors.in_sight(viewport) if item.key == self.cursor.key]
        top = viewport.top
        self._view.go_by(step * self._view.page)
        if viewport.top == top:
            self._select_edge(0 if step < 0 else -1)
            return
        moved = min(self._view.page, abs(viewport.top - top))
        row = rows[0] + step * (self._view.page - moved) if rows else viewport.rows // 2
        item = cursors.nearest(viewport, row)
        if item is not None:
            self.cursor.select(item)

    def _select_edge(self, index: int) -> None:
        shown = cursors.in_sight(self._view.viewport) if self._view.viewport is not None else []
        if shown:
            self._take(shown[index][1])
