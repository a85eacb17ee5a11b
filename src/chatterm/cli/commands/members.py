"""Declares `chatterm members`."""

from chatterm.cli.arguments import Parser, add_account, add_json, describe

HELP = "print who is in a chat"
RUNS = "chatterm.cli.members"
_EPILOG = """\
with --json, each line is one object: id, email, name, owner (true or false), joinedSeq (the event that added them,
0 for those who were there first), disabled and deleted; email and name are null if this machine does not know them
"""


def add(parser: Parser) -> None:
    """Its arguments."""
    describe(
        parser,
        "Print who is in a chat, in the order of their ids; the owner is marked with *.",
        _EPILOG,
    )
    add_account(parser)
    add_json(parser)
    parser.add_argument("target", metavar="TARGET")
