"""The operations of the REST API, one module for each area; a handler calls a service and returns a struct."""

from chatserver.http.routes import (
    accounts,
    chats,
    documentation,
    files,
    messages,
    push,
    search,
    server,
    sessions,
    users,
)

__all__ = ["accounts", "chats", "documentation", "files", "messages", "push", "search", "server", "sessions", "users"]
