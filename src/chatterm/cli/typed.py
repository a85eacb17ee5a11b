"""Text from the command line or from standard input."""

import sys
from collections.abc import Sequence
from typing import Final

from chatproto import limits
from chatproto.text import strip_terminal_codes
from chatterm.cli import outcome
from chatterm.client.errors import ClientError

_INPUT_MAX_BYTES: Final = limits.MESSAGE_MAX_BYTES * 16
"""Standard input may hold this much, colours included."""


def typed_text(words: Sequence[str]) -> str:
    """The words or, without any and for `-`, standard input without terminal colours. Raises `ClientError`."""
    if words and list(words) != ["-"]:
        return " ".join(words)
    if sys.stdin.isatty():
        outcome.say("Type the message; Ctrl+D on an empty line ends it.")
    data = sys.stdin.buffer.read(_INPUT_MAX_BYTES + 1)
    if len(data) > _INPUT_MAX_BYTES:
        raise ClientError(
            "textTooLong", "The input is far too long for a message.", "At most 16,384 bytes of UTF-8; split it."
        )
    try:
        return strip_terminal_codes(data.decode())
    except UnicodeDecodeError as error:
        raise ClientError(
            "textNotAllowed", f"The input is not UTF-8 text (byte {error.start + 1}).", "Send text, not a file."
        ) from None
