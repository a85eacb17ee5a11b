"""`chatterm send`: queue a message on disk, then see it delivered or say who will."""

import argparse
import sys
from contextlib import closing
from typing import Final

from chatproto import limits
from chatproto.text import normalize_message, strip_terminal_codes
from chatterm.cli import outcome
from chatterm.cli.setup import chosen_account
from chatterm.client.cache import Cache
from chatterm.client.errors import ClientError
from chatterm.client.model import Account, OutboxRow, Target
from chatterm.client.outbox import Outbox
from chatterm.client.paths import account_files
from chatterm.client.targets import parse_target

_INPUT_MAX_BYTES: Final = limits.MESSAGE_MAX_BYTES * 16
"""Standard input may hold this much, colours included."""


def run(arguments: argparse.Namespace) -> int:
    """Queue, then deliver."""
    account = chosen_account(arguments)
    text = normalize_message(_text(arguments))
    row = _queue(account, _find_target(account, arguments), text)
    from chatterm.cli.delivery import deliver  # noqa: PLC0415 - the message is on disk; from here on there is time

    return deliver(account, row, arguments.timeout, arguments.wait)


def _text(arguments: argparse.Namespace) -> str:
    if arguments.text and arguments.text != ["-"]:
        return " ".join(arguments.text)
    if sys.stdin.isatty():
        outcome.say("Type the message; Ctrl+D on an empty line ends it.")
    data = sys.stdin.buffer.read(_INPUT_MAX_BYTES + 1)
    if len(data) > _INPUT_MAX_BYTES:
        raise ClientError(
            "textTooLong", "The input is far too long for a message.", "At most 16,384 bytes of UTF-8; split it."
        )
    try:
        return strip_terminal_codes(data.decode())
    except UnicodeDecodeError as error:
        raise ClientError(
            "textNotAllowed", f"The input is not UTF-8 text (byte {error.start + 1}).", "Send text, not a file."
        ) from None


def _find_target(account: Account, arguments: argparse.Namespace) -> Target:
    """From the cache, without a network; only a name that it does not know is looked up on the server."""
    with closing(Cache.open(account_files(account.key).cache)) as cache:
        try:
            return parse_target(cache, arguments.target)
        except ClientError as error:
            if error.code != "targetUnknown":
                raise
    import asyncio  # noqa: PLC0415 - what is known needs no event loop

    return asyncio.run(_ask_for_target(arguments))


async def _ask_for_target(arguments: argparse.Namespace) -> Target:
    from chatterm.cli.looking import bring_up_to_date, looking  # noqa: PLC0415 - loads the network

    async with looking(arguments) as session:
        await bring_up_to_date(session, arguments)
        return parse_target(session.cache, arguments.target)


def _queue(account: Account, target: Target, text: str) -> OutboxRow:
    """Durable when this returns."""
    with closing(Outbox.open(account_files(account.key).outbox)) as outbox:
        if outbox.problem is not None:
            outcome.complain(outbox.problem)
        return outbox.append(target, text)
