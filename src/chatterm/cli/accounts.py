"""`chatterm accounts`: who is signed in on this machine."""

import argparse
import asyncio

from chatproto.text import terminal_safe
from chatterm.cli import outcome
from chatterm.client.accounts import Accounts
from chatterm.client.errors import ClientError
from chatterm.client.model import Account


def run(arguments: argparse.Namespace) -> int:
    """Print, choose or forget."""
    accounts = Accounts()
    if arguments.default is not None:
        accounts.set_default(arguments.default)
        outcome.say(f"{accounts.get(arguments.default).key} is meant where no account is named.")
        return outcome.OK
    if arguments.remove is not None:
        return _remove(accounts.get(arguments.remove), drop_unsent=arguments.unsent)
    default = accounts.default()
    for account in accounts.all():
        _put(account, chosen=default is not None and account.key == default.key, as_json=arguments.json)
    return outcome.OK


def _remove(account: Account, *, drop_unsent: bool) -> int:
    from chatterm.client.signing import end_session, forget, unsent_messages  # noqa: PLC0415 - loads the network

    unsent = unsent_messages(account)
    if unsent and not drop_unsent:
        raise ClientError(
            "unsentMessages",
            f"Messages of {account.key} that have not been sent: {unsent}.",
            "Send them first, see 'chatterm outbox', or drop them with --unsent.",
        )
    try:
        asyncio.run(end_session(account))
    except ClientError as error:
        outcome.say(f"The server could not be told: {error.message} End this session from another device.")
    forget(account, remove_data=True)
    outcome.say(f"{account.key} is gone from this machine.")
    return outcome.OK


def _put(account: Account, *, chosen: bool, as_json: bool) -> None:
    if as_json:
        outcome.put_json(
            {
                "key": account.key,
                "email": account.email,
                "name": account.display_name,
                "server": account.server_url,
                "default": chosen,
            }
        )
        return
    name = terminal_safe(account.display_name)
    outcome.put(f"{'*' if chosen else ' '} {terminal_safe(account.key)}  {name}  {account.server_url}")
