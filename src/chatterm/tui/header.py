"""The line above the messages: who this is, and whether they are there."""

from collections.abc import Sequence
from typing import Final

from rich.cells import cell_len

from chatproto.text import terminal_safe
from chatterm.tui.line import Line, Part
from chatterm.tui.timeline.wrap import clip

WHO_MIN: Final = 12
"""Cells of a long name that stay, whatever else there is to say."""


ROOMY: Final = 50
"""In fewer cells, nothing is said of pinned messages."""


class ChatHeader(Line):
    """Name and presence of the conversation on screen, and what waits below it."""

    DEFAULT_CSS = "ChatHeader { padding: 0 1; background: $background; margin: 0 0 1 0; }"

    def __init__(self) -> None:
        super().__init__()
        self._who = self._action = self._menu = ""
        self._pinned = 0
        self._detail: tuple[Part, ...] = ()
        self._below = 0

    def show(self, name: str, *details: Part, action: str = "") -> None:
        """Name another conversation, or say something else of this one. `name` may be anybody's text.

        A click on the name asks for `action`.
        """
        self._who, self._action = terminal_safe(name), action
        self._detail = tuple(part for each in details if each.text for part in (Part("  ", "quiet"), each))
        self.refresh()

    def show_menu(self, text: str) -> None:
        """A mark that opens the client list, while that is out of sight; empty for none."""
        if text != self._menu:
            self._menu = text
            self.refresh()

    def show_pinned(self, count: int) -> None:
        """So many messages of the conversation are pinned."""
        if count != self._pinned:
            self._pinned = count
            self.refresh()

    def show_below(self, count: int) -> None:
        """So many events lie below what is on screen."""
        if count != self._below:
            self._below = count
            self.refresh()

    def left(self) -> Sequence[Part]:
        right = sum(cell_len(part.text) for part in self.right())
        room = self.content_size.width - (right + 2 if right else 0)
        menu = [Part(f"{self._menu}  ", "accent", "toggle_list")] if self._menu else []
        room -= sum(cell_len(part.text) for part in menu)
        who = clip(self._who, max(WHO_MIN, room - sum(cell_len(part.text) for part in self._detail[:2])))
        shown = [Part(who, "strong", self._action)]
        for part in self._detail:
            room -= cell_len(shown[-1].text)
            shown.append(part._replace(text=clip(part.text, room)))
        return [*menu, *shown]

    def right(self) -> Sequence[Part]:
        roomy = self.content_size.width >= ROOMY
        pinned = [Part(f"⚑ {self._pinned:,} pinned  ", "quiet", "pins")] if self._pinned and roomy else []
        return [*pinned, *([Part(f"↓ {self._below:,} new below", "accent", "newest")] if self._below else [])]
