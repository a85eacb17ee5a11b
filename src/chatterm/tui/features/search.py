"""Search in all messages, or in the conversation on screen; finds what is on this device without a network."""

from typing import TYPE_CHECKING

from chatproto import limits
from chatterm.client.searching import Search as Searching
from chatterm.tui.features.feature import Feature
from chatterm.tui.search.screen import Remembered, SearchScreen

if TYPE_CHECKING:
    from chatterm.client.searching import Place
    from chatterm.tui.screen import ChatScreen


class Search(Feature):
    """Opens the search screen, with what was searched last unless something else is asked for."""

    def __init__(self, screen: "ChatScreen") -> None:
        super().__init__(screen)
        self._open: SearchScreen | None = None
        self._remembered = Remembered(Searching(self.engine, self._changed))

    def search(self, argument: str) -> None:
        """Search for the argument, or show the last search again."""
        text = " ".join(argument.split())[: limits.SEARCH_MAX_CHARS]
        if text:
            self._remembered.text, self._remembered.at = text, None
        self._show(select_from=None if text else 0)

    def search_here(self, argument: str) -> None:
        """Search in the conversation on screen."""
        ref = self.conversation.ref
        if ref is None or ref.kind != "chat":
            self.tell("There is no conversation to search in; open one first.")
            return
        words = " ".join(argument.split())
        last = self._remembered.text
        before = f"in:{ref.id} "
        again = not words and last.startswith(before)
        if not again:
            self._remembered.text = f"{before}{words}"[: limits.SEARCH_MAX_CHARS]
            self._remembered.at = None
        self._show(select_from=len(before) if again else None)

    def _show(self, *, select_from: int | None) -> None:
        if self._open is None:
            self._open = SearchScreen(self.engine, self._remembered, select_from=select_from)
            self.screen.app.push_screen(self._open, self._closed)

    def _changed(self) -> None:
        if self._open is not None:
            self._open.changed()

    def _closed(self, place: "Place | None") -> None:
        self._open = None
        if place is not None:
            self.screen.show_message(*place)
