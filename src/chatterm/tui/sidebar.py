"""The left side: whose account this is, the filter, and the client list."""

from collections.abc import Callable, Sequence

from textual.app import ComposeResult
from textual.containers import Vertical

from chatproto.text import terminal_safe
from chatterm.client.model import PresenceState
from chatterm.client.ports import CacheReader
from chatterm.tui.actions import label_of
from chatterm.tui.clients import ClientList
from chatterm.tui.line import Line, Part


class AccountLine(Line):
    """Whose account this is."""

    DEFAULT_CSS = "AccountLine { padding: 0 1; background: $surface; }"

    def __init__(self, name: str, key: str) -> None:
        super().__init__()
        self._parts = (Part(terminal_safe(name), "strong"), Part("  " + terminal_safe(key), "quiet"))

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
        return (Part(f"⌕ {label_of('jump')} to find", "quiet"),)

    def right(self) -> Sequence[Part]:
        if not self._text:
            return ()
        return (Part(f"{self._found:,}" if self._found else "nobody", "quiet" if self._found else "warn"),)


class Sidebar(Vertical):
    """The client list with what belongs to it; becomes an overlay where the terminal is narrow."""

    DEFAULT_CSS = """
    Sidebar {
        width: 30;
        background: $surface;
    }
    """

    def __init__(
        self, cache: CacheReader, presence: Callable[[int], PresenceState | None], name: str, key: str
    ) -> None:
        super().__init__()
        self.list = ClientList(cache, presence)
        self._filter = FilterLine()
        self._account = AccountLine(name, key)

    def compose(self) -> ComposeResult:
        yield self._account
        yield self._filter
        yield self.list

    def on_client_list_filtered(self, message: ClientList.Filtered) -> None:
        self._filter.show(message.text, message.found)

    def on_descendant_focus(self) -> None:
        self._filter.show_active(True)

    def on_descendant_blur(self) -> None:
        self._filter.show_active(False)
