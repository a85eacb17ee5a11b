"""Declares `chatterm edit`."""

from chatterm.cli.arguments import Parser, add_account, add_timeout, describe

HELP = "give one of your messages another text"
RUNS = "chatterm.cli.changing"


def add(parser: Parser) -> None:
    """Its arguments."""
    describe(
        parser,
        "Give one of your messages another text: TEXT, or standard input. "
        "It is on disk before anything else, and done on the server as soon as that can be reached.",
    )
    parser.intermixed = True
    add_account(parser)
    parser.add_argument("target", metavar="TARGET")
    parser.add_argument("message", metavar="MESSAGE", help="its seq or id, or 'last': your newest")
    parser.add_argument("text", metavar="TEXT", nargs="*")
    parser.add_argument("--wait", action="store_true", help="exit 0 only once the server has it, else 75")
    add_timeout(parser)
