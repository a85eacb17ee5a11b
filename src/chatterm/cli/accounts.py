"""`chatterm accounts`: who is signed in on this machine."""

import argparse

from chatproto.text import terminal_safe
from chatterm.cli import outcome
from chatterm.client.accounts import Accounts


def run(arguments: argparse.Namespace) -> int:
    """Print them."""
    accounts = Accounts()
    default = accounts.default()
    for account in accounts.all():
        chosen = default is not None and account.key == default.key
        if arguments.json:
            outcome.put_json(
                {
                    "key": account.key,
                    "email": account.email,
                    "name": account.display_name,
                    "server": account.server_url,
                    "default": chosen,
                }
            )
        else:
            name = terminal_safe(account.display_name)
            outcome.put(f"{'*' if chosen else ' '} {terminal_safe(account.key)}  {name}  {account.server_url}")
    return outcome.OK
