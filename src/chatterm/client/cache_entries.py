"""The client list in the cache: derived row by row from users and chats, inside the transaction that changed them."""

import sqlite3
from typing import Any, Final, Literal, NamedTuple

from chatproto.models import User
from chatterm.client import cache_unread
from chatterm.client.cache_unread import Counts
from chatterm.client.model import EntryRef, Section

NOBODY: Final = "(unknown person)"
"""The name of a direct chat whose other person is not cached yet."""

_CHAT: Final = """
SELECT c.kind, c.title, c.sort_title, c.peer_id, c.head_at, u.display_name, u.sort_name, u.email,
    c.pinned, c.muted_until, c.archived, c.has_left, c.unread, c.mentions, c.exact, c.behind, c.member_count,
    max(c.seen, c.floor), c.head, c.figure, c.figure_mentions, c.figure_head, max(c.figure_seen, c.floor),
    c.floor >= c.head OR EXISTS (SELECT 1 FROM events AS e WHERE e.chat_id = c.id AND e.seq = c.head),
    c.shape_count + ifnull((
        SELECT sum(e.joined) FROM events AS e
        WHERE e.chat_id = c.id AND e.seq > max(c.shape_head, c.floor) AND e.joined <> 0
    ), 0)
FROM chats AS c LEFT JOIN users AS u ON u.id = c.peer_id WHERE c.id = ?"""
_PUT: Final = """
INSERT INTO entries (rank, sort_name, kind, id, name, unread, peer_id, email, section, mentions, muted_until)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
ON CONFLICT DO UPDATE SET
    rank = ?1, sort_name = ?2, name = ?5, unread = ?6, peer_id = ?7, email = ?8, section = ?9, mentions = ?10,
    muted_until = ?11
WHERE (rank, sort_name, name, unread, peer_id, email, section, mentions, muted_until)
    IS NOT (?1, ?2, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"""
_DERIVED: Final = "UPDATE chats SET unread = ?, mentions = ?, exact = ?, behind = ?, member_count = ? WHERE id = ?"


class _Row(NamedTuple):
    rank: int
    sort_name: str
    kind: Literal["chat", "user"]
    id: int
    name: str
    unread: int
    peer_id: int | None
    email: str
    section: Section
    mentions: int = 0
    muted_until: int = 0


def section_of(kind: str, head_at: int, *, pinned: int, archived: int, has_left: int) -> Section:
    """Where a chat belongs: one that was left or archived is nowhere else, a direct one without messages a person."""
    if has_left:
        return Section.LEFT
    if archived:
        return Section.ARCHIVED
    if pinned:
        return Section.PINNED
    return Section.PEOPLE if kind == "direct" and not head_at else Section.RECENT


class Entries:
    """Refreshes rows of the client list and remembers which really changed; one per transaction."""

    def __init__(self, connection: sqlite3.Connection, owner_id: int) -> None:
        self._connection = connection
        self.owner_id = owner_id
        self._changed: dict[EntryRef, None] = {}

    @property
    def changed(self) -> tuple[EntryRef, ...]:
        """Rows that appeared, changed or disappeared, each once."""
        return tuple(self._changed)

    def refresh_chat(self, chat_id: int) -> None:
        """Derive the chat's counts and its row anew, and take away the row of its person.

        A chat that the owner has left stays in the list with what is cached of it; nothing in it is unread.
        """
        row = self._connection.execute(_CHAT, (chat_id,)).fetchone()
        kind, title, sort_title, peer_id, head_at, peer_name, peer_sort_name, email = row[:8]
        pinned, muted_until, archived, has_left = row[8:12]
        counts = self._derive(chat_id, has_left, row[12:17], row[17:])
        if not kind:
            return
        if kind == "direct":
            name = NOBODY if peer_name is None else peer_name
            sort_name = name if peer_sort_name is None else peer_sort_name
            self._remove("user", peer_id)
        else:
            name, sort_name = title, sort_title
        section = section_of(kind, head_at, pinned=pinned, archived=archived, has_left=has_left)
        person = (peer_id, email or "")
        figures = (section, counts.mentions, muted_until)
        self._put(_Row(-head_at, sort_name, "chat", chat_id, name, counts.unread, *person, *figures))

    def refresh_user(self, user: User, sort_name: str) -> None:
        """Derive the row of a user who was added or changed: of the direct chat if there is one.

        Those who cannot be written to any more have a row only if there is a chat with them.
        """
        chats = self._connection.execute("SELECT id FROM chats WHERE peer_id = ?", (user.id,)).fetchall()
        for (chat_id,) in chats:
            self.refresh_chat(chat_id)
        if user.deleted or user.disabled:
            self._remove("user", user.id)
        elif not chats and user.id != self.owner_id:
            self._put(_Row(0, sort_name, "user", user.id, user.display_name, 0, user.id, user.email, Section.PEOPLE))

    def _derive(self, chat_id: int, has_left: int, known: tuple[Any, ...], row: tuple[Any, ...]) -> Counts:
        *figures, newest_cached, members = row
        marks = cache_unread.Marks(*figures)
        counts = Counts(0, 0, exact=True)
        if not has_left:
            counts = cache_unread.derive(self._connection, chat_id, marks, self.owner_id)
        behind = marks.head > 0 and not newest_cached and not has_left
        derived = (*counts, behind, max(0, members))
        if derived != known:
            self._connection.execute(_DERIVED, (*derived, chat_id))
        return counts

    def _put(self, row: _Row) -> None:
        if self._connection.execute(_PUT, row).rowcount > 0:
            self._changed[EntryRef(row.kind, row.id)] = None

    def _remove(self, kind: Literal["chat", "user"], ident: int) -> None:
        if self._connection.execute("DELETE FROM entries WHERE kind = ? AND id = ?", (kind, ident)).rowcount > 0:
            self._changed[EntryRef(kind, ident)] = None
