"""Declares `chatterm doctor`."""

from chatterm.cli.arguments import Parser, add_account, add_json, add_timeout, describe

HELP = "look for what is wrong, and say what to do"
RUNS = "chatterm.cli.doctor"
_EPILOG = """\
exit codes: 0 if nothing is bad, 1 if something is; with --json, each line is one object: check, state ("good",
"notice" or "bad"), message, hint (empty if there is nothing to do) and account (its key, or null)
"""


def add(parser: Parser) -> None:
    """Its arguments."""
    describe(
        parser,
        "Look at versions, terminal, folders, settings and disk, and for each account at its files, its tokens, the "
        "server's name, certificate, answer, clock and greeting. Databases are only read.",
        _EPILOG,
    )
    add_account(parser)
    add_json(parser)
    parser.add_argument("--offline", action="store_true", help="look at this machine only")
    add_timeout(parser)
