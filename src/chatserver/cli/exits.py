"""Exit codes, and how errors become one paragraph on stderr."""

import sys
from enum import IntEnum

from chatproto.errors import ChatError
from chatproto.text import terminal_safe


class Exit(IntEnum):
    """What the process says to its parent; part of the interface, see `chatserver --help`."""

    OK = 0
    REFUSED = 1
    USAGE = 2
    CONFIG = 3
    CANNOT_LISTEN = 4
    STORAGE = 5
    CERTIFICATE = 6
    BACKUP_UNUSABLE = 7
    INCOMPLETE = 8
    NOTICE = 10
    UNREACHABLE = 14
    PROMISE_BROKEN = 15
    INTERRUPTED = 130


def say(text: str) -> None:
    """One line of narration on stderr."""
    sys.stderr.write(terminal_safe(text) + "\n")


def fail(code: Exit, text: object) -> Exit:
    """Say why on stderr; returns the code."""
    say(f"chatserver: {text}")
    return code


def refuse(error: ChatError) -> Exit:
    """A refusal with its hint; storage trouble has its own code."""
    code = Exit.STORAGE if error.code in {"diskFull", "storageFailed"} else Exit.REFUSED
    return fail(code, f"{error.message} {error.info().hint}")
