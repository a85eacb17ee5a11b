"""Declares `chatterm send`."""

from chatterm.cli.arguments import Parser, add_account, add_timeout, describe

HELP = "send a message; it is on disk before anything else"
RUNS = "chatterm.cli.send"


def add(parser: Parser) -> None:
    """Its arguments."""
    describe(
        parser,
        "Send a message: TEXT, or standard input without terminal colours. It is queued on disk first; "
        "then it is delivered by this command, or by the chatterm that is open on this account. Without --wait, "
        "queued is success (exit 0) and standard error says if it is not delivered yet.",
    )
    add_account(parser)
    parser.set_defaults(offline=False)
    parser.add_argument("target", metavar="TARGET")
    parser.add_argument("text", metavar="TEXT", nargs="*")
    parser.add_argument("--wait", action="store_true", help="exit 0 only once the server has it, else 75")
    add_timeout(parser, "delivery")
