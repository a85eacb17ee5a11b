"""How messages, times and lengths of time are named on the command line."""

import re
import time
from typing import Final

from chatterm.client.errors import ClientError

_SEQ_MAX_DIGITS: Final = 15
_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_SPAN: Final = re.compile(r"(\d{1,6})([smhdw])")


def seq_of(text: str, chat_id: int | None) -> int:
    """The seq of a message of this chat, given as `41` or by its id, as `77.41`. Raises `ClientError`.

    Without `chat_id` only the form is checked.
    """
    chat, dot, seq = text.rpartition(".")
    if not _is_number(seq) or (dot and not _is_number(chat)) or int(seq) == 0:
        raise ClientError(
            "usage", f"{text!r} names no message.", "Give its seq or id: see 'chatterm history TARGET --json'."
        )
    if dot and chat_id is not None and int(chat) != chat_id:
        raise ClientError("messageUnknown", f"The message {text} is in another chat.", "Name the chat it is in.")
    return int(seq)


def bounds(text: str | None) -> tuple[int | None, int | None]:
    """Read WHEN: (sequence number, None), (None, microseconds since 1970 UTC), or neither. Raises `ClientError`.

    A time is as in ISO 8601, local without an offset, or as long ago as `90m`, `2h` or `3d` says.
    """
    if text is None:
        return None, None
    if _is_number(text):
        return int(text), None
    span = seconds_of(text)
    if span is not None:
        return None, time.time_ns() // 1_000 - span * 1_000_000
    import datetime  # noqa: PLC0415 - sending does not need it

    try:
        return None, int(datetime.datetime.fromisoformat(text).timestamp() * 1_000_000)
    except (ValueError, OverflowError, OSError):
        raise ClientError(
            "usage",
            f"{text!r} is neither a sequence number nor a time.",
            "Write a time like 2026-11-22T19:00:00Z or 2026-11-22, or how long ago, like 90m, 2h or 3d.",
        ) from None


def time_of(text: str) -> int:
    """Read a time as `bounds` does, but no sequence number: microseconds since 1970 UTC. Raises `ClientError`."""
    _, at = bounds(text if not _is_number(text) else "")
    assert at is not None
    return at


def seconds_of(text: str) -> int | None:
    """A length of time like `90m`; None if it is none."""
    found = _SPAN.fullmatch(text)
    return None if found is None else int(found[1]) * _UNITS[found[2]]


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _SEQ_MAX_DIGITS
