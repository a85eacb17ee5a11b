"""The error boundary of a widget: a render that raises becomes a card with the error, and the rest lives on."""

import logging
from typing import TYPE_CHECKING, Final

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from chatproto.text import terminal_safe
from chatterm.tui.actions import label_of
from chatterm.tui.graphemes import fit
from chatterm.tui.timeline.wrap import wrap

_log = logging.getLogger("chatterm.tui")

FAILURE_CHARS: Final = 300
"""Of an error, so much stands on the card."""

if TYPE_CHECKING:
    _Base = Widget
else:
    _Base = object


class DrawingFailed(Message):
    """A widget could not be drawn, and shows a card instead."""

    def __init__(self, error: Exception, where: str) -> None:
        super().__init__()
        self.error = error
        self.where = where


class Guarded(_Base):
    """Mix-in, named before the widget's own base: catches what its `render_line` raises.

    Every repaint tries again; so does a click on the card, and drawing the screen again.
    """

    _render_failure: str = ""

    def render_lines(self, crop: Region) -> list[Strip]:
        try:
            strips = super().render_lines(crop)
        except Exception as error:  # whatever it is, the rest of the screen must live on
            return self._card(error, crop)
        self._render_failure = ""
        return strips

    def on_click(self, event: events.Click) -> None:
        if self._render_failure:
            event.stop()
            self.refresh()

    def _card(self, error: Exception, crop: Region) -> list[Strip]:
        failure = f"{type(error).__name__}: {error}"
        if failure != self._render_failure:
            self._render_failure = failure
            _log.error("%s cannot be drawn", type(self).__name__, exc_info=error)
            self.post_message(DrawingFailed(error, type(self).__name__))
        said = (
            f"{type(self).__name__} cannot be drawn",
            terminal_safe(failure)[:FAILURE_CHARS],
            f"{label_of('redraw')} or a click: try again. /problems shows and copies it.",
        )
        texts = [f" {text[start:end]}" for text in said for start, end in wrap(text, max(2, crop.width - 2))]
        style = Style(bold=True, reverse=True)
        texts += [""] * (crop.bottom - len(texts))
        return [Strip([Segment(fit(text, crop.width), style)], crop.width) for text in texts[crop.y : crop.bottom]]
