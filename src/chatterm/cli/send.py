"""`chatterm send`: queue a message on disk, then see it delivered or say who will."""

import argparse
from contextlib import closing
from pathlib import Path

from chatproto.text import normalize_message
from chatterm.cli import outcome
from chatterm.cli.drafts import Draft, find_drafts
from chatterm.cli.setup import chosen_account
from chatterm.cli.typed import typed_text
from chatterm.client.cache import Cache
from chatterm.client.errors import ClientError
from chatterm.client.model import Account, OutboxRow
from chatterm.client.outbox import Outbox
from chatterm.client.paths import account_files


def run(arguments: argparse.Namespace) -> int:
    """Queue, then deliver."""
    account = chosen_account(arguments)
    bare = arguments.file and not arguments.text and not arguments.me
    text = "" if bare else normalize_message(("/me " if arguments.me else "") + typed_text(arguments.text))
    rows = _queue(account, _drafts(account, arguments, text), [Path(name) for name in arguments.file])
    from chatterm.cli.delivery import deliver  # noqa: PLC0415 - they are on disk; from here on there is time

    return deliver(account, rows, arguments.timeout, arguments.wait)


def _drafts(account: Account, arguments: argparse.Namespace, text: str) -> list[Draft]:
    """What to queue, from the cache and without a network; only a name that it does not know is looked up."""
    with closing(Cache.open(account_files(account.key).cache)) as cache:
        try:
            drafts = find_drafts(cache, arguments, text)
            if not any(draft.unsure for draft in drafts):
                return drafts
        except ClientError as error:
            if error.code != "targetUnknown":
                raise
    import asyncio  # noqa: PLC0415 - what is known needs no event loop

    return asyncio.run(_ask_for_drafts(arguments, text))


async def _ask_for_drafts(arguments: argparse.Namespace, text: str) -> list[Draft]:
    from chatterm.cli.looking import bring_up_to_date, looking  # noqa: PLC0415 - loads the network

    async with looking(arguments) as session:
        await bring_up_to_date(session, arguments)
        return find_drafts(session.cache, arguments, text)


def _queue(account: Account, drafts: list[Draft], files: list[Path]) -> list[OutboxRow]:
    """Durable when this returns, with copies of the files."""
    if files:
        return _queue_with_files(account, drafts, files)
    with closing(Outbox.open(account_files(account.key).outbox)) as outbox:
        if outbox.problem is not None:
            outcome.complain(outbox.problem)
        return [outbox.append(draft.target, draft.text, draft.client_id, enclosed=draft.enclosed) for draft in drafts]


def _queue_with_files(account: Account, drafts: list[Draft], files: list[Path]) -> list[OutboxRow]:
    from chatterm.client.enclosing import queue_with_files  # noqa: PLC0415 - few messages have files

    return [
        queue_with_files(
            account_files(account.key),
            draft.target,
            draft.text,
            files,
            client_id=draft.client_id,
            enclosed=draft.enclosed,
        )
        for draft in drafts
    ]
