"""`chatterm logout`: end this machine's session on the server, then forget its tokens."""

import argparse
import asyncio
from contextlib import closing

from chatterm.cli import outcome
from chatterm.cli.asking import asking
from chatterm.cli.setup import chosen_account
from chatterm.client.accounts import Accounts
from chatterm.client.closing import ConnectionEndedError, Next
from chatterm.client.credentials import CredentialStore
from chatterm.client.model import Account
from chatterm.client.outbox import Outbox
from chatterm.client.paths import account_files


def run(arguments: argparse.Namespace) -> int:
    """Nothing changes here if the server cannot be reached, unless `--local` says that it need not be."""
    account = chosen_account(arguments)
    files = account_files(account.key)
    store = CredentialStore(files.credentials)
    if not arguments.local:
        asyncio.run(_end_session(account))
    store.clear()
    Accounts().remove(account.key)
    outcome.say(f"Signed out {account.key}. Cached messages stay in {files.folder}.")
    if files.outbox.exists():
        with closing(Outbox.open(files.outbox)) as outbox:
            unsent = sum(outbox.counts())
        if unsent:
            outcome.say(f"{unsent} unsent messages are kept; they are sent after the next login to this account.")
    return outcome.OK


async def _end_session(account: Account) -> None:
    async with asking(account) as (api, tokens):
        try:
            await tokens.call(api.logout)
        except ConnectionEndedError as error:
            if error.next is not Next.SIGN_IN:
                raise
            # The session is over already: there is nothing to end.
