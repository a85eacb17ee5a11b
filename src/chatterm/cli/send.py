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
from chatterm.client.model import Account, OutboxRow
from chatterm.client.outbox import Outbox
from chatterm.client.paths import account_files
from chatterm.client.targets import parse_target

_INPUT_MAX_BYTES: Final = limits.MESSAGE_MAX_BYTES * 16
"""Standard input may hold this much, colours included."""


def run(arguments: argparse.Namespace) -> int:
    """Queue, then deliver."""
    account = chosen_account(arguments)
    text = normalize_message(_text(arguments))
    row = _queue(account, arguments.target, text)
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


def _queue(account: Account, target: str, text: str) -> OutboxRow:
    """Durable when this returns."""
    files = account_files(account.key)
    with closing(Cache.open(files.cache)) as cache:
        place = parse_target(cache, target)
    with closing(Outbox.open(files.outbox)) as outbox:
        if outbox.problem is not None:
            outcome.complain(outbox.problem)
        return outbox.append(place, text)
