"""Dates and times as they are given on the command line."""

import argparse
from datetime import UTC, datetime, timedelta
from typing import Final

_START: Final = datetime(1970, 1, 1, tzinfo=UTC)


def date_argument(text: str) -> int:
    """`2026-01-31`, or a time as in ISO 8601, UTC unless it says otherwise; in microseconds since 1970 UTC."""
    try:
        at = datetime.fromisoformat(text)
        at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
        us = (at - _START) // timedelta(microseconds=1)
    except (ValueError, OverflowError):
        us = -1
    if us < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no date; write 2026-01-31 or 2026-01-31T18:00:00+01:00")
    return us
