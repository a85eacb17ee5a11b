"""Declares `chatterm users`."""

from chatterm.cli.arguments import Parser, add_reading, describe

HELP = "print the people of the server"
RUNS = "chatterm.cli.listings"


def add(parser: Parser) -> None:
    """Its arguments."""
    describe(
        parser,
        "Print the people of the server, those written to last first; with WORDS only those of whose name or email "
        "each word is a part, in any case.",
        "with --json, each line is one object: id, email, name, status, disabled and deleted\n",
    )
    parser.intermixed = True
    add_reading(parser)
    parser.add_argument("words", metavar="WORD", nargs="*")
