"""Declares `chatterm mute`."""

from chatterm.cli.arguments import Parser, add_account, describe

HELP = "keep a chat quiet for you"
RUNS = "chatterm.cli.muting"


def add(parser: Parser) -> None:
    """Its arguments."""
    describe(
        parser,
        "Keep a chat quiet for you, on all your devices: no notifications, and 'unread' counts only what mentions you.",
    )
    add_account(parser)
    parser.set_defaults(muting=True)
    parser.add_argument("target", metavar="TARGET")
    parser.add_argument(
        "--for", dest="span", metavar="SPAN", help="for so long, like 90m, 8h or 3d (default: until unmuted)"
    )
