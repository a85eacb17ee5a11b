"""Declares `chatterm users`."""

from chatterm.cli.arguments import Parser, add_reading

HELP = "print the people of the server"
RUNS = "chatterm.cli.listings"


def add(parser: Parser) -> None:
    """Its arguments."""
    add_reading(parser)
