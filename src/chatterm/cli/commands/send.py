"""Declares `chatterm send`."""

from chatterm.cli.arguments import Parser, add_account, add_timeout, describe

HELP = "send a message; it is on disk before anything else"
RUNS = "chatterm.cli.send"
_EPILOG = """\
@ and the name or email of somebody who is known to be in the chat mentions them.
with --also, every target is found before anything is queued; then each message is queued by itself.
a script that may be killed and run again gives --once KEY: while the text is the same, the message is there once.

examples:
  git log -1 --format=%s | chatterm send '#deploys'
  chatterm send anna@example.org --reply 41 'Yes, at nine.'
  chatterm send '#garden' --file plan.pdf --file beds.png 'Where the trees go.'
  chatterm send '#ops' --mention bela@example.org --wait 'The disk is full.'
"""


def add(parser: Parser) -> None:
    """Its arguments."""
    describe(
        parser,
        "Send a message: TEXT, or standard input without terminal colours. It is queued on disk first; "
        "then it is delivered by this command, or by the chatterm that is open on this account. Without --wait, "
        "queued is success (exit 0) and standard error says if it is not delivered yet.",
        _EPILOG,
    )
    parser.intermixed = True
    add_account(parser)
    parser.set_defaults(offline=False)
    parser.add_argument("target", metavar="TARGET", help="an email, a group's title, or a name that only one has")
    parser.add_argument("text", metavar="TEXT", nargs="*", help="the message; without it, standard input is read")
    parser.add_argument("--also", metavar="TARGET", action="append", default=[], help="send it there, too; repeatable")
    parser.add_argument(
        "--file",
        metavar="PATH",
        action="append",
        default=[],
        help="show a file, copied before this returns; repeatable, and then TEXT may be left out",
    )
    parser.add_argument("--reply", metavar="MESSAGE", help="answer a message of that chat: its seq or its id")
    parser.add_argument(
        "--mention", metavar="EMAIL", action="append", default=[], help="mention a member by email or name; repeatable"
    )
    parser.add_argument("--mention-all", action="store_true", help="mention everybody in the chat")
    parser.add_argument("--me", action="store_true", help="say what you do: 'chatterm send TARGET --me waves'")
    parser.add_argument(
        "--once", metavar="KEY", help="the same KEY, target and text are one message, however often sent"
    )
    parser.add_argument("--wait", action="store_true", help="exit 0 only once the server has it, else 75")
    add_timeout(parser, "delivery")
