"""Declares `chatterm group`."""

from chatterm.cli.arguments import Parser, add_account, describe

HELP = "make a group of yourself and others"
RUNS = "chatterm.cli.group"


def add(parser: Parser) -> None:
    """Its arguments."""
    describe(parser, "Make a group of yourself and the people named. Prints the new group's id.")
    add_account(parser)
    parser.add_argument("title", metavar="TITLE")
    parser.add_argument("emails", metavar="EMAIL", nargs="+")
