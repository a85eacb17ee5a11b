"""Declares `chatterm accounts`."""

from chatterm.cli.arguments import Parser, add_account, add_json

HELP = "print the accounts signed in on this machine"
RUNS = "chatterm.cli.accounts"


def add(parser: Parser) -> None:
    """Its arguments."""
    add_account(parser)
    add_json(parser)
