"""`chatterm logout`: end this machine's session on the server, then forget its tokens."""

import argparse
import asyncio

from chatterm.cli import outcome
from chatterm.cli.setup import chosen_account
from chatterm.client.paths import account_files
from chatterm.client.signing import end_session, forget, unsent_messages


def run(arguments: argparse.Namespace) -> int:
    """Nothing changes here if the server cannot be reached, unless `--local` says that it need not be."""
    account = chosen_account(arguments)
    if not arguments.local:
        asyncio.run(end_session(account))
    forget(account)
    outcome.say(f"Signed out {account.key}. Cached messages stay in {account_files(account.key).folder}.")
    unsent = unsent_messages(account)
    if unsent:
        outcome.say(f"Unsent messages are kept: {unsent}. The next login to this account sends them.")
    return outcome.OK
