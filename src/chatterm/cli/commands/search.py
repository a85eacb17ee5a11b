"""Declares `chatterm search`."""

from chatterm.cli.arguments import Parser, add_reading, count, describe

HELP = "find messages in all chats"
RUNS = "chatterm.cli.search"

_EPILOG = """\
QUERY is as in the interface: words, "a phrase", begin*, -without, from:, in:, before:, after:, has:file, has:link;
quote it for the shell. Words are found without case and accents.

with --json, each line is one object as of 'chatterm history --json', and beside it:
  chatName     the group's title, or the name of the other person
  snippet      the part of the text around the first match, cut by an ellipsis
  matches      which parts of the snippet match: [start, end] of each, counted in code points

exit codes: 0 something was found, 1 nothing was, 2 the search cannot be understood; see also 'chatterm --help'
"""


def add(parser: Parser) -> None:
    """Its arguments."""
    describe(
        parser,
        "Find messages, the newest first: those cached on this machine and those that only the server has. If "
        "it cannot be reached, the cached ones are printed and standard error says so.",
        _EPILOG,
    )
    add_reading(parser)
    parser.intermixed = True
    parser.add_argument("query", nargs="+", metavar="QUERY", help="what to find")
    parser.add_argument("--limit", type=count, default=20, metavar="N", help="at most N messages (default: 20)")
    parser.add_argument("--in", dest="chat", metavar="CHAT", help="only in this chat: an email, a title or a name")
    parser.add_argument("--from", dest="sender", metavar="WHO", help="only of this person: an email, a name, or 'me'")
    parser.add_argument("--has", action="append", choices=("file", "link"), default=[], help="only with a file or link")
    parser.add_argument("--best", action="store_true", help="the best matches first, in place of the newest")
