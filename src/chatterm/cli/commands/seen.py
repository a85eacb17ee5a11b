"""Declares `chatterm seen`."""

from chatterm.cli.arguments import Parser, add_account, add_timeout, describe

HELP = "mark chats as read"
RUNS = "chatterm.cli.seen"


def add(parser: Parser) -> None:
    """Its arguments."""
    describe(
        parser,
        "Mark chats as read, here at once and on the server as soon as it can be reached.",
    )
    parser.intermixed = True
    add_account(parser)
    parser.add_argument("targets", metavar="TARGET", nargs="*")
    parser.add_argument("--all", action="store_true", help="every chat")
    parser.add_argument("--up-to", metavar="MESSAGE", help="only up to this seq or id, of one TARGET")
    add_timeout(parser)
