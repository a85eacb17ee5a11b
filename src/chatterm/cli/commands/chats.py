"""Declares `chatterm chats`."""

from chatterm.cli.arguments import Parser, add_reading

HELP = "print your chats in the order of the window"
RUNS = "chatterm.cli.listings"


def add(parser: Parser) -> None:
    """Its arguments."""
    add_reading(parser)
