"""The message view: a window onto one conversation that costs what a screenful costs."""

import time
from collections.abc import Callable
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

from chatproto import limits
from chatproto.text import terminal_safe
from chatterm.client.ports import CacheReader, OutboxReader
from chatterm.tui.timeline import selection as selecting
from chatterm.tui.timeline.document import Anchor, Document
from chatterm.tui.timeline.items import OUTBOX_KEY, Columns, Item, Kind
from chatterm.tui.timeline.localtime import LocalTime
from chatterm.tui.timeline.messages import ChatView, HolesWanted, NewBelow, SeenReached
from chatterm.tui.timeline.paint import STYLES, Painter

KEPT_STRIPS: Final = 1_024
"""Painted lines kept in memory."""
KEPT_NAMES: Final = 2_048
APPLY_INTERVAL_S: Final = 0.04
"""Changes that come faster than this are taken in together."""
UNREAD_CAP: Final = 1_000
"""The cache counts unread messages up to here."""
_CHOOSE: Final = Item(0, 0, [(Kind.HINT, 0, 0)], text="Choose a conversation to begin.")


class Timeline(ScrollView, can_focus=True):
    """Shows one conversation at a time; `show` swaps it without mounting anything.

    Give it a height from outside (`1fr`) and neither border nor padding: it paints its whole region itself.
    The engine's notices come in through `events_stored`, `outbox_changed`, `users_changed` and `seen_changed`;
    they are cheap, and several in a row are taken in together. What the reader looks at stays where it is,
    unless the newest message was in sight: then it stays in sight.
    """

    ALLOW_SELECT = True
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"timeline--{name}" for name in STYLES}
    DEFAULT_CSS = """
    Timeline {
        height: 1fr;
        overflow-x: hidden;
        overflow-y: scroll;
        scrollbar-size-vertical: 1;
        color: $foreground;
        & > .timeline--author { text-style: bold; }
        & > .timeline--own { color: $accent; text-style: bold; }
        & > .timeline--time { color: $foreground 45%; }
        & > .timeline--date { color: $foreground 50%; }
        & > .timeline--new { color: $accent; text-style: bold; }
        & > .timeline--system { color: $foreground 60%; text-style: italic; }
        & > .timeline--system-name { color: $foreground 80%; text-style: bold; }
        & > .timeline--gap { color: $foreground 50%; text-style: italic; }
        & > .timeline--mark { color: $foreground 60%; }
        & > .timeline--failed { color: $error; text-style: bold; }
        & > .timeline--hint { color: $foreground 60%; }
    }
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
        self._document: Document | None = None
        self._painter: Painter | None = None
        self._strips: LRUCache[tuple[Item, int], Strip] = LRUCache(KEPT_STRIPS)
        self._names: LRUCache[int, str] = LRUCache(KEPT_NAMES)
        self._follow = True
        self._anchor: Anchor | None = None
        self._rows = 0
        self._top = 0
        self._pending: tuple[int, int] | None = None
        self._outbox_pending = False
        self._apply_due = self._report_due = False
        self._applied_at = 0.0
        self._wanted: tuple[int, int] | None = None
        self._shown_to = 0
        self._seen_posted = 0
        self._below: int | None = None

    # --- what the screen around it calls ---

    def show(self, chat: ChatView | None) -> None:
        """Show a conversation from where reading goes on, or with None a hint to choose one."""
        if self.is_attached and self.text_selection is not None:
            self.screen.clear_selection()
        self._chat = chat
        self._document = self._painter = self._pending = self._wanted = self._below = None
        self._outbox_pending = False
        self._shown_to = self._seen_posted = 0
        self._strips.clear()
        if self._rows:
            self._open()
        self.refresh()

    def events_stored(self, first_seq: int, last_seq: int, live: bool) -> None:
        """Events of the chat on screen reached the cache; `live` ones are new, others history."""
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
        self.refresh()

    def seen_changed(self) -> None:
        """The seen marker or the chat's head moved, here or on another device."""
        self.outbox_changed()

    def ask_again(self) -> None:
        """Post what is missing near the reader once more, for example when the connection is back."""
        self._wanted = None
        self._report_soon()

    @property
    def chat(self) -> ChatView | None:
        return self._chat

    @property
    def at_end(self) -> bool:
        """The newest message is in sight and will stay so."""
        return self._follow

    # --- scrolling; never animated, since what lies above is measured on the way ---

    def action_scroll_up(self) -> None:
        self._go(self._top - 1)

    def action_scroll_down(self) -> None:
        self._go(self._top + 1)

    def action_page_up(self) -> None:
        self._go(self._top - max(1, self._rows - 2))

    def action_page_down(self) -> None:
        self._go(self._top + max(1, self._rows - 2))

    def action_scroll_home(self) -> None:
        self._go(0)

    def action_scroll_end(self) -> None:
        """Return to the newest message and stay with it."""
        if self._document is not None:
            self._follow = True
            self._move_to(self._document.settle_end(self._rows))

    def scroll_to(self, x: float | None = None, y: float | None = None, **options: object) -> None:
        """Go to a line at once; the options of Textual's own method make no difference."""
        if y is not None:
            self._go(round(y))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Wheel and scrollbar set the position; a clamped one while the size changes is not theirs."""
        if self._document is not None and self._fits():
            if round(new_value) != self._top:
                self._go(round(new_value))
        else:
            super().watch_scroll_y(old_value, new_value)

    def _go(self, top: int) -> None:
        if self._document is None:
            return
        top = self._document.settle(top, self._rows)
        self._follow = top >= max(0, self._document.height - self._rows)
        self._move_to(top)

    # --- keeping place ---

    def _on_resize(self, event: events.Resize) -> None:
        self._fit()

    def _fits(self) -> bool:
        document = self._document
        return document is not None and (document.columns.width, self._rows) == (self.size.width, self.size.height)

    def _fit(self) -> None:
        """Follow the size that the layout gave, with the same message in the same place."""
        if not self.size.width or not self.size.height or self._fits():
            return
        self._rows = self.size.height
        if self._document is None:
            self._open()
            return
        if self._document.columns.width != self.size.width:
            self._document.resize(self.size.width)
            self._strips.clear()
        self._place()

    def _open(self) -> None:
        if self._chat is None:
            return
        self._document = document = Document(
            self._cache, self._outbox, self._chat, own_id=self._own_id, days=self._days, width=self.size.width
        )
        self._shown_to = 0
        self._anchor = document.unread_anchor()
        self._follow = self._anchor is None
        self._place()

    def _place(self) -> None:
        """Put the viewport where it belongs after the lines changed: to the end, or where the anchor is."""
        document = self._document
        if document is None:
            return
        if self._follow or self._anchor is None:
            top = document.settle_end(self._rows)
        else:
            top = document.settle_anchor(self._anchor, self._rows)
            self._follow = top >= max(0, document.height - self._rows)
        self._move_to(top)

    def _move_to(self, top: int) -> None:
        """Take a settled position; tells the scrollbar and never the layout, which stays as it is."""
        document = self._document
        if document is None:
            return
        self._top = top
        self._anchor = None if self._follow else document.anchor(top, self._rows)
        self.set_reactive(Widget.virtual_size, Size(self.size.width, document.height))
        self.set_reactive(Widget.scroll_y, float(top))
        self.set_reactive(Widget.scroll_target_y, float(top))
        bar = self.vertical_scrollbar
        bar.window_virtual_size = document.height
        bar.window_size = self._rows
        bar.position = top
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
        pending, self._pending = self._pending, None
        outbox_pending, self._outbox_pending = self._outbox_pending, False
        if self._document is None:
            return
        if pending is not None:
            self._wanted = None
        if pending is not None or outbox_pending:
            self._document.stored(*(pending or (1, 0)))
            self._place()

    # --- telling what is in sight ---

    def _report_soon(self) -> None:
        # Later, as a step of the widget's own: Textual ends the way of a message at the pump it was made in, and
        # positions are also taken while the screen paints.
        if not self._report_due:
            self._report_due = True
            self.call_later(self._report)

    def _report(self) -> None:
        self._report_due = False
        document = self._document
        if document is None or document.chat.chat_id is None:
            return
        newest = max((item.key for item in self._in_sight(document)), default=0)
        self._shown_to = max(self._shown_to, newest)
        if self._follow:
            self._shown_to = max(self._shown_to, document.head)
        if newest > self._seen_posted and self.app.app_focus and self.screen.is_current:
            self._seen_posted = newest
            if newest > self._cache.seen(document.chat.chat_id):
                self.post_message(SeenReached(document.chat.chat_id, newest))
        below = document.head - self._shown_to
        if below != self._below:
            self._below = below
            self.post_message(NewBelow(below))
        self._ask(document)

    def _in_sight(self, document: Document) -> list[Item]:
        return [
            item
            for _, item, _ in document.visible(self._top, self._rows)
            if item.key < OUTBOX_KEY and item.lines[-1][0] in (Kind.BODY, Kind.SYSTEM)
        ]

    def _ask(self, document: Document) -> None:
        """Ask for what is missing within a page of the viewport, nearest to it first."""
        chat_id = document.chat.chat_id
        low, high = max(0, self._top - self._rows), self._top + 2 * self._rows
        gaps = [
            (max(0, row + low - self._top - self._rows, self._top - row - low - len(item.lines)), item)
            for row, item, _ in document.visible(low, high - low)
            if item.is_gap
        ]
        if chat_id is None or not gaps:
            return
        _, gap = min(gaps, key=lambda found: found[0])
        first, last = self._asked_range(document, gap)
        if (first, last) != self._wanted:
            self._wanted = (first, last)
            self.post_message(HolesWanted(chat_id, first, last))

    def _asked_range(self, document: Document, gap: Item) -> tuple[int, int]:
        """At most a page of the hole around a gap, from the side that the reader comes from."""
        first, last = document.blocks.hole_around(gap.key, gap.last_key)
        anchor = self._anchor
        if anchor is not None and anchor.key < first:
            return first, min(last, first + limits.PAGE_MAX - 1)
        if anchor is not None and anchor.key <= last:
            first = max(first, anchor.key - limits.PAGE_MAX // 2)
            return first, min(last, first + limits.PAGE_MAX - 1)
        return max(first, last - limits.PAGE_MAX + 1), last

    def on_mount(self) -> None:
        """From now on tell what is in sight, also when the terminal gets the focus back."""
        self.watch(self.app, "app_focus", self._report_soon, init=False)

    # --- painting ---

    def notify_style_update(self) -> None:
        """The theme changed: paint everything anew."""
        super().notify_style_update()
        self._painter = None
        self._strips.clear()

    def _author(self, user_id: int) -> str:
        name = self._names.get(user_id)
        if name is None:
            user = self._cache.user(user_id)
            name = self._names[user_id] = terminal_safe(user.display_name) if user is not None else "Unknown person"
        return name

    def _current_painter(self) -> Painter:
        if self._painter is None:
            document = self._document
            styles = {name: self.get_component_rich_style(f"timeline--{name}") for name in STYLES}
            title = terminal_safe(self._chat.title) if self._chat is not None else ""
            self._painter = Painter(
                styles,
                self.rich_style,
                self._days,
                names=self._author,
                own_id=self._own_id,
                unread_text=_unread_text(document),
                hole_around=document.blocks.hole_around if document is not None else lambda first, last: (first, last),
                hint=f"No messages yet. Say hello{f' to {title}' if title else ''}.",
            )
        return self._painter

    def _line_at(self, row: int) -> tuple[Item, int] | None:
        """The item and its line on a row of the viewport; a short conversation sits at the bottom."""
        document = self._document
        if document is None:
            return (_CHOOSE, 0) if row == self.size.height // 2 else None
        number = self._top + row - max(0, self._rows - document.height)
        return document.line(number) if 0 <= number < document.height else None

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
        columns = Columns.of(self.size.width)
        found = self._line_at(y)
        strip = self._strip(found, columns)
        return strip.apply_offsets(0, selecting.Place(found[0].key, found[1]).y) if found is not None else strip

    def render_lines(self, crop: Region) -> list[Strip]:
        """The visible lines, straight from the cache of strips: they survive scrolling with all they have cached."""
        self._fit()
        columns = self._document.columns if self._document is not None else Columns.of(self.size.width)
        filters = self.get_line_filters()
        background = self.background_colors[1]
        selection = self._selection()
        strips: list[Strip] = []
        for row in crop.line_range:
            found = self._line_at(row)
            strip = self._strip(found, columns)
            if selection is not None and found is not None:
                style = self.screen.get_component_rich_style("screen--selection")
                strip = selecting.highlight(strip, selection, *found, style)
            for line_filter in filters:
                strip = strip.apply_filter(line_filter, background)
            strips.append(strip if crop.column_span == (0, columns.width) else strip.crop(*crop.column_span))
        return strips

    # --- selection ---

    def _selection(self) -> Selection | None:
        selection = self.text_selection
        if selection is None or self._document is None:
            return None
        return selecting.bounded(selection, self._document, self._top, self._rows)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text, messages as they were written."""
        if self._document is None:
            return None
        bounded = selecting.bounded(selection, self._document, self._top, self._rows)
        if bounded is None:
            return None
        return selecting.extract(bounded, self._document, self._current_painter()), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """The mouse moved on while selecting."""
        self.refresh(self.size.region)


def _unread_text(document: Document | None) -> str:
    unread = document.unread if document is not None else None
    if unread is None:
        return ""
    return f"{unread.count:,}{'+' if unread.count >= UNREAD_CAP else ''} new"
