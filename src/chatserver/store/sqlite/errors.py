"""SQLite's errors as errors of the protocol; all of them temporary, and logged for the server's owner."""

import logging
import sqlite3
from typing import Final

from chatproto.errors import ChatError

_FULL: Final = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE})
"""SQLite's ways to say that the disk takes no more; the last is of the index of a WAL."""

_log = logging.getLogger("chatserver.store")


def as_chat_error(error: sqlite3.Error, what: str) -> ChatError:
    """`diskFull` for SQLITE_FULL, else `storageFailed`; `what` is what was tried, for the log."""
    name = getattr(error, "sqlite_errorname", None) or type(error).__name__
    _log.error("database %s failed: %s (%s)", what, error, name)
    if name == "SQLITE_FULL":
        return ChatError("diskFull", retry_after=5.0)
    return ChatError("storageFailed", retry_after=1.0)


def is_full(error: sqlite3.Error) -> bool:
    """Whether the disk takes no more, while nothing is wrong with the database."""
    return getattr(error, "sqlite_errorcode", None) in _FULL
