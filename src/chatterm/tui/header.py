"""The line above the messages: who this is, and whether they are there."""

from collections.abc import Sequence
from typing import Final

from rich.cells import cell_len

from chatproto.text import terminal_safe
from chatterm.tui.line import Line, Part
from chatterm.tui.timeline.wrap import clip

WHO_MIN: Final = 12
"""Cells of a long name that stay, whatever else there is to say."""


class ChatHeader(Line):
    """Name and presence of the conversation on screen, and what waits below it."""

    DEFAULT_CSS = "ChatHeader { padding: 0 1; background: $background; margin: 0 0 1 0; }"

    def __init__(self) -> None:
        super().__init__()
        self._who = ""
        self._detail: tuple[Part, ...] = ()
        self._below = 0

    def show(self, name: str, *details: Part) -> None:
        """Name another conversation, or say something else of this one. `name` may be anybody's text."""
        self._who = terminal_safe(name)
        self._detail = tuple(part for each in details if each.text for part in (Part("  ", "quiet"), each))
        self.refresh()

    def show_below(self, count: int) -> None:
        """So many events lie below what is on screen."""
        if count != self._below:
            self._below = count
            self.refresh()

    def left(self) -> Sequence[Part]:
        right = sum(cell_len(part.text) for part in self.right())
        room = self.content_size.width - (right + 2 if right else 0)
        who = clip(self._who, max(WHO_MIN, room - sum(cell_len(part.text) for part in self._detail[:2])))
        shown = [Part(who, "strong")]
        for part in self._detail:
            room -= cell_len(shown[-1].text)
            shown.append(Part(clip(part.text, room), part.style))
        return shown

    def right(self) -> Sequence[Part]:
        return (Part(f"↓ {self._below:,} new below", "accent"),) if self._below else ()
