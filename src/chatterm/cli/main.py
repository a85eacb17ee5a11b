"""The command line of chatterm: reads it, loads the one command asked for, and nothing else."""

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import NoReturn

_EPILOG = """\
TARGET is an email, the exact title of a group (a leading # is optional) or a display name that only one has.
Commands work offline from what is cached on this machine; what is sent is on disk before anything else.
Data goes to standard output, everything else to standard error.

exit codes:
  0    done
  1    refused, by the server or for a reason that is said
  2    the command line is wrong
  3    not signed in
  69   the server cannot be reached, or is no chatterm server
  74   this machine's disk is full or fails
  75   not yet: queued but not delivered, or the server is busy
  78   a file of chatterm's own is broken or unsafe
  130  interrupted
  141  standard output was closed

files: $CHATTERM_HOME, or the platform's folders for configuration and data
"""

_HISTORY_EPILOG = """\
with --json, each line is one object, in ASCII:
  kind         "message"; of a group also "created" (its beginning), "chatChanged" and "members"
  chatId       the chat; with seq, the event's place for ever
  seq          1..N without holes in one chat
  id           the same as one text
  at           time in UTC, RFC 3339 with microseconds
  senderId, senderName, senderEmail
  text         of a message as it is now; empty if it is "deleted", true or false
  editedAt     time of a message's last edit, or null; replyTo: seq of the message it answers, or null
  mentions     ids of users it names; mentionAll: it names everybody
  forwarded    null, or senderId and at of who wrote it first
  files        id, name, size in bytes and mediaType of each; pinned: true or false
  reactions    emoji and userIds of each
  title        of "created"; title and topic of "chatChanged", null if it stayed
  added, removed, ownerId  of "members": ids of users; ownerId is null if the owner stayed
a change of a message is no line of its own. fields are never renamed; new ones may come
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"chatterm: {message}.\n{self.format_usage()}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; without one, open the window. Returns the exit code."""
    parser = _build_parser()
    arguments = parser.parse_args(argv)
    from chatterm.cli.outcome import run_guarded  # noqa: PLC0415 - --help and --version need nothing of it

    if arguments.command is None:
        return run_guarded(lambda: _open_window(arguments))
    module = "listings" if arguments.command in {"users", "chats", "accounts"} else arguments.command
    return run_guarded(lambda: int(importlib.import_module(f"chatterm.cli.{module}").run(arguments)))


def _open_window(arguments: argparse.Namespace) -> int:
    # By name, because commands never load Textual.
    return int(importlib.import_module("chatterm.tui.main").run(arguments.account))


def _build_parser() -> argparse.ArgumentParser:
    common = _Parser(add_help=False)
    common.add_argument(
        "--account", metavar="KEY", default=argparse.SUPPRESS, help="the account meant, by key or email; see 'accounts'"
    )
    reading = _Parser(add_help=False)
    reading.add_argument("--json", action="store_true", help="one JSON object per line")
    reading.add_argument("--offline", action="store_true", help="only what is cached on this machine")
    reading.add_argument(
        "--timeout", type=_seconds, default=10.0, metavar="S", help="give the server this long (default: 10)"
    )
    parser = _Parser(
        prog="chatterm",
        description="Chat in the terminal. Without a command, the window opens.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--account", metavar="KEY", default=None, help="the account meant, by key or email")
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    _add_session_commands(commands, common)
    _add_send(commands, common)
    _add_group(commands, common)
    _add_reading_commands(commands, [common, reading])
    _add_outbox(commands, common)
    return parser


def _add_session_commands(commands: "argparse._SubParsersAction[_Parser]", common: _Parser) -> None:
    login = commands.add_parser("login", help="sign in to a server")
    login.add_argument("url", metavar="URL", help="for example chat.example.org or http://localhost:8080")
    login.add_argument("--email", help="asked for if left out")
    login.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    login.add_argument("--device", default="", help="name of this device for the server (default: this machine's name)")
    logout = commands.add_parser("logout", help="end the session of this machine", parents=[common])
    logout.add_argument("--local", action="store_true", help="only forget the tokens here; the server is not asked")


def _add_send(commands: "argparse._SubParsersAction[_Parser]", common: _Parser) -> None:
    send = commands.add_parser(
        "send",
        help="send a message; it is on disk before anything else",
        description="Send a message: TEXT, or standard input without terminal colours. It is queued on disk first; "
        "then it is delivered by this command, or by the chatterm that is open on this account. Without --wait, "
        "queued is success (exit 0) and standard error says if it is not delivered yet.",
        parents=[common],
    )
    send.set_defaults(offline=False)
    send.add_argument("target", metavar="TARGET")
    send.add_argument("text", metavar="TEXT", nargs="*")
    send.add_argument("--wait", action="store_true", help="exit 0 only once the server has it, else 75")
    send.add_argument(
        "--timeout", type=_seconds, default=10.0, metavar="S", help="give delivery this long (default: 10)"
    )


def _add_group(commands: "argparse._SubParsersAction[_Parser]", common: _Parser) -> None:
    group = commands.add_parser(
        "group",
        help="make a group of yourself and others",
        description="Make a group of yourself and the people named. Prints the new group's id.",
        parents=[common],
    )
    group.add_argument("title", metavar="TITLE")
    group.add_argument("emails", metavar="EMAIL", nargs="+")


def _add_reading_commands(commands: "argparse._SubParsersAction[_Parser]", parents: list[_Parser]) -> None:
    history = commands.add_parser(
        "history",
        help="print messages of a chat",
        description="Print the newest messages of a chat, oldest first. The server is asked for what is new or not "
        "cached; if it cannot be reached, the cached ones are printed and standard error says so.",
        epilog=_HISTORY_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=parents,
    )
    history.add_argument("target", metavar="TARGET")
    history.add_argument("--limit", type=_count, default=50, metavar="N", help="at most N messages (default: 50)")
    history.add_argument(
        "--before", metavar="WHEN", help="only messages before a sequence number or a time like 2026-11-22T19:00:00Z"
    )
    commands.add_parser("users", help="print the people of the server", parents=parents)
    commands.add_parser("chats", help="print your chats, the most recently active first", parents=parents)


def _add_outbox(commands: "argparse._SubParsersAction[_Parser]", common: _Parser) -> None:
    accounts = commands.add_parser("accounts", help="print the accounts signed in on this machine", parents=[common])
    accounts.add_argument("--json", action="store_true", help="one JSON object per line")
    outbox = commands.add_parser("outbox", help="print, retry or discard unsent messages", parents=[common])
    outbox.add_argument("--json", action="store_true", help="one JSON object per line")
    outbox.add_argument("--retry", metavar="ID", help="queue a refused message again; 'all' for every one")
    outbox.add_argument("--discard", metavar="ID", help="drop a refused message, or one that was never tried")


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 86_400:
        raise argparse.ArgumentTypeError("seconds are a number from 0 to 86400")
    return value


def _count(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 10_000:
        raise argparse.ArgumentTypeError("it is a number from 1 to 10000")
    return value


class _Version(argparse.Action):
    """Prints the version; looking it up costs time, so only when asked."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from importlib.metadata import version  # noqa: PLC0415 - see the class

        sys.stdout.write(f"chatterm {version('chatterm')}\n")
        parser.exit()
