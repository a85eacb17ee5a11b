"""The error boundary of a widget: a render that raises becomes a card with the error, and the rest lives on."""

import logging
from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from chatproto.text import terminal_safe
from chatterm.tui.graphemes import fit

_log = logging.getLogger("chatterm.tui")

if TYPE_CHECKING:
    _Base = Widget
else:
    _Base = object


class Guarded(_Base):
    """Mix-in, named before the widget's own base: catches what its `render_line` raises."""

    _render_failure: str = ""

    def render_lines(self, crop: Region) -> list[Strip]:
        try:
            strips = super().render_lines(crop)
        except Exception as error:  # whatever it is, the rest of the screen must live on
            return self._card(error, crop)
        self._render_failure = ""
        return strips

    def _card(self, error: Exception, crop: Region) -> list[Strip]:
        failure = f"{type(error).__name__}: {error}"
        if failure != self._render_failure:
            self._render_failure = failure
            _log.error("%s cannot be drawn", type(self).__name__, exc_info=error)
        texts = [
            f" {type(self).__name__} cannot be drawn",
            f" {terminal_safe(failure)}",
            " The rest works; the log has the details.",
        ]
        style = Style(bold=True, reverse=True)
        texts += [""] * (crop.bottom - len(texts))
        return [Strip([Segment(fit(text, crop.width), style)], crop.width) for text in texts[crop.y : crop.bottom]]
