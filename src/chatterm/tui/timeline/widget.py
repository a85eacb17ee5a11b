"""The message view: a window onto one conversation that costs what a screenful costs."""

import logging
import time
from collections.abc import Callable, Iterable
from datetime import tzinfo
from typing import ClassVar, Final

from textual import events
from textual.binding import Binding, BindingType
from textual.cache import LRUCache
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from chatproto.text import terminal_safe
from chatterm.client.errors import ClientError
from chatterm.client.ports import CacheReader, OutboxReader
from chatterm.client.settings import Settings
from chatterm.tui.timeline.body import Bodies
from chatterm.tui.timeline.document import Document, find_unread
from chatterm.tui.timeline.items import Columns, Item, Kind
from chatterm.tui.timeline.localtime import LocalTime
from chatterm.tui.timeline.messages import ChatView
from chatterm.tui.timeline.names import Names
from chatterm.tui.timeline.paint import STYLE_RULES, STYLES, Painter
from chatterm.tui.timeline.sight import Sight
from chatterm.tui.timeline.viewport import Viewport

log = logging.getLogger(__name__)

KEPT_STRIPS: Final = 1_024
"""Painted lines kept in memory."""
APPLY_INTERVAL_S: Final = 0.04
"""Changes that come faster than this are taken in together."""
RETRY_S: Final = 1.0
"""After this a cache that could not be read is tried again."""
PAGE_OVERLAP: Final = 2
"""Lines that stay on screen when paging, to read on from."""
_CHOOSE: Final = Item(0, 0, [(Kind.HINT, 0, 0)], text="Choose a conversation to begin.")
_UNREADABLE: Final = Item(0, 0, [(Kind.HINT, 0, 0)], text="This conversation cannot be read now; trying again.")


