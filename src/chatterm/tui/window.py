"""The terminal window around the app: its title, and a fresh start of what is drawn in it."""

from typing import TYPE_CHECKING, Final

from chatproto.text import terminal_safe

if TYPE_CHECKING:
    from textual.app import App

TITLE_MAX: Final = 80
_SAVE: Final = "\x1b[22;0t"
"""XTerm window operation 22: push the title; 23 pops it. Terminals without it ignore both."""
_RESTORE: Final = "\x1b[23;0t"


def title_sequence(title: str) -> str:
    """OSC 0 with a title that cannot end it early: no control characters are left, and at most 80 characters."""
    return f"\x1b]0;{terminal_safe(title)[:TITLE_MAX]}\x07"


class Window:
    """Writes to the app's own terminal, if it has one."""

    def __init__(self, app: "App[None]") -> None:
        self._app = app
        self._title = ""

    def write(self, sequence: str) -> None:
        """Write an escape sequence of this program's own making, between two frames."""
        driver = self._app._driver
        if driver is not None and not self._app.is_headless and self._app.is_running:
            driver.write(sequence)
            driver.flush()

    def set_title(self, title: str) -> None:
        """Name the window; the same title again writes nothing."""
        if title != self._title:
            self.write((_SAVE if not self._title else "") + title_sequence(title))
            self._title = title

    def restore_title(self) -> None:
        """Give the window its earlier title back."""
        if self._title:
            self._title = ""
            self.write(_RESTORE)

    def clear(self) -> None:
        """Wipe what other programs may have written over the screen."""
        self.write("\x1b[2J")
