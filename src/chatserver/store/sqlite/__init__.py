"""The SQLite backend: one file in WAL mode, one writing connection with group commit, a few reading ones."""

from chatserver.store.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
