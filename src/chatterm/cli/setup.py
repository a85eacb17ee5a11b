"""What commands need before they begin: which account is meant."""

import argparse

from chatterm.client.accounts import Accounts
from chatterm.client.errors import ClientError
from chatterm.client.model import Account


def chosen_account(arguments: argparse.Namespace) -> Account:
    """The account that `--account` names, or the default one. Raises `ClientError`: `notSignedIn`, `accountUnknown`."""
    accounts = Accounts()
    if arguments.account is not None:
        return accounts.get(arguments.account)
    account = accounts.default()
    if account is None:
        raise ClientError("notSignedIn", "Nobody is signed in on this machine.", "Run 'chatterm login URL'.")
    return account
