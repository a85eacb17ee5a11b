"""Where the client list is: beside the conversation, over it, or out of sight; and how wide it is."""

import msgspec

from chatterm.client.errors import ClientError
from chatterm.tui.features.feature import Feature

STEP: int = 2
"""Cells by which the keys make the list wider or narrower."""


class Layout(Feature):
    """Arranges the screen."""

    def toggle_list(self, _: str = "") -> None:
        """Show the list, or take it out of sight; in a narrow terminal it lies over the conversation meanwhile."""
        screen = self.screen
        if screen.has_class("-narrow"):
            if screen.has_class("-list"):
                screen.to_writing()
            else:
                screen.to_list()
            return
        hidden = not screen.has_class("-alone")
        screen.hide_list(hidden)
        self.screen.state.save_setting("list", "hidden" if hidden else "shown")

    def list_wider(self, _: str = "") -> None:
        self._widen(STEP)

    def list_narrower(self, _: str = "") -> None:
        self._widen(-STEP)

    def _widen(self, cells: int) -> None:
        sidebar = self.screen.sidebar
        if sidebar.display:
            self._set_width(sidebar.outer_size.width + cells)

    def list_width(self, argument: str = "") -> None:
        """Make the list as wide as is said."""
        if not argument.strip().isdecimal():
            raise ClientError("usage", "The width is a number of cells.", "Write /listwidth 36.")
        self._set_width(int(argument.strip()[:4]))

    def _set_width(self, cells: int) -> None:
        """Make the list so wide, within what the window allows, and remember it."""
        from chatterm.tui.app import ChatApp  # noqa: PLC0415 - it is loaded, but imports this side

        app = self.screen.app
        assert isinstance(app, ChatApp)
        width = self.screen.sidebar.fitting(cells)
        app.change_settings(
            msgspec.structs.replace(app.settings, look=msgspec.structs.replace(app.settings.look, list_width=width))
        )
