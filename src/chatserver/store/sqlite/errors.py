"""SQLite's errors as errors of the protocol; all of them temporary, and logged for the server's owner."""

import logging
import sqlite3

from chatproto.errors import ChatError

_log = logging.getLogger("chatserver.store")


def as_chat_error(error: sqlite3.Error, what: str) -> ChatError:
    """`diskFull` for SQLITE_FULL, else `storageFailed`; `what` is what was tried, for the log."""
    name = getattr(error, "sqlite_errorname", None) or type(error).__name__
    _log.error("database %s failed: %s (%s)", what, error, name)
    if name == "SQLITE_FULL":
        return ChatError("diskFull", retry_after=5.0)
    return ChatError("storageFailed", retry_after=1.0)
