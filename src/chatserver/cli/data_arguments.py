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


_SOURCES = {
    "slack": "the ZIP file of a workspace's export, or its folder",
    "mattermost": "a bulk export: ZIP file, folder or .jsonl file",
    "zulip": "the .tar.gz file of an organization's export, or its folder",
    "weechat": "WeeChat's folder of logs, or one .weechatlog file",
    "irssi": "irssi's folder of logs, or one .log file",
    "chatserver": "a file that 'chatserver export' has written",
}


def add_import(commands: Commands, add_common: AddCommon) -> None:
    """`chatserver import`."""
    sources = "\n".join(f"  {name:<11} {told}" for name, told in _SOURCES.items())
    parser = commands.add_parser(
        "import",
        help="take over the history of Slack, Mattermost, Zulip, WeeChat, irssi or another chatserver",
        description="Take over people, chats and messages with their times. Works while the server runs, tells\n"
        "nobody of old messages, and mails nobody. Running it again, also after it was killed,\n"
        "adds only what is new.",
        epilog=f"sources:\n{sources}\n\nThe report is on stdout. docs/import-export.md tells what is taken over.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(module="importing", function="import_history")
    parser.add_argument("source", choices=sorted(_SOURCES), metavar="SOURCE", help="one of the list below")
    parser.add_argument("path", type=Path, metavar="PATH", help="the export")
    parser.add_argument("--dry-run", action="store_true", help="read everything and report, but write nothing")
    parser.add_argument(
        "--keep-going",
        action="store_true",
        help="leave out what cannot be read, instead of stopping before all else",
    )
    parser.add_argument("--json", action="store_true", help="the report as one JSON object")
    _add_choice(parser)
    _add_people(parser)
    _add_reading(parser)
    add_common(parser)


def _add_choice(parser: argparse.ArgumentParser) -> None:
    for name, text in (("--only", "only this conversation"), ("--exclude", "not this conversation")):
        told = f"{text}, by its title, with * and ? for what differs; may be repeated"
        parser.add_argument(name, action="append", default=[], metavar="CHANNEL", help=told)
    _add_times(parser, "events")
    parser.add_argument(
        "--origin", default="", metavar="NAME", help="tells apart two exports of one kind whose ids may be the same"
    )


def _add_people(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--map", type=Path, metavar="FILE", help="whose account somebody has: lines 'name = email', also for nicks"
    )
    parser.add_argument(
        "--member",
        action="append",
        default=[],
        metavar="EMAIL",
        help="let this account be in every imported group; may be repeated",
    )


def _add_reading(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--timezone", default="UTC", metavar="ZONE", help="of times in logs, such as Europe/Berlin (default: UTC)"
    )
    parser.add_argument("--encoding", default="cp1252", help="of lines in logs that are not UTF-8 (default: cp1252)")
    parser.add_argument(
        "--topics",
        choices=["lines", "groups"],
        default="lines",
        help="topics of Zulip: a line in front of a message whose topic is new, or a group for each (default: lines)",
    )
    parser.add_argument("--files", type=Path, metavar="DIR", help="folder that 'chatserver export --files' has written")


def _add_times(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument(
        "--since",
        type=date_argument,
        metavar="DATE",
        help=f"only {what} from then on: 2026-01-31, or with a time (UTC unless it says otherwise)",
    )
    parser.add_argument("--until", type=date_argument, metavar="DATE", help=f"only {what} before that")
