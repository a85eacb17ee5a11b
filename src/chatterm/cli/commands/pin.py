"""Declares `chatterm pin`."""

from chatterm.cli.arguments import Parser, add_account, add_timeout, describe

HELP = "pin a message for everybody in its chat"
RUNS = "chatterm.cli.changing"


def add(parser: Parser) -> None:
    """Its arguments."""
    describe(
        parser,
        "Pin a message for everybody in its chat, or unpin it. "
        "It is on disk before anything else, and done on the server as soon as that can be reached.",
    )
    add_account(parser)
    parser.add_argument("target", metavar="TARGET")
    parser.add_argument("message", metavar="MESSAGE", help="its seq or id, or 'last': the newest")
    parser.add_argument("--remove", action="store_true", help="unpin it")
    parser.add_argument("--wait", action="store_true", help="exit 0 only once the server has it, else 75")
    add_timeout(parser)
