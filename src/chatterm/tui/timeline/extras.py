"""What comes after the first paint of messages: colours of code, and pictures."""

import os
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final

from chatterm.client.drawing import drawing_of
from chatterm.tui.timeline.gallery import Gallery, Source, frame_row
from chatterm.tui.timeline.highlight import Highlighter
from chatterm.tui.timeline.paint_body import Token
from chatterm.tui.timeline.pictures import Picture

if TYPE_CHECKING:
    from chatterm.tui.pixels import TerminalPixels
    from chatterm.tui.timeline.decoding import Row
    from chatterm.tui.timeline.painted import Painted
    from chatterm.tui.timeline.pixel_row import PixelRow
    from chatterm.tui.timeline.sharpness import Sharpness

GROUP: Final = "timeline-extras"


class Extras:
    """Gives what is there to the painter, and has the timeline painted anew when there is more."""

    def __init__(self, timeline: "Painted", source: Source | None, setting: str) -> None:
        self._timeline = timeline
        self._highlighter = Highlighter(lambda: self._begin(self._highlighter.work), timeline.extras_changed)
        self._gallery: Gallery | None = None
        self._sharpness: Sharpness | None = None
        self._closed = False
        self._drawing = drawing_of(setting, os.environ)
        self._meets_terminal = self._drawing in ("sixel", "ask")
        if source is not None:
            changed = timeline.extras_changed
            self._gallery = Gallery(source, self._drawing, write=self._write, begin=self._begin, changed=changed)

    def highlight(self, code: str, language: str) -> Sequence[Token]:
        """The colours of a piece of code, as far as they are known by now."""
        return self._highlighter(code, language)

    def picture_row(self, picture: Picture, number: int) -> "Row | PixelRow | str":
        """A row of a picture, or the text that stands in its place."""
        if self._gallery is None:
            return frame_row(picture, number, "")
        if self._meets_terminal:
            self._meets_terminal = False
            self._timeline.call_after_refresh(self._meet_terminal)
        background = self._timeline.background_colors[1]
        row = self._gallery.row(picture, number, background.rgb)
        return frame_row(picture, number, self._gallery.problem(picture)) if row is None else row

    def painting(self) -> None:
        """The view is about to be painted."""
        if self._sharpness is not None:
            self._sharpness.painting()

    def _meet_terminal(self) -> None:
        """With the first picture, and after it is on screen: find out what the terminal can do."""
        terminal: TerminalPixels | None = getattr(self._timeline.app._driver, "pixels", None)
        if terminal is None or self._gallery is None or self._closed:
            return
        from chatterm.tui.timeline.sharpness import Sharpness  # noqa: PLC0415 - few first screens need it

        self._sharpness = Sharpness(self._timeline, self._gallery, self._drawing, terminal)
        if self._sharpness.grain() is not None:
            self._timeline.extras_changed()

    def try_again(self) -> None:
        """The connection is back."""
        if self._gallery is not None:
            self._gallery.try_again()

    def close(self) -> None:
        """Free what the terminal holds."""
        self._closed = True
        if self._sharpness is not None:
            self._sharpness.close()
            self._sharpness = None
        if self._gallery is not None:
            self._gallery.close()

    def _begin(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run something in the background, once what is being painted is on screen."""
        timeline = self._timeline
        timeline.call_after_refresh(lambda: timeline.run_worker(work(), group=GROUP, exit_on_error=False) and None)

    def _write(self, sequence: str) -> None:
        app = self._timeline.app
        driver = app._driver
        if driver is not None and not app.is_headless and app.is_running:
            driver.write(sequence)
            driver.flush()
