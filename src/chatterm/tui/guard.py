"""The error boundary of a widget: a render that raises becomes a card with the error, and the rest lives on."""

import logging
from collections.abc import Callable
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, Final

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from chatproto.text import terminal_safe
from chatterm.tui.actions import label_of

_log = logging.getLogger("chatterm.tui")

FAILURE_CHARS: Final = 300
"""Of an error, so much stands on the card."""
RETRY: Final = " [try again] "
COPY: Final = " [copy] "
"""What can be clicked on there. All of it, and what led to it, is in the list of problems."""

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
    """Mix-in, named before the widget's own base: catches what `render_line` and `render_lines` raise.

    Every repaint tries again; so does a click on the card, and drawing the screen again. Another click copies the
    error.
    """

    _render_failure: str = ""
    _actions_row: int = -1
    _painting: bool = False

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name, guard in _GUARDS.items():
            own = cls.__dict__.get(name)
            if own is not None:
                setattr(cls, name, guard(own))

    def render_lines(self, crop: Region) -> list[Strip]:
        return self._lines_or_card(super().render_lines, crop)

    def _lines_or_card(self, paint: Callable[[Region], list[Strip]], crop: Region) -> list[Strip]:
        outer, self._painting = self._painting, True
        try:
            strips = paint(crop)
        except Exception as error:  # whatever it is, the rest of the screen must live on
            return self._card(error, crop)
        finally:
            self._painting = outer
        self._render_failure = ""
        return strips

    async def _on_click(self, event: events.Click) -> None:
        if not self._render_failure:
            return
        event.stop()
        if event.y == self._actions_row and event.x >= len(RETRY):
            self.app.copy_to_clipboard(f"{type(self).__name__}: {terminal_safe(self._render_failure)}")
        else:
            self.refresh()

    def _card(self, error: Exception, crop: Region) -> list[Strip]:
        from chatterm.tui.graphemes import fit  # noqa: PLC0415 - they come with the messages, which are guarded, too
        from chatterm.tui.timeline.wrap import wrap  # noqa: PLC0415 - as above

        failure = f"{type(error).__name__}: {error}"
        if failure != self._render_failure:
            self._render_failure = failure
            _log.error("%s cannot be drawn", type(self).__name__, exc_info=error)
            self.post_message(DrawingFailed(error, type(self).__name__))
        said = (f"{type(self).__name__} cannot be drawn", terminal_safe(failure)[:FAILURE_CHARS])
        texts = [f" {text[start:end]}" for text in said for start, end in wrap(text, max(2, crop.width - 2))]
        self._actions_row = len(texts)
        texts += [f"{RETRY}{COPY}", f" {label_of('redraw')} tries again, too"]
        style = Style(bold=True, reverse=True)
        texts += [""] * (crop.bottom - len(texts))
        return [Strip([Segment(fit(text, crop.width), style)], crop.width) for text in texts[crop.y : crop.bottom]]


def _guard_lines(own: Callable[[Any, Region], list[Strip]]) -> Callable[[Any, Region], list[Strip]]:
    @wraps(own)
    def render_lines(self: Any, crop: Region) -> list[Strip]:
        lines: list[Strip] = self._lines_or_card(partial(own, self), crop)
        return lines

    return render_lines


def _guard_line(own: Callable[[Any, int], Strip]) -> Callable[[Any, int], Strip]:
    """Textual also asks for single lines, to know what is under the mouse: there, a failure is a blank line."""

    @wraps(own)
    def render_line(self: Any, y: int) -> Strip:
        try:
            return own(self, y)
        except Exception:  # the card shows it, and the log has it
            if self._painting:
                raise
            return Strip.blank(self.size.width)

    return render_line


def _guard_click(own: Callable[[Any, events.Click], Any]) -> Callable[[Any, events.Click], Any]:
    """A click on the card is not meant for what should be there."""

    @wraps(own)
    def on_click(self: Any, event: events.Click) -> Any:
        return None if self._render_failure else own(self, event)

    return on_click


_GUARDS: Final[dict[str, Callable[[Any], Any]]] = {
    "render_lines": _guard_lines,
    "render_line": _guard_line,
    "on_click": _guard_click,
}
