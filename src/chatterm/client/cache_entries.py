"""The client list in the cache: derived row by row from users and chats, inside the transaction that changed them."""

import sqlite3
from typing import Any, Final, Literal, NamedTuple

from chatterm.client import cache_unread
from chatterm.client.model import EntryRef

NOBODY: Final = "(unknown person)"
"""The name of a direct chat whose other person is not cached yet."""

_CHAT: Final = """
SELECT c.kind, c.title, c.sort_title, c.peer_id, c.head_at, u.display_name, u.sort_name, u.email,
    c.unread, c.exact, c.behind, c.seen, c.head, c.figure, c.figure_head, c.figure_seen,
    EXISTS (SELECT 1 FROM events AS e WHERE e.chat_id = c.id AND e.seq = c.head)
FROM chats AS c LEFT JOIN users AS u ON u.id = c.peer_id WHERE c.id = ?"""
_PUT: Final = """
INSERT INTO entries (rank, sort_name, kind, id, name, unread, peer_id, email) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
ON CONFLICT DO UPDATE SET rank = ?1, sort_name = ?2, name = ?5, unread = ?6, peer_id = ?7, email = ?8
WHERE (rank, sort_name, name, unread, peer_id, email) IS NOT (?1, ?2, ?5, ?6, ?7, ?8)"""


class _Row(NamedTuple):
    rank: int
    sort_name: str
    kind: Literal["chat", "user"]
    id: int
    name: str
    unread: int
    peer_id: int | None
    email: str


class Entries:
    """Refreshes rows of the client list and remembers which really changed; one per transaction."""

    def __init__(self, connection: sqlite3.Connection, owner_id: int) -> None:
        self._connection = connection
        self._owner_id = owner_id
        self._changed: dict[EntryRef, None] = {}

    @property
    def changed(self) -> tuple[EntryRef, ...]:
        """Rows that appeared, changed or disappeared, each once."""
        return tuple(self._changed)

    def refresh_chat(self, chat_id: int) -> None:
        """Derive the chat's unread count and its row anew, and take away the row of its person."""
        row = self._connection.execute(_CHAT, (chat_id,)).fetchone()
        kind, title, sort_title, peer_id, head_at, peer_name, peer_sort_name, email = row[:8]
        unread = self._derive(chat_id, *row[8:])
        if not kind:
            return
        if kind == "direct":
            name = NOBODY if peer_name is None else peer_name
            sort_name = name if peer_sort_name is None else peer_sort_name
            self._remove("user", peer_id)
        else:
            name, sort_name = title, sort_title
        self._put(_Row(-head_at, sort_name, "chat", chat_id, name, unread, peer_id, email or ""))

    def refresh_user(self, user_id: int, email: str, name: str, sort_name: str) -> None:
        """Derive the row of a user who was added or changed: of the direct chat if there is one."""
        chats = self._connection.execute("SELECT id FROM chats WHERE peer_id = ?", (user_id,)).fetchall()
        for (chat_id,) in chats:
            self.refresh_chat(chat_id)
        if not chats and user_id != self._owner_id:
            self._put(_Row(0, sort_name, "user", user_id, name, 0, user_id, email))

    def _derive(self, chat_id: int, *row: Any) -> int:
        old_unread, old_exact, old_behind, seen, head, figure, figure_head, figure_seen, newest_cached = row
        marks = cache_unread.Marks(seen, head, figure, figure_head, figure_seen)
        unread, exact = cache_unread.derive(self._connection, chat_id, marks, self._owner_id)
        behind = head > 0 and not newest_cached
        if (unread, exact, behind) != (old_unread, old_exact, old_behind):
            self._connection.execute(
                "UPDATE chats SET unread = ?, exact = ?, behind = ? WHERE id = ?", (unread, exact, behind, chat_id)
            )
        return unread

    def _put(self, row: _Row) -> None:
        if self._connection.execute(_PUT, row).rowcount > 0:
            self._changed[EntryRef(row.kind, row.id)] = None

    def _remove(self, kind: Literal["chat", "user"], ident: int) -> None:
        if self._connection.execute("DELETE FROM entries WHERE kind = ? AND id = ?", (kind, ident)).rowcount > 0:
            self._changed[EntryRef(kind, ident)] = None
