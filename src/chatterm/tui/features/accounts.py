"""Signing in and out, and other accounts."""

from chatterm.tui import account_changes
from chatterm.tui.features.feature import Feature


class Accounts(Feature):
    """Hands over to what outlives the screen: the account on it may be closed."""

    def sign_in(self, _: str) -> None:
        account_changes.begin(self.app, account_changes.sign_in)

    def accounts(self, _: str) -> None:
        account_changes.begin(self.app, account_changes.switch)

    def sign_out(self, _: str) -> None:
        account_changes.begin(self.app, account_changes.sign_out)
