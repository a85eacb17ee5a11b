"""The client list: pinned chats, recent ones, then everybody else; drawn only where visible."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar, Final

from rich.segment import Segment
from textual import events
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.timer import Timer

from chatproto import limits
from chatterm.client.model import Entry, EntryRef, PresenceState, Section
from chatterm.client.ports import CacheReader
from chatterm.tui.actions import ActionWanted, is_character
from chatterm.tui.actions import current as keymap
from chatterm.tui.client_row import Marks, pieces_of
from chatterm.tui.drafts import place_of
from chatterm.tui.graphemes import fit, graphemes
from chatterm.tui.guard import Guarded
from chatterm.tui.roster import CHUNK, HEADINGS, Place, Roster

LOAD_PAUSE_S: Final = 0.01
"""Between two chunks of rows read in the background, so that keys and frames go first."""
FILTER_CHUNK: Final = 2_000
"""Rows read at a time while somebody waits for what a filter finds: about 15 ms."""
WATCH_DELAY_S: Final = 0.3
FILTER_MAX: Final = 64
RIGHT_BUTTON: Final = 3
TERSE_BELOW: Final = 12
"""With fewer rows than this, headings give way to entries."""
_STYLES: Final = ("row", "unread", "open", "cursor", "badge", "bar", "online", "quiet", "failed", "heading")


class ClientList(Guarded, ScrollView, can_focus=True):
    """A list of any length: an update costs its own row, a filter one pass over the names."""

    DEFAULT_CSS = """
    ClientList {
        height: 1fr;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
        scrollbar-color: $line;
        scrollbar-color-hover: $quiet;
        scrollbar-color-active: $quiet;
        scrollbar-background: $surface;
        scrollbar-background-hover: $surface;
        scrollbar-background-active: $surface;
        background: $surface;
        & .clients--row { color: $foreground 85%; }
        & .clients--unread { color: $foreground; text-style: bold; }
        & .clients--open { background: $panel; color: $foreground; }
        & .clients--cursor { background: $primary 35%; color: $foreground; }
        & .clients--badge { color: $accent; text-style: bold; }
        & .clients--bar { color: $accent; text-style: bold; }
        & .clients--online { color: $success; }
        & .clients--quiet { color: $quiet; }
        & .clients--failed { color: $error; text-style: bold; }
        & .clients--heading { color: $quiet; text-style: bold; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"clients--{name}" for name in _STYLES}

    @dataclass
    class Chosen(Message):
        """The user picked a row: open it and go back to writing."""

        ref: EntryRef

    @dataclass
    class Filtered(Message):
        """The filter, or what it finds, changed."""

        text: str
        found: int

    @dataclass
    class WatchChanged(Message):
        """Other people or chats than before are visible."""

        user_ids: tuple[int, ...]
        chat_ids: tuple[int, ...] = ()

    class Left(Message):
        """The user wants to go back to writing without choosing."""

    def __init__(
        self, cache: CacheReader, presence: Callable[[int], PresenceState | None], marks: Marks | None = None
    ) -> None:
        """`presence` answers None where it cannot be known."""
        super().__init__()
        self.roster = Roster(cache)
        self.marks = marks or Marks()
        self._presence = presence
        self._open: EntryRef | None = None
        self._cursor: Place | None = None
        self._filter = ""
        self._loader: Timer | None = None
        self._watcher: Timer | None = None
        self._watched: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())

    def on_mount(self) -> None:
        self.roster.reload(self.app.size.height)
        self._rows_changed()

    # --- what the screen tells it ---

    def reload(self) -> None:
        """Anything may have changed: read again what is visible, and the rest behind it."""
        self.roster.reload(self.scroll_offset.y + self.app.size.height)
        self._rows_changed()

    def update_entries(self, refs: Iterable[EntryRef]) -> bool:
        """These rows changed, appeared or left. True if anybody may be called differently than before."""
        changed = list(refs)
        before = [self.roster.index_of(ref) for ref in changed]
        total = len(self.roster)
        renamed = self.roster.apply(changed)
        if len(self.roster) == total and [self.roster.index_of(ref) for ref in changed] == before:
            for index in (*before, self.roster.index_of(Section.ARCHIVED)):
                self._refresh_row(index)
        else:
            self._rows_changed()
        return renamed

    def presence_changed(self) -> None:
        """Somebody came or went: draw the visible rows again."""
        self.refresh()

    def refresh_entry(self, ref: EntryRef) -> None:
        """What is said of this row beside its entry changed."""
        self._refresh_row(self.roster.index_of(ref))

    def set_open(self, ref: EntryRef | None) -> None:
        """Mark the row of the chat on screen and bring it into view."""
        before, self._open = self._open, ref
        self._cursor = ref
        self._refresh_row(self.roster.index_of(before))
        self._refresh_row(self.roster.index_of(ref))
        self._show(ref)

    def neighbour(self, step: int) -> EntryRef | None:
        """The row `step` rows below the open one, where there is one."""
        return self.roster.neighbour(self._open, step)

    @property
    def target(self) -> EntryRef | None:
        """The row that an action is about while the list has the focus: the one under the cursor."""
        return None if isinstance(self._cursor, Section) else self._cursor

    def toggle_archive(self) -> None:
        """Show the archived chats, or fold them away."""
        self.roster.show_archive(not self.roster.archive_open)
        self._rows_changed()
        heading, height = self.roster.index_of(Section.ARCHIVED), self.size.height
        if self.roster.archive_open and heading is not None and heading - self.scroll_offset.y > height * 2 // 3:
            self.scroll_to(y=heading - height // 3, animate=False)

    # --- filter ---

    @property
    def filter_text(self) -> str:
        return self._filter

    def set_filter(self, text: str) -> None:
        """Show what matches `text` from the top, the first match under the cursor; an empty text shows all."""
        self._filter = text[:FILTER_MAX]
        self.roster.filter(self._filter)
        self._cursor = self._first_row() if self.roster.needle or self._open is None else self._open
        self.scroll_to(y=0, animate=False)
        self._rows_changed()
        if not self.roster.needle:
            self._show(self._cursor)

    # --- loading and watching in the background ---

    def _rows_changed(self) -> None:
        height = len(self.roster)
        if self.virtual_size.height != height:
            self.virtual_size = Size(0, height)
        self.refresh()
        self._load_later()
        self._watch_later()
        self.post_message(self.Filtered(self._filter, height))

    def _load_later(self) -> None:
        bottom = self.scroll_offset.y + 2 * self.size.height
        if self._loader is None and self.is_attached and self.roster.wants_more(bottom):
            self._loader = self.set_timer(LOAD_PAUSE_S, self._load_chunk)

    def _load_chunk(self) -> None:
        self._loader = None
        self.roster.load(FILTER_CHUNK if self.roster.needle else CHUNK)
        if self._cursor is None and (self.roster.needle or self.has_focus):
            self._cursor = self._first_row()
        self._rows_changed()

    def _watch_later(self) -> None:
        if self._watcher is None and self.is_attached:
            self._watcher = self.set_timer(WATCH_DELAY_S, self._watch)

    def _watch(self) -> None:
        self._watcher = None
        top = self.scroll_offset.y
        rows = map(self._entry_at, range(top, min(top + self.size.height, len(self.roster))))
        entries = [entry for entry in rows if entry is not None]
        peers = [entry.peer_id for entry in entries if entry.peer_id is not None]
        chats = [entry.ref.id for entry in entries if entry.ref.kind == "chat" and not entry.has_left]
        visible = tuple(peers[: limits.WATCH_MAX]), tuple(chats[: limits.WATCHED_CHATS_MAX])
        if visible != self._watched:
            self._watched = visible
            self.post_message(self.WatchChanged(*visible))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._load_later()
        self._watch_later()

    def on_resize(self) -> None:
        self.roster.be_terse(self.size.height < TERSE_BELOW)
        self._rows_changed()
        self._load_later()
        self._watch_later()

    # --- drawing ---

    def _entry_at(self, index: int) -> Entry | None:
        ref = self.roster.ref_at(index)
        return self.roster.entry(ref) if ref is not None else None

    def _refresh_row(self, index: int | None) -> None:
        if index is not None:
            self.refresh(Region(0, index - self.scroll_offset.y, self.size.width, 1))

    def render_line(self, y: int) -> Strip:
        index = y + self.scroll_offset.y
        width = self.size.width
        base = self.rich_style
        if index >= len(self.roster):
            return Strip.blank(width, base)
        place = self.roster.place_at(index)
        if isinstance(place, Section):
            return self._draw_heading(place, width)
        entry = self.roster.entry(place) if place is not None else None
        if entry is None:
            return Strip([Segment(fit("   …", width), base)], width)
        return self._draw(entry, width)

    def _draw_heading(self, section: Section, width: int) -> Strip:
        at_cursor = section == self._cursor and self.has_focus
        text = HEADINGS[section]
        if section is Section.ARCHIVED:
            text = f"{'▾' if self.roster.archive_open else '▸'} {text} {self.roster.count(section):,}"
        unread = self.roster.unread_in(section) if section is Section.ARCHIVED else 0
        tail = f"{min(unread, 999):,} " if unread and not self.roster.archive_open else ""
        style = self.get_component_rich_style("clients--cursor" if at_cursor else "clients--heading")
        return Strip([Segment(fit(f"{'›' if at_cursor else ' '}{text}", width - len(tail)) + tail, style)], width)

    def _draw(self, entry: Entry, width: int) -> Strip:
        style = self.get_component_rich_style
        is_open = entry.ref == self._open
        at_cursor = entry.ref == self._cursor and (self.has_focus or bool(self.roster.needle))
        place = "clients--cursor" if at_cursor else "clients--open" if is_open else ""
        back = (style(place) if place else self.rich_style).background_style
        presence = self._presence(entry.peer_id) if entry.peer_id is not None else None
        pieces = pieces_of(entry, presence, self.marks, width - 1, time.time(), is_open=is_open)
        bar = "›" if at_cursor else "▌" if is_open else " "
        return Strip(
            [
                Segment(bar, style("clients--bar") + back),
                *(Segment(text, style(f"clients--{_readable(name, at_cursor)}") + back) for text, name in pieces),
            ],
            width,
        )

    # --- keys and mouse ---

    def on_key(self, event: events.Key) -> None:
        action = keymap().table("list").get(event.key)
        if action is not None and not (self._filter and is_character(event.key)):
            event.stop()
            event.prevent_default()
            own = getattr(self, f"_do_{action}", None)
            if own is not None:
                own()
            else:
                self.post_message(ActionWanted(action))
        elif event.character is not None and event.is_printable:
            event.stop()
            self.set_filter((self._filter + event.character).lstrip())

    def on_paste(self, event: events.Paste) -> None:
        event.stop()
        self.set_filter(self._filter + " ".join(event.text.split()))

    def on_click(self, event: events.Click) -> None:
        content = event.get_content_offset(self)
        place = self.roster.place_at(content.y + self.scroll_offset.y) if content is not None else None
        if isinstance(place, EntryRef) and event.button == RIGHT_BUTTON:
            self.post_message(ActionWanted("chat_menu", place_of(place)))
        else:
            self._choose(place)

    def _choose(self, place: Place | None) -> None:
        if place is Section.ARCHIVED:
            self.toggle_archive()
        elif isinstance(place, EntryRef):
            self.post_message(self.Chosen(place))

    def on_focus(self) -> None:
        if self._cursor is None:
            self._cursor = self._first_row()
        self._show(self._cursor)
        self.refresh()

    def on_blur(self) -> None:
        self._cursor = self._open
        self.refresh()

    def _do_cursor_up(self) -> None:
        self._move(-1)

    def _do_cursor_down(self) -> None:
        self._move(1)

    def _do_list_page_up(self) -> None:
        self._move(1 - self.size.height)

    def _do_list_page_down(self) -> None:
        self._move(self.size.height - 1)

    def _do_first(self) -> None:
        self._move(-len(self.roster))

    def _do_last(self) -> None:
        self._move(len(self.roster))

    def _do_choose(self) -> None:
        self._choose(self._cursor)

    def _do_rub_out(self) -> None:
        cells = graphemes(self._filter)
        if cells:
            self.set_filter(self._filter[: cells[-1].start])

    def _do_back(self) -> None:
        if self._filter:
            self.set_filter("")
        else:
            self.post_message(self.Left())

    def _move(self, step: int) -> None:
        index = self.roster.index_of(self._cursor)
        start = index if index is not None else -1 if step > 0 else 0
        wanted = min(max(start + step, 0), len(self.roster) - 1)
        while self.roster.place_at(wanted) is None and self.roster.load(1_000):
            pass  # a jump to the end is the one thing that needs all rows at once
        while self._only_for_the_eye(self.roster.place_at(wanted)):
            wanted += 1 if step > 0 or not wanted else -1
        before, self._cursor = self._cursor, self.roster.place_at(wanted)
        self._refresh_row(self.roster.index_of(before))
        self._refresh_row(self.roster.index_of(self._cursor))
        self._show(self._cursor)

    def _first_row(self) -> Place | None:
        """Where the cursor begins if no chat is open: the first row that can be chosen."""
        places = (self.roster.place_at(index) for index in range(min(len(self.roster), len(HEADINGS) + 1)))
        return next((place for place in places if not self._only_for_the_eye(place)), None)

    def _only_for_the_eye(self, place: Place | None) -> bool:
        return isinstance(place, Section) and place is not Section.ARCHIVED

    def _show(self, place: Place | None) -> None:
        index = self.roster.index_of(place)
        if index is not None:
            self._show_index(index)

    def _show_index(self, index: int) -> None:
        top, height = self.scroll_offset.y, self.size.height
        if not height:
            return
        if index <= top:
            above = self.roster.place_at(index - 1)
            self.scroll_to(y=index - self._only_for_the_eye(above), animate=False)
        elif index >= top + height:
            self.scroll_to(y=index - height + 1, animate=False)


def _readable(name: str, at_cursor: bool) -> str:
    """The style of a piece: quiet text would be too weak on the cursor's ground."""
    return "row" if at_cursor and name == "quiet" else name
