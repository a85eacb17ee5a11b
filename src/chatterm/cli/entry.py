"""Where `chatterm` begins: with no arguments the window opens at once, before any command line is read."""

import importlib
import os
import sys


def main() -> int:
    """Open the window, or run the command of the command line. Returns the exit code."""
    if sys.argv[1:] or "_ARGCOMPLETE" in os.environ:
        from chatterm.cli.main import main as run_command  # noqa: PLC0415 - the window needs none of it

        return run_command()
    from chatterm.cli.outcome import run_guarded  # noqa: PLC0415 - as above

    return run_guarded(lambda: int(importlib.import_module("chatterm.tui.main").run()))
