"""The operations of the REST API, one module for each area; a handler calls a service and returns a struct."""

from chatserver.http.routes import (
    accounts,
    changes,
    chats,
    documentation,
    files,
    messages,
    metrics,
    push,
    receipts,
    search,
    server,
    sessions,
    users,
)

__all__ = [
    "accounts",
    "changes",
    "chats",
    "documentation",
    "files",
    "messages",
    "metrics",
    "push",
    "receipts",
    "search",
    "server",
    "sessions",
    "users",
]
