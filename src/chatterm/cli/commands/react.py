"""Declares `chatterm react`."""

from chatterm.cli.arguments import Parser, add_account, add_timeout, describe

HELP = "put an emoji under a message"
RUNS = "chatterm.cli.changing"


def add(parser: Parser) -> None:
    """Its arguments."""
    describe(
        parser,
        "Put an emoji under a message, or take your own away. "
        "It is on disk before anything else, and done on the server as soon as that can be reached.",
    )
    add_account(parser)
    parser.add_argument("target", metavar="TARGET")
    parser.add_argument("message", metavar="MESSAGE", help="its seq or id, or 'last': the newest")
    parser.add_argument("emoji", metavar="EMOJI")
    parser.add_argument("--remove", action="store_true", help="take it away")
    parser.add_argument("--wait", action="store_true", help="exit 0 only once the server has it, else 75")
    add_timeout(parser)
