"""The command line of chatterm: reads it, loads the one command asked for, and nothing else."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from chatterm.cli import commands
from chatterm.cli.arguments import Parser, first_word

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


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; without one, open the window. Returns the exit code."""
    if "_ARGCOMPLETE" in os.environ:
        from chatterm.cli.completing import complete  # noqa: PLC0415 - a shell asks for completions

        complete(build_parser, commands.NAMES)
    words = sys.argv[1:] if argv is None else list(argv)
    arguments = build_parser(_command_in(words)).parse_args(words)
    from chatterm.cli.outcome import run_guarded  # noqa: PLC0415 - --help and --version need nothing of it

    # By name: commands never load Textual, nor one another.
    if arguments.command is None:
        return run_guarded(lambda: int(importlib.import_module("chatterm.tui.main").run(arguments.account)))
    work = commands.load(arguments.command).RUNS
    return run_guarded(lambda: int(importlib.import_module(work).run(arguments)))


def build_parser(only: str | None = None) -> Parser:
    """The parser of all commands or, which is faster, one that knows only one of them."""
    parser = Parser(
        prog="chatterm",
        description="Chat in the terminal. Without a command, the window opens.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--account", metavar="KEY", default=None, help="the account meant, by key or email")
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    adding = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    for name in commands.NAMES if only is None else (only,):
        command = commands.load(name)
        command.add(adding.add_parser(name, help=command.HELP))
    return parser


def _command_in(words: Sequence[str]) -> str | None:
    """The command that the line names for certain; None: all of them must be known to read it."""
    place = first_word(words)
    return words[place] if place is not None and words[place] in commands.NAMES else None


class _Version(argparse.Action):
    """Prints the version; looking it up costs time, so only when asked."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from importlib.metadata import version  # noqa: PLC0415 - see the class

        sys.stdout.write(f"chatterm {version('chatterm')}\n")
        parser.exit()
