"""The message view: a window onto one conversation that costs what a screenful costs."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import tzinfo
from typing import TYPE_CHECKING, ClassVar, Final

from textual import events
from textual.geometry import Offset

from chatterm.client.errors import ClientError
from chatterm.client.model import PendingChange
from chatterm.client.ports import CacheReader, OutboxReader
from chatterm.client.settings import Settings
from chatterm.tui.timeline.document import Document, find_unread
from chatterm.tui.timeline.localtime import LocalTime
from chatterm.tui.timeline.messages import ChatView, Selected
from chatterm.tui.timeline.paint import STYLE_RULES, STYLES
from chatterm.tui.timeline.painted import Painted
from chatterm.tui.timeline.sight import Sight
from chatterm.tui.timeline.viewport import Viewport

if TYPE_CHECKING:
    from chatterm.tui.timeline.gallery import Source
    from chatterm.tui.timeline.hands import Hands

log = logging.getLogger(__name__)

PendingOf = Callable[[int], Mapping[int, tuple[PendingChange, ...]]]

RIGHT_BUTTON: Final = 3
APPLY_INTERVAL_S: Final = 0.04
"""Changes that come faster than this are taken in together."""
RETRY_S: Final = 1.0
"""After this a cache that could not be read is tried again."""


class Timeline(Painted, can_focus=True):
    """Shows one conversation at a time; `show` swaps it without mounting anything.

    Give it a height from outside (`1fr`) and neither border nor padding: it paints its whole region itself.
    The engine's notices come in through `events_stored`, `outbox_changed`, `users_changed` and `seen_changed`;
    they are cheap, and several in a row are taken in together. What the reader looks at stays where it is,
    unless the newest message was in sight: then it stays in sight.
    """

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

    def __init__(
        self,
        cache: CacheReader,
        outbox: OutboxReader,
        own_user_id: int,
        *,
        pictures: "Source | None" = None,
        pending: PendingOf | None = None,
        seen_count: Callable[[int, int], int] | None = None,
        now: Callable[[], float] = time.time,
        zone: tzinfo | None = None,
        id: str | None = None,  # noqa: A002 - the name Textual gives it
        classes: str | None = None,
    ) -> None:
        """`pictures` gives where pictures come from; without it none is drawn. `now` gives Unix seconds.

        `pending` gives the unconfirmed changes of a chat's messages by seq, `seen_count` how many others have seen a
        message (chat, seq). `zone` None is the machine's time zone.
        """
        super().__init__(
            cache, own_user_id, LocalTime(zone, now), pictures=pictures, seen_count=seen_count, id=id, classes=classes
        )
        self._outbox = outbox
        self._wanted_seq = 0
        self._pressed_at: Offset | None = None
        self._pending_of = pending
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
        self.viewport = self._painter = self._pending = None
        if self._hands is not None:
            self._hands.cursor.clear()
        self._wanted_seq = 0
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
        elif not self._changed:
            self._outbox_pending = True  # the log may begin later than it did
        self._schedule()

    def outbox_changed(self) -> None:
        """Rows of the outbox were queued, tried, refused, sent or discarded."""
        self._outbox_pending = True
        self._schedule()

    def users_changed(self) -> None:
        """Names may have changed."""
        self._names.clear()
        self._strips.clear()
        viewport = self.viewport
        if viewport is not None and self._try(viewport.renamed):
            self.moved()
        self.refresh()

    def readers_changed(self) -> None:
        """Others have read further."""
        self._strips.clear()
        self.refresh(self.size.region)

    def _changes_of(self, seq: int) -> tuple[PendingChange, ...]:
        """The unconfirmed changes of a message of the chat on screen."""
        chat_id = self._chat.chat_id if self._chat is not None else None
        return self._pending_of(chat_id).get(seq, ()) if self._pending_of is not None and chat_id is not None else ()

    def settings_changed(self, settings: Settings) -> None:
        """Other settings are in force."""
        look = settings.look
        self.look(markdown=look.markdown, images=look.images, compact=look.density == "compact")

    def look(self, *, markdown: bool, images: str, compact: bool = False) -> None:
        """Show Markdown as what it means or texts as they were written, and pictures as the setting says; at once."""
        if self._look.change(markdown=markdown, images=images, compact=compact):
            self._painter = None
            self._strips.clear()
            viewport = self.viewport
            if viewport is not None and self._try(lambda: viewport.look(self._look.bodies())):
                self.moved()

    def on_unmount(self) -> None:
        """Free what the terminal holds for this view."""
        self._look.close()

    def seen_changed(self) -> None:
        """The chat's row changed; if its log is known to be longer, what is missing is drawn and asked for."""
        viewport = self.viewport
        if viewport is None or viewport.document.chat.chat_id is None:
            return
        if self._cache.head(viewport.document.chat.chat_id) > viewport.document.head:
            self.outbox_changed()

    def show_online(self, online: bool) -> None:
        """Say of parts that are not loaded whether they can come now."""
        if online != self._online:
            self._online = online
            self._painter = None
            self.refresh(self.size.region)

    def reconnected(self) -> None:
        """What others wrote meanwhile is new to the reader, too: go on at its first message, as when a chat is opened.

        Only if the end was in sight and nothing is selected: whoever reads elsewhere stays there.
        """
        viewport, chat = self.viewport, self._chat
        if viewport is None or chat is None or not viewport.follow or self.has_focus:
            return
        unread, marked = find_unread(self._cache, chat.chat_id, self._own_id), viewport.document.unread
        if unread is not None and (marked is None or unread.seq > marked.seq):
            self.show(chat)

    def ask_again(self) -> None:
        """Post what is missing near the reader once more, for example when the connection is back."""
        self._sight.forget_wanted()
        self._look.try_again()
        self._report_soon()

    @property
    def chat(self) -> ChatView | None:
        return self._chat

    @property
    def at_end(self) -> bool:
        """The newest message is in sight and will stay so."""
        return self.viewport is None or self.viewport.follow

    # --- the selected message ---

    @property
    def selected(self) -> Selected | None:
        """The selected message; None if there is none."""
        return self._hands.selected if self._hands is not None else None

    @property
    def hands(self) -> "Hands":
        """What keys and mouse do here; loaded when they are first used."""
        if self._hands is None:
            from chatterm.tui.timeline.hands import Hands  # noqa: PLC0415 - not needed before the first key

            self._hands = Hands(self, lambda user_id: self._current_painter().name(user_id))
        return self._hands

    def select(self, seq: int) -> None:
        """Go to the event at `seq` and select it, also if it is yet to be loaded or the view has no size yet."""
        self._wanted_seq = seq
        self._arrive()

    def _arrive(self) -> None:
        if self.viewport is not None and self._wanted_seq:
            seq, self._wanted_seq = self._wanted_seq, 0
            self.hands.select(seq)
        elif self.has_focus:
            self.hands.select_newest()

    def _stay(self, change: Callable[[], object]) -> None:
        """Let the conversation or the view change; a selected message that was in sight stays so."""
        if self._hands is None:
            change()
        else:
            self._hands.stay(change)

    def on_focus(self) -> None:
        self.hands.select_newest()

    async def on_key(self, event: events.Key) -> None:
        """Do what the table says of this key for a selected message."""
        if self.hands.ahead.keeps(event) or self.hands.press(event.key):
            event.stop()
            event.prevent_default()

    def on_blur(self) -> None:
        self.keys_gone()

    def keys_gone(self) -> None:
        """The keys went elsewhere: so does what was typed ahead of that."""
        if self._hands is not None:
            self._hands.ahead.hand_over(self.app, self)

    def keys_stay(self) -> None:
        """An action failed that would have given the keys away: the messages keep them."""
        if self._hands is not None:
            self._hands.ahead.drop()

    def on_mouse_down(self, event: events.MouseDown) -> None:
        self._pressed_at = event.screen_offset

    async def on_click(self, event: events.Click) -> None:
        """Select a message, or what is on it; the keys stay where they are. Dragging selects text instead."""
        event.prevent_default()
        content = event.get_content_offset(self)
        if content is not None and event.screen_offset == self._pressed_at:
            self.hands.click(content.x, content.y, menu=event.button == RIGHT_BUTTON)

    # --- keeping place ---

    def _on_resize(self, event: events.Resize) -> None:
        self._fit()

    def about_to_paint(self, whole: bool) -> None:
        self._fit(painting=whole)

    def _fit(self, *, painting: bool = False) -> None:
        """Follow the size that the layout gave, with the same message in the same place."""
        if not self.size or self._chat is None or (self.viewport is not None and self._fits(self.viewport)):
            return
        if self._try(self._take_size):
            self.moved(repaint=not painting)

    def _take_size(self) -> None:
        width, rows = self.size
        if self.viewport is None:
            if self._chat is not None:
                self.viewport = Viewport(self._opened(self._chat, width), rows)
                self._arrive()
            return
        if self.viewport.document.columns.width != width:
            self._strips.clear()
        viewport = self.viewport
        self._stay(lambda: viewport.resize(width, rows))

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
            bodies=self._look.bodies(),
            pending=self._changes_of,
        )

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
        if self.viewport is None or (self._pending is None and not self._changed and not self._outbox_pending):
            return
        first, last = self._pending or (1, 0)
        if self._pending is not None:
            self._sight.forget_wanted()
        viewport = self.viewport
        changed = frozenset(self._changed)
        if self._try(lambda: self._stay(lambda: viewport.stored(first, last, changed))):
            self._pending, self._outbox_pending = None, False
            self._changed.clear()
            self.moved()

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
        if self.viewport is not None:
            watched = self.app.app_focus and self.screen.is_current
            for news in self._sight.news(self.viewport, self._cache, watched=watched):
                self.post_message(news)

    def on_mount(self) -> None:
        """From now on tell what is in sight, also when the terminal gets the focus back."""
        settings = getattr(self.app, "settings", None)
        if isinstance(settings, Settings):
            self.settings_changed(settings)
        self.watch(self.app, "app_focus", self._report_soon, init=False)
