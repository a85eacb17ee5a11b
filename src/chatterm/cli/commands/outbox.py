"""Declares `chatterm outbox`."""

from chatterm.cli.arguments import Parser, add_account, add_json, describe

HELP = "print, change, retry or discard what is unsent"
RUNS = "chatterm.cli.outbox"
_EPILOG = """\
ID is the beginning of an id as printed. An edited message is sent as a new one, in its old place.

with --json, each line is one object:
  id, state    queued, sending, held (behind a refused one) or failed
  createdAt    time in UTC; chatId, userId, email: where it goes, one of the three
  attempts     how often it was tried; error: null, or code and message of why it was refused
  text, replyTo, files (name, size in bytes, uploaded)
edits, deletions, reactions and pins that wait for the server are counted on standard error
"""


def add(parser: Parser) -> None:
    """Its arguments."""
    describe(parser, "Print the messages that are not sent yet, in the order of sending, or change one.", _EPILOG)
    parser.intermixed = True
    add_account(parser)
    add_json(parser)
    changing = parser.add_mutually_exclusive_group()
    changing.add_argument("--retry", metavar="ID", help="queue a refused message again; 'all' for every one")
    changing.add_argument("--discard", metavar="ID", help="drop a refused message, or one that was never tried")
    changing.add_argument("--edit", metavar="ID", help="give such a message another text, and queue it")
    changing.add_argument("--watch", action="store_true", help="print again whenever something changes")
    parser.add_argument("text", metavar="TEXT", nargs="*", help="with --edit; without it, standard input is read")
