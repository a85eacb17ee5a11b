"""Declares `chatterm logout`."""

from chatterm.cli.arguments import Parser, add_account

HELP = "end the session of this machine"
RUNS = "chatterm.cli.logout"


def add(parser: Parser) -> None:
    """Its arguments."""
    add_account(parser)
    parser.add_argument("--local", action="store_true", help="only forget the tokens here; the server is not asked")
