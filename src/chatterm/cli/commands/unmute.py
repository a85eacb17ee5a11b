"""Declares `chatterm unmute`."""

from chatterm.cli.arguments import Parser, add_account, describe

HELP = "end the muting of a chat"
RUNS = "chatterm.cli.muting"


def add(parser: Parser) -> None:
    """Its arguments."""
    describe(
        parser,
        "End the muting of a chat, on all your devices.",
    )
    add_account(parser)
    parser.set_defaults(muting=False, span=None)
    parser.add_argument("target", metavar="TARGET")
