"""Declares `chatterm chats`."""

from chatterm.cli.arguments import Parser, add_reading, describe

HELP = "print your chats in the order of the window"
RUNS = "chatterm.cli.listings"
_EPILOG = """\
with --json, each line is one object:
  id, kind     "direct" or "group"; name; email of the other person, or null; topic
  unread       others' messages after your seen marker; mentions: those of them that mention you
  member       false if you have left; pinned, archived: true or false; mutedUntil: a time, or null
  head         seq of the newest event; at: its time
"""


def add(parser: Parser) -> None:
    """Its arguments."""
    describe(parser, "Print your chats in the order of the window: pinned ones first, archived ones last.", _EPILOG)
    add_reading(parser)
    parser.add_argument("--unread", action="store_true", help="only those with something unread")
    parser.add_argument("--kind", choices=("direct", "group"), help="only those")