class Timeline(ScrollView, can_focus=True):
    """Shows one conversation at a time; `show` swaps it without mounting anything.

    Give it a height from outside (`1fr`) and neither border nor padding: it paints its whole region itself.
    The engine's notices come in through `events_stored`, `outbox_changed`, `users_changed` and `seen_changed`;
    they are cheap, and several in a row are taken in together. What the reader looks at stays where it is,
    unless the newest message was in sight: then it stays in sight.
    """

    ALLOW_SELECT = True
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"timeline--{name}" for name in STYLES}
    DEFAULT_CSS = f"""
    Timeline {{
        height: 1fr;
        overflow-x: hidden;
        overflow-y: scroll;
        scrollbar-size-vertical: 1;
        color: $foreground;
        {STYLE_RULES}
    }}
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll_up", "One line up", show=False),
        Binding("down", "scroll_down", "One line down", show=False),
        Binding("pageup", "page_up", "One page up", show=False),
        Binding("pagedown", "page_down", "One page down", show=False),
        Binding("home", "scroll_home", "To the beginning", show=False),
        Binding("end", "scroll_end", "To the newest message", show=False),
    ]

    def __init__(
        self,
        cache: CacheReader,
        outbox: OutboxReader,
        own_user_id: int,
        *,
        now: Callable[[], float] = time.time,
        zone: tzinfo | None = None,
        id: str | None = None,  # noqa: A002 - the name Textual gives it
        classes: str | None = None,
    ) -> None:
        """`now` gives Unix seconds, `zone` None is the machine's time zone."""
        super().__init__(id=id, classes=classes)
        self._cache = cache
        self._outbox = outbox
        self._own_id = own_user_id
        self._days = LocalTime(zone, now)
        self._chat: ChatView | None = None
        self._viewport: Viewport | None = None
        self._painter: Painter | None = None
        self._strips: LRUCache[tuple[Item, int], Strip] = LRUCache(KEPT_STRIPS)
        self._names = Names(cache)
        self._markdown = True
        self._pending: tuple[int, int] | None = None
        self._changed: set[int] = set()
        self._outbox_pending = False
        self._apply_due = self._report_due = self._retry_due = False
        self._applied_at = 0.0
        self._sight = Sight()

    # --- what the screen around it calls ---

    def show(self, chat: ChatView | None) -> None:
        """Show a conversation from where reading goes on, or with None a hint to choose one."""
        if self.is_attached and self.text_selection is not None:
            self.screen.clear_selection()
        self._chat = chat
        self._viewport = self._painter = self._pending = None
        self._changed.clear()
        self._outbox_pending = False
        self._sight = Sight()
        self._strips.clear()
        self._fit()
        self.refresh()

    def events_stored(self, first_seq: int, last_seq: int, live: bool, changed: Iterable[int] = ()) -> None:
        """Events of the chat on screen reached the cache; `live` ones are new, others history.

        `changed` are messages that are newer there than they were; the range may be empty.
        """
        self._changed.update(changed)
        if first_seq <= last_seq:
            if self._pending is not None:
                first_seq, last_seq = min(first_seq, self._pending[0]), max(last_seq, self._pending[1])
            self._pending = (first_seq, last_seq)
        self._schedule()

    def outbox_changed(self) -> None:
        """Rows of the outbox were queued, tried, refused, sent or discarded."""
        self._outbox_pending = True
        self._schedule()

    def users_changed(self) -> None:
        """Names may have changed."""
        self._names.clear()
        self._strips.clear()
        viewport = self._viewport
        if viewport is not None and self._try(viewport.renamed):
            self._moved()
        self.refresh()

    def settings_changed(self, settings: Settings) -> None:
        """Other settings are in force."""
        self.show_markdown(settings.look.markdown)

    def show_markdown(self, on: bool) -> None:
        """Show Markdown as what it means, or texts as they were written; at once."""
        if on != self._markdown:
            self._markdown = on
            self._strips.clear()
            viewport = self._viewport
            if viewport is not None and self._try(lambda: viewport.look(self._bodies())):
                self._moved()

    def _bodies(self) -> Bodies:
        return Bodies(self._own_id, self._names, markdown=self._markdown)

    def seen_changed(self) -> None:
        """The chat's row changed; if its log is known to be longer, what is missing is drawn and asked for."""
        viewport = self._viewport
        if viewport is None or viewport.document.chat.chat_id is None:
            return
        if self._cache.head(viewport.document.chat.chat_id) > viewport.document.head:
            self.outbox_changed()

    def ask_again(self) -> None:
        """Post what is missing near the reader once more, for example when the connection is back."""
        self._sight.forget_wanted()
        self._report_soon()

    @property
    def chat(self) -> ChatView | None:
        return self._chat

    @property
    def at_end(self) -> bool:
        """The newest message is in sight and will stay so."""
        return self._viewport is None or self._viewport.follow

    # --- scrolling; never animated, since what lies above is measured on the way ---

    def action_scroll_up(self) -> None:
        self._go_by(-1)

    def action_scroll_down(self) -> None:
        self._go_by(1)

    def action_page_up(self) -> None:
        self._go_by(-max(1, self.size.height - PAGE_OVERLAP))

    def action_page_down(self) -> None:
        self._go_by(max(1, self.size.height - PAGE_OVERLAP))

    def action_scroll_home(self) -> None:
        self._go(0)

    def action_scroll_end(self) -> None:
        """Return to the newest message and stay with it."""
        if self._viewport is not None:
            self._viewport.go_to(None)
            self._moved()

    def scroll_to(self, x: float | None = None, y: float | None = None, **options: object) -> None:
        """Go to a line at once; the options of Textual's own method make no difference."""
        if y is not None:
            self._go(round(y))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Wheel and scrollbar set the position; a clamped one while the size changes is not theirs."""
        viewport = self._viewport
        if viewport is not None and self._fits(viewport):
            if round(new_value) != viewport.top:
                self._go(round(new_value))
        else:
            super().watch_scroll_y(old_value, new_value)

    def _go_by(self, lines: int) -> None:
        if self._viewport is not None:
            self._go(self._viewport.top + lines)

    def _go(self, top: int) -> None:
        if self._viewport is not None:
            self._viewport.go(top)
            self._moved()

    # --- keeping place ---

    def _on_resize(self, event: events.Resize) -> None:
        self._fit()

    def _fits(self, viewport: Viewport) -> bool:
        return (viewport.document.columns.width, viewport.rows) == self.size

    def _fit(self, *, painting: bool = False) -> None:
        """Follow the size that the layout gave, with the same message in the same place."""
        if not self.size or self._chat is None or (self._viewport is not None and self._fits(self._viewport)):
            return
        if self._try(self._take_size):
            self._moved(repaint=not painting)

    def _take_size(self) -> None:
        width, rows = self.size
        if self._viewport is None:
            if self._chat is not None:
                self._viewport = Viewport(self._opened(self._chat, width), rows)
            return
        if self._viewport.document.columns.width != width:
            self._strips.clear()
        self._viewport.resize(width, rows)

    def _opened(self, chat: ChatView, width: int) -> Document:
        unread = find_unread(self._cache, chat.chat_id, self._own_id)
        return Document(
            self._cache,
            self._outbox,
            chat,
            own_id=self._own_id,
            days=self._days,
            width=width,
            unread=unread,
            bodies=self._bodies(),
        )

    def _moved(self, *, repaint: bool = True) -> None:
        """Show the viewport where it now is; tells the scrollbar and never the layout, which stays as it is."""
        viewport = self._viewport
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

    # --- taking in changes ---

    def _schedule(self) -> None:
        if self._apply_due or not self.is_attached:
            return
        self._apply_due = True
        wait = self._applied_at + APPLY_INTERVAL_S - time.monotonic()
        if wait > 0:
            self.set_timer(wait, self._apply)
        else:
            self.call_later(self._apply)

    def _apply(self) -> None:
        """Take in everything that was stored or queued since the last time."""
        self._apply_due = False
        self._applied_at = time.monotonic()
        if self._viewport is None or (self._pending is None and not self._changed and not self._outbox_pending):
            return
        first, last = self._pending or (1, 0)
        if self._pending is not None:
            self._sight.forget_wanted()
        viewport = self._viewport
        changed = frozenset(self._changed)
        if self._try(lambda: viewport.stored(first, last, changed)):
            self._pending, self._outbox_pending = None, False
            self._changed.clear()
            self._moved()

    def _try(self, step: Callable[[], object]) -> bool:
        """Do what reads the cache or the outbox; if that fails, log it, try all again later and return False."""
        try:
            step()
        except ClientError as error:
            log.warning("the conversation cannot be read, trying again in %.0f s: %s", RETRY_S, error)
            if not self._retry_due:
                self._retry_due = True
                self.set_timer(RETRY_S, self._retry)
            return False
        return True

    def _retry(self) -> None:
        self._retry_due = False
        self._strips.clear()
        self._fit()
        self.outbox_changed()

    # --- telling what is in sight ---

    def _report_soon(self) -> None:
        # Later, as a step of the widget's own: Textual ends the way of a message at the pump it was made in, and
        # positions are also taken while the screen paints.
        if not self._report_due:
            self._report_due = True
            self.call_later(self._report)

    def _report(self) -> None:
        self._report_due = False
        self._try(self._tell)

    def _tell(self) -> None:
        if self._viewport is not None:
            watched = self.app.app_focus and self.screen.is_current
            for news in self._sight.news(self._viewport, self._cache, watched=watched):
                self.post_message(news)

    def on_mount(self) -> None:
        """From now on tell what is in sight, also when the terminal gets the focus back."""
        settings = getattr(self.app, "settings", None)
        if isinstance(settings, Settings):
            self.settings_changed(settings)
        self.watch(self.app, "app_focus", self._report_soon, init=False)

    # --- painting ---

    def notify_style_update(self) -> None:
        """The theme changed: paint everything anew."""
        super().notify_style_update()
        self._painter = None
        self._strips.clear()

    def _current_painter(self) -> Painter:
        if self._painter is None:
            document = self._viewport.document if self._viewport is not None else None
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
                hint=f"No messages yet. Say hello{f' to {title}' if title else ''}.",
            )
        return self._painter

    def _line_at(self, row: int) -> tuple[Item, int] | None:
        if self._viewport is not None:
            return self._viewport.line(row)
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
            if not found[0].is_gap:  # what a gap says depends on its neighbours
                self._strips[found] = strip
        return strip

    def render_line(self, y: int) -> Strip:
        """One line with the offsets that mouse selection needs; painting goes through `render_lines`."""
        from chatterm.tui.timeline import selection as selecting  # noqa: PLC0415 - at first nothing is selected

        columns = Columns.of(self.size.width)
        found = self._line_at(y)
        strip = self._strip(found, columns)
        return strip.apply_offsets(0, selecting.Place(found[0].key, found[1]).y) if found is not None else strip

    def render_lines(self, crop: Region) -> list[Strip]:
        """The visible lines, straight from the cache of strips: they survive scrolling with all they have cached."""
        self._fit(painting=crop.size == self.size)
        columns = Columns.of(self.size.width)
        filters = self.get_line_filters()
        background = self.background_colors[1]
        selection = self._selection()
        strips: list[Strip] = []
        for row in crop.line_range:
            found = self._line_at(row)
            strip = self._strip(found, columns)
            if selection is not None and found is not None:
                from chatterm.tui.timeline import selection as selecting  # noqa: PLC0415 - see `_selection`

                style = self.screen.get_component_rich_style("screen--selection")
                strip = selecting.highlight(strip, selection, *found, style)
            for line_filter in filters:
                strip = strip.apply_filter(line_filter, background)
            strips.append(strip if crop.column_span == (0, columns.width) else strip.crop(*crop.column_span))
        return strips

    # --- selection ---

    def _selection(self) -> Selection | None:
        selection = self.text_selection
        if selection is None or self._viewport is None:
            return None
        from chatterm.tui.timeline import selection as selecting  # noqa: PLC0415 - at first nothing is selected

        return selecting.bounded(selection, self._viewport)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text, messages as they are shown."""
        from chatterm.tui.timeline import selection as selecting  # noqa: PLC0415 - at first nothing is selected

        bounded = selecting.bounded(selection, self._viewport) if self._viewport is not None else None
        if self._viewport is None or bounded is None:
            return None
        return selecting.extract(bounded, self._viewport.document, self._current_painter()), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """The mouse moved on while selecting."""
        self.refresh(self.size.region)
