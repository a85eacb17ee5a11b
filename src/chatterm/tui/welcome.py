"""The first screen where nobody is signed in: it asks for an account, and leaves with the app."""

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Static

from chatterm.tui import account_changes


class WelcomeScreen(Screen[None]):
    """A name on an empty page, and the login before it."""

    DEFAULT_CSS = """
    WelcomeScreen { align: center middle; background: $background; }
    WelcomeScreen Static { width: auto; height: auto; color: $quiet; }
    """

    def compose(self) -> ComposeResult:
        yield Static("chatterm", markup=False)

    def on_mount(self) -> None:
        account_changes.begin(self.app, account_changes.welcome)
