"""The left side: whose account this is, the filter, and the client list."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from chatproto.text import terminal_safe
from chatterm.client.errors import ClientError
from chatterm.client.model import EntryRef, Link, PresenceState, Target
from chatterm.client.ports import Engine
from chatterm.client.settings import Look
from chatterm.client.uistate import UiState
from chatterm.tui.actions import label_of
from chatterm.tui.client_row import Marks
from chatterm.tui.clients import ClientList
from chatterm.tui.drafts import ref_of
from chatterm.tui.line import Line, Part

DEFAULT_WIDTH: Final = Look().list_width
WIDTH_MIN: Final = 16
WIDTH_MAX: Final = 80


class AccountLine(Line):
    """Whose account this is; a click on the name opens the profile, one on the account the others."""

    DEFAULT_CSS = "AccountLine { padding: 0 1; background: $surface; }"

    def __init__(self, name: str, key: str) -> None:
        super().__init__()
        self._parts = (
            Part(terminal_safe(name), "strong", "profile"),
            Part("  " + terminal_safe(key), "quiet", "accounts"),
        )

    def left(self) -> Sequence[Part]:
        return self._parts


class FilterLine(Line):
    """What the client list is filtered by, or how to begin."""

    DEFAULT_CSS = "FilterLine { padding: 0 1; background: $surface; margin: 0 0 1 0; }"

    def __init__(self) -> None:
        super().__init__()
        self._text = ""
        self._found = 0
        self._active = False

    def show(self, text: str, found: int) -> None:
        """The filter, or what it finds, changed."""
        if (text, found) != (self._text, self._found):
            self._text, self._found = text, found
            self.refresh()

    def show_active(self, active: bool) -> None:
        """Whether letters go to the filter now."""
        self._active = active
        self.refresh()

    def left(self) -> Sequence[Part]:
        if self._text:
            return (Part("⌕ ", "accent"), Part(terminal_safe(self._text), "strong"), Part("▏", "accent"))
        if self._active:
            return (Part("⌕ ", "accent"), Part("▏type to filter", "quiet"))
        return (Part(f"⌕ {label_of('jump')} to find", "quiet", "jump"),)

    def right(self) -> Sequence[Part]:
        if not self._text:
            return ()
        return (Part(f"{self._found:,}" if self._found else "nobody", "quiet" if self._found else "warn"),)


class Sidebar(Vertical):
    """The client list with what belongs to it; becomes an overlay where the terminal is narrow."""

    DEFAULT_CSS = """
    Sidebar {
        width: 30;
        max-width: 60%;
        background: $surface;
        border-right: vkey $surface;
        &.-edge { border-right: vkey $accent; }
    }
    """

    @dataclass
    class WidthChosen(Message):
        """The border was dragged until the list is so wide."""

        cells: int

    def __init__(self, engine: Engine, state: UiState) -> None:
        super().__init__()
        self._engine = engine
        self._state = state
        self._marks = Marks(typing=lambda chat_id: bool(engine.typing(chat_id)))
        self.list = ClientList(engine.cache, self.presence, self._marks)
        self._filter = FilterLine()
        self._account = AccountLine(engine.account.display_name, engine.account.key)
        self._dragging = False

    def compose(self) -> ComposeResult:
        yield self._account
        yield self._filter
        yield self.list

    def set_width(self, cells: int) -> None:
        """Make the list this wide; at the default it is as wide as fits the window."""
        if cells == DEFAULT_WIDTH:
            self.styles.clear_rule("width")
        else:
            self.styles.width = cells

    def fitting(self, cells: int) -> int:
        """The width next to this one that the settings and the window allow."""
        width = max(WIDTH_MIN, min(cells, WIDTH_MAX, self.screen.size.width * 3 // 5))
        return width + (width == DEFAULT_WIDTH)  # that one means: as it fits the window

    # --- dragging the border ---

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self._dragging:
            self.styles.width = self.fitting(event.screen_x - self.region.x + 1)
        self.set_class(self._dragging or self._is_border(event), "-edge")

    def on_leave(self) -> None:
        self.set_class(self._dragging, "-edge")

    def on_mouse_down(self, event: events.MouseDown) -> None:
        if self._is_border(event):
            event.stop()
            self._dragging = True
            self.capture_mouse()

    def on_mouse_up(self, event: events.MouseUp) -> None:
        if self._dragging:
            event.stop()
            self._dragging = False
            self.release_mouse()
            self.remove_class("-edge")
            self.post_message(self.WidthChosen(self.fitting(event.screen_x - self.region.x + 1)))

    def _is_border(self, event: events.MouseEvent) -> bool:
        return event.screen_x == self.region.right - 1

    def on_mount(self) -> None:
        self.drafts_changed()
        self.outbox_changed()

    def presence(self, user_id: int) -> PresenceState | None:
        """Whether somebody is there; unknown while this client is not online."""
        return self._engine.presence(user_id).state if self._engine.status.link is Link.ONLINE else None

    # --- marks of the rows ---

    def drafts_changed(self) -> None:
        """Something was left unsent, or is not any more. What cannot be read has no mark: the draft itself tells."""
        try:
            places = self._state.draft_places()
        except ClientError:
            return
        self._mark(drafts=frozenset(ref for ref in map(ref_of, places) if ref is not None))

    def outbox_changed(self) -> None:
        """Messages failed, or do not wait any more. What cannot be read has no mark: the outbox itself tells."""
        try:
            targets = self._engine.outbox.failed_targets()
        except ClientError:
            return
        self._mark(failed=frozenset(ref for ref in map(self._ref_of_target, targets) if ref is not None))

    def typing_changed(self, chat_id: int) -> None:
        """Somebody began or ended to write in a chat."""
        self.list.refresh_entry(EntryRef("chat", chat_id))

    def _mark(self, *, drafts: frozenset[EntryRef] | None = None, failed: frozenset[EntryRef] | None = None) -> None:
        marks = self._marks
        before = marks.drafts, marks.failed
        marks.drafts = marks.drafts if drafts is None else drafts
        marks.failed = marks.failed if failed is None else failed
        for ref in (before[0] ^ marks.drafts) | (before[1] ^ marks.failed):
            self.list.refresh_entry(ref)

    def _ref_of_target(self, target: Target) -> EntryRef | None:
        cache, user_id = self._engine.cache, target.user_id
        if target.chat_id is not None:
            return EntryRef("chat", target.chat_id)
        if target.email is not None:
            user = cache.user_by_email(target.email)
            user_id = user.id if user is not None else None
        if user_id is None:
            return None
        chat_id = cache.direct_chat(user_id)
        return EntryRef("user", user_id) if chat_id is None else EntryRef("chat", chat_id)

    # --- filter ---

    def on_client_list_filtered(self, message: ClientList.Filtered) -> None:
        self._filter.show(message.text, message.found)

    def on_descendant_focus(self) -> None:
        self._filter.show_active(True)

    def on_descendant_blur(self) -> None:
        self._filter.show_active(False)
