"""`chatterm completion`: the script for a shell."""

import argparse

from chatterm.cli import outcome


def run(arguments: argparse.Namespace) -> int:
    """Print it."""
    from argcomplete.shell_integration import shellcode  # noqa: PLC0415 - nothing else needs it

    outcome.put(shellcode(["chatterm", "chatserver"], shell=arguments.shell).rstrip("\n"))
    return outcome.OK
