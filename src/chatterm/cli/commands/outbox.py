"""Declares `chatterm outbox`."""

from chatterm.cli.arguments import Parser, add_account, add_json

HELP = "print, retry or discard unsent messages"
RUNS = "chatterm.cli.outbox"


def add(parser: Parser) -> None:
    """Its arguments."""
    add_account(parser)
    add_json(parser)
    parser.add_argument("--retry", metavar="ID", help="queue a refused message again; 'all' for every one")
    parser.add_argument("--discard", metavar="ID", help="drop a refused message, or one that was never tried")
