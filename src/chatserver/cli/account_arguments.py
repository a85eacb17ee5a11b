"""The arguments of `chatserver user` and `chatserver invite`; loads nothing that the commands need."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
AddCommon = Callable[[argparse.ArgumentParser], None]


def add_user(commands: Commands, add_common: AddCommon) -> None:
    """`chatserver user ACTION`."""
    user = commands.add_parser("user", help="add, list and change accounts; works while the server runs")
    actions = user.add_subparsers(dest="action", required=True, metavar="ACTION")

    def action(name: str, function: str, text: str, description: str = "") -> argparse.ArgumentParser:
        parser = actions.add_parser(name, help=text, description=description or f"{text[0].upper()}{text[1:]}.")
        parser.set_defaults(module="user", function=function)
        if name != "list":
            parser.add_argument("email", metavar="EMAIL")
        add_common(parser)
        return parser

    asking = "Asks for the password on a terminal; otherwise makes one and prints it on stdout."
    add = action("add", "add", "add a user", f"Add a user. {asking}")
    add.add_argument("--name", required=True, help="the name others see")
    _add_password(add)
    text = "list users: email, tab, name, and whether they are disabled; ordered by when they were last changed"
    action("list", "list_users", text).add_argument("--json", action="store_true", help="one JSON object a line")
    show = action("show", "show", "show one user and where they are signed in")
    show.add_argument("--json", action="store_true", help="one JSON object")
    text = "replace a user's password, which ends all of their sessions"
    _add_password(action("passwd", "passwd", text, f"{text[0].upper()}{text[1:]}. {asking}"))
    text = "make a code with which the user can set a new password once, and print it on stdout"
    action("reset-code", "reset_code", text)
    action("disable", "disable", "keep a user out; their sessions end within two seconds")
    action("enable", "enable", "let a disabled user in again")
    delete = action("delete", "delete", "delete an account for good; its messages stay, without a name")
    delete.add_argument("--yes", action="store_true", help="do not ask")
    _add_personal(actions, add_common)


def _add_personal(actions: Commands, add_common: AddCommon) -> None:
    """What people may ask of whoever keeps their data."""
    export = actions.add_parser(
        "export",
        help="write everything that is kept about a user, and all that they wrote, to one ZIP file",
        description="Write everything that is kept about a user, and all that they wrote, as files of JSON in one ZIP, "
        "with a README. Others' messages are not in it. Works while the server runs.",
    )
    export.set_defaults(module="personal", function="export")
    export.add_argument("email", metavar="EMAIL")
    export.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="write to FILE (0600), in place of standard output"
    )
    add_common(export)
    erase = actions.add_parser(
        "erase",
        help="delete an account for good with all that the user wrote",
        description="Delete an account for good, and with it all that the user wrote: messages, reactions, files, and "
        "copies of them that others forwarded. Works while the server runs, which goes on if this command is killed. "
        "A backup that is restored later loses them again. An account that was deleted before is named by its id.",
    )
    erase.set_defaults(module="personal", function="erase")
    erase.add_argument("email", metavar="EMAIL|ID")
    erase.add_argument(
        "--messages",
        choices=("delete", "keep"),
        default="delete",
        help="whether messages go, too (default), or stay under the name of a deleted account",
    )
    erase.add_argument("--dry-run", action="store_true", help="only say what would be erased")
    erase.add_argument("--yes", action="store_true", help="do not ask")
    erase.add_argument("--json", action="store_true", help="one JSON object: what was erased")
    add_common(erase)


def add_invite(commands: Commands, add_common: AddCommon) -> None:
    """`chatserver invite`."""
    invite = commands.add_parser(
        "invite",
        help="make an invitation, with which somebody can register",
        description="Make an invitation and print its code on stdout.",
    )
    invite.set_defaults(module="invite", function="invite")
    invite.add_argument("--uses", type=_number, default=1, metavar="N", help="how many may use it (default: 1)")
    invite.add_argument("--days", type=_number, default=7, metavar="N", help="how long it can be used (default: 7)")
    other = invite.add_mutually_exclusive_group()
    other.add_argument("--list", action="store_true", help="list open invitations instead: id, uses left, end")
    other.add_argument("--withdraw", type=int, metavar="ID", help="end an invitation instead")
    invite.add_argument("--json", action="store_true", help="one JSON object a line")
    add_common(invite)


def _number(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 10_000:
        raise argparse.ArgumentTypeError("give a number from 1 to 10000")
    return number


def _add_password(parser: argparse.ArgumentParser) -> None:
    password = parser.add_mutually_exclusive_group()
    password.add_argument("--password-stdin", action="store_true", help="read the password from stdin, one line")
    password.add_argument("--generate", action="store_true", help="make a password and print it, once, on stdout")
