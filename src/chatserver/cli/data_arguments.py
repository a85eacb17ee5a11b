"""The arguments of `chatserver export` and `chatserver import`; loads nothing that the commands need."""

import argparse
from pathlib import Path

from chatserver.cli.account_arguments import AddCommon, Commands
from chatserver.cli.dates import date_argument


def add_export(commands: Commands, add_common: AddCommon) -> None:
    """`chatserver export`."""
    export = commands.add_parser(
        "export",
        help="write users, chats and messages as lines of JSON; works while the server runs",
        description="Write users, chats and messages of one moment as lines of JSON, on stdout or to a file. "
        "No password is among them. 'chatserver import chatserver FILE' reads them.",
        epilog="'docs/schema/server-export.json' describes the lines. For keeping a whole server, make a backup.",
    )
    export.set_defaults(module="export", function="export")
    export.add_argument(
        "--chat",
        action="append",
        default=[],
        metavar="CHAT",
        help="only this chat, by id or a group's title; may be repeated",
    )
    _add_times(export, "events")
    export.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="write to FILE (0600), which appears only with all of it"
    )
    export.add_argument(
        "--files", type=Path, metavar="DIR", help="also write the content of files to DIR, each named by its SHA-256"
    )
    add_common(export)


def _add_times(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument(
        "--since",
        type=date_argument,
        metavar="DATE",
        help=f"only {what} from then on: 2026-01-31, or with a time (UTC unless it says otherwise)",
    )
    parser.add_argument("--until", type=date_argument, metavar="DATE", help=f"only {what} before that")
