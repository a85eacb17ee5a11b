"""The arguments of `chatserver retention` and `chatserver vacuum`; loads nothing that the commands need."""

import argparse

from chatproto import limits
from chatserver.cli.account_arguments import AddCommon, Commands

FOR_EVER = "for-ever"
DEFAULT = "default"


def add_retention(commands: Commands, add_common: AddCommon) -> None:
    """`chatserver retention ACTION`."""
    retention = commands.add_parser(
        "retention", help="how long messages are kept, in all chats and in single ones; works while the server runs"
    )
    actions = retention.add_subparsers(dest="action", required=True, metavar="ACTION")

    def action(name: str, text: str, description: str) -> argparse.ArgumentParser:
        parser = actions.add_parser(name, help=text, description=description)
        parser.set_defaults(module="retention", function=name)
        parser.add_argument("--json", action="store_true", help="one JSON object a line")
        add_common(parser)
        return parser

    text = "show the rule of the server, and the chats that have another"
    show = action(
        "show",
        text,
        "Show how long messages are kept: the setting 'retention_days', then chats with a rule of their own.",
    )
    show.add_argument("chat", nargs="?", metavar="CHAT", help="this chat, by id or a group's title")
    rule = action(
        "set",
        "give a chat a rule of its own, or take it back",
        "Say how long the messages of a chat are kept. The server applies it within an hour; 'retention run' at once.",
    )
    rule.add_argument("chat", metavar="CHAT", help="a chat's id, or a group's title")
    rule.add_argument(
        "days", type=_days, metavar="DAYS", help=f"days, or a part of one (0.5); or {FOR_EVER}; or {DEFAULT}"
    )
    run = action(
        "run",
        "remove now what is older than the rules say",
        "Remove now what the server would remove within the next hour. What is removed cannot be had back, but from a "
        "backup. Prints, for each chat, how much it was.",
    )
    run.add_argument("--dry-run", action="store_true", help="only say what would be removed")


def add_vacuum(commands: Commands, add_common: AddCommon) -> None:
    """`chatserver vacuum`."""
    vacuum = commands.add_parser(
        "vacuum",
        help="give unused space of the database's file back to the disk; the server must be stopped",
        description="Write the database's file anew without what is unused in it, and so that the server can give "
        "space back by itself from then on. Needed once for a database that an earlier version made. Needs twice as "
        "much free space as the file has content; a kill at any moment harms nothing.",
    )
    vacuum.set_defaults(module="vacuum", function="vacuum")
    vacuum.add_argument("--json", action="store_true", help="one JSON object: bytes before and after")
    add_common(vacuum)


def _days(text: str) -> float | None:
    """Days as a number: 0 for ever, None for the server's rule."""
    if text == FOR_EVER:
        return 0.0
    if text == DEFAULT:
        return None
    days = float(text)
    if not 0 < days <= limits.RETENTION_DAYS_MAX:
        raise argparse.ArgumentTypeError(
            f"give a number above 0, at most {limits.RETENTION_DAYS_MAX}, or {FOR_EVER}, or {DEFAULT}"
        )
    return days
