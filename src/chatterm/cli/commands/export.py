"""Declares `chatterm export`."""

from chatterm.cli.arguments import Parser, add_account, add_timeout, describe

HELP = "write whole conversations to a file"
RUNS = "chatterm.cli.export"
_EPILOG = """\
WHEN is a time like 2026-11-22T19:00:00Z or 2026-11-22, or how long ago, like 90m, 2h or 3d.

With --output, FILE is there only when it is whole; an older one is replaced then. An export that was interrupted is
simply begun again: what it had fetched is cached on this machine, and is not fetched twice.

jsonl: for each chat a line of kind "chat" (chatId, chatKind, name, email, topic), then its messages and events as
  'chatterm history --json' prints them, with "path" beside each file that was downloaded
markdown: for people; what others wrote stays as they wrote it, control characters made visible

examples:
  chatterm export '#garden' --format markdown --output garden.md
  chatterm export --all --output backup.jsonl --files backup-files
"""


def add(parser: Parser) -> None:
    """Its arguments."""
    describe(
        parser,
        "Write whole conversations, messages as they are now. What is not cached is fetched from the server; one page "
        "is in memory at a time.",
        _EPILOG,
    )
    parser.intermixed = True
    add_account(parser)
    parser.add_argument("targets", metavar="TARGET", nargs="*")
    parser.add_argument("--all", action="store_true", help="every chat")
    parser.add_argument("--format", choices=("jsonl", "markdown"), default="jsonl", help="default: jsonl")
    parser.add_argument("--output", metavar="FILE", help="where to (default: standard output)")
    parser.add_argument("--files", metavar="DIR", help="also download the files, each once, to DIR/ID/NAME")
    parser.add_argument("--since", metavar="WHEN", help="only what was written then or later")
    parser.add_argument("--until", metavar="WHEN", help="only what was written before")
    parser.add_argument("--offline", action="store_true", help="only what is cached on this machine")
    add_timeout(parser)
