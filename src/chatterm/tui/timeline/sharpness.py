"""When pictures are drawn in pixels: if the terminal can, and not faster than a line to it can carry them."""

import time
from typing import TYPE_CHECKING, Final

from chatterm.client.drawing import Drawing
from chatterm.tui.timeline.gallery import Gallery
from chatterm.tui.timeline.sixel import Grain

if TYPE_CHECKING:
    from chatterm.tui.pixels import TerminalPixels
    from chatterm.tui.timeline.painted import Painted

BYTES_PER_S: Final = 1_048_576
"""Of graphics, in the long run; half cells take little."""
BYTES_AT_ONCE: Final = 524_288
"""After a while without any, so many may come faster."""
REST_S: Final = 0.15
"""After half cells stood for pictures, they are drawn in pixels again once nothing was painted for so long."""


class Pace:
    """Keeps paints that come quickly one after the other, as while scrolling, from sending graphics each time."""

    def __init__(self) -> None:
        self._painted_at = 0.0
        self._bytes = 0
        self._left = float(BYTES_AT_ONCE)
        self._coarse = False

    def is_too_fast(self, now: float, sent: int) -> bool:
        """Whether the paint at `now` (seconds) goes without graphics; `sent` are the bytes of all before it."""
        since, self._painted_at = now - self._painted_at, now
        spent, self._bytes = sent - self._bytes, sent
        self._left = min(BYTES_AT_ONCE, self._left + since * BYTES_PER_S) - spent
        self._coarse = since < REST_S if self._coarse else self._left < 0 and since < REST_S
        return self._coarse

    def rest_left(self, now: float) -> float:
        """Seconds without a paint after which graphics come again."""
        return self._painted_at + REST_S - now


class Sharpness:
    """Tells a gallery before each paint how its pictures are drawn, and has them drawn again when that changes."""

    def __init__(self, timeline: "Painted", gallery: Gallery, drawing: Drawing, terminal: "TerminalPixels") -> None:
        self._timeline = timeline
        self._gallery = gallery
        self._forced = drawing == "sixel"
        self._terminal = terminal
        self._pace = Pace()
        self._rest_due = False
        self._closed = False
        terminal.listeners.append(timeline.extras_changed)

    def close(self) -> None:
        """Have nothing painted any more."""
        self._closed = True
        self._terminal.listeners.remove(self._timeline.extras_changed)

    def grain(self) -> Grain | None:
        """How pictures are drawn in pixels now; None if they are not."""
        return self._terminal.grain() if self._forced or self._terminal.draws_sixel() else None

    def painting(self) -> None:
        """The view is about to be painted."""
        gallery = self._gallery
        gallery.grain = self.grain()
        if gallery.grain is None:
            return
        now = time.monotonic()
        gallery.coarse = self._pace.is_too_fast(now, gallery.graphics_bytes)
        if gallery.coarse and not self._rest_due:
            self._wait(now)
        if self._timeline.region.bottom >= self._timeline.screen.size.height:
            gallery.coarse = True  # a graphic in the last row of the screen would scroll it

    def _wait(self, now: float) -> None:
        self._rest_due = True
        self._timeline.set_timer(max(0.01, self._pace.rest_left(now)), self._rested)

    def _rested(self) -> None:
        self._rest_due = False
        now = time.monotonic()
        if self._closed:
            return
        if self._pace.rest_left(now) > 0:
            self._wait(now)
        else:
            self._timeline.refresh(self._timeline.size.region)
