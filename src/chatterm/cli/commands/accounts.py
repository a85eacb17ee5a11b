"""Declares `chatterm accounts`."""

from chatterm.cli.arguments import Parser, add_account, add_json, describe

HELP = "print the accounts signed in on this machine, or change them"
RUNS = "chatterm.cli.accounts"


def add(parser: Parser) -> None:
    """Its arguments."""
    describe(parser, "Print the accounts signed in on this machine; * is the one meant where none is named.")
    add_account(parser)
    add_json(parser)
    changing = parser.add_mutually_exclusive_group()
    changing.add_argument("--default", metavar="KEY", help="make this the account meant where none is named")
    changing.add_argument("--remove", metavar="KEY", help="forget an account and all that is cached of it here")
    parser.add_argument("--unsent", action="store_true", help="with --remove: also drop messages that were not sent")
