"""The cache of one account on disk: the writing half, and how the file is opened."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from chatproto.errors import ErrorInfo
from chatproto.models import Chat, ChatHead, LogEvent, Message, User, event_id
from chatterm.client import database
from chatterm.client.cache_entries import Entries
from chatterm.client.cache_read import CacheQueries
from chatterm.client.cache_schema import FORMAT
from chatterm.client.errors import ClientError
from chatterm.client.model import EntryRef

_BROKEN_MAX: Final = 2
_PUT_USER: Final = """
INSERT INTO users (id, email, display_name, sort_name, rev) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (id) DO UPDATE SET email = ?2, display_name = ?3, sort_name = ?4, rev = ?5
WHERE rev <= ?5 AND (email, display_name, rev) IS NOT (?2, ?3, ?5)"""
# A snapshot of a chat is newer than another if its head is higher: titles and members change by events.
_PUT_SHAPE: Final = """
UPDATE chats SET kind = ?2, title = ?3, sort_title = ?4, peer_id = ?5, member_count = ?6, shape_head = ?7
WHERE id = ?1 AND shape_head <= ?7"""
_RAISE: Final = """
INSERT INTO chats (id, head, head_at) VALUES (?1, ?2, ?3)
ON CONFLICT (id) DO UPDATE SET head = max(head, ?2), head_at = max(head_at, ?3)"""
_SEE: Final = "UPDATE chats SET seen = max(seen, ?2) WHERE id = ?1"
_PUT_FIGURE: Final = """
UPDATE chats SET figure = ?2, figure_head = ?3, figure_seen = ?4
WHERE id = ?1 AND (figure_head, figure_seen) <= (?3, ?4)"""
_PUT_EVENT: Final = "INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)"


class StoredEvents(NamedTuple):
    """What `store_events` changed: first and last seq that were new, None if all were known; rows of the list."""

    new: tuple[int, int] | None
    refs: tuple[EntryRef, ...]


class Cache(CacheQueries):
    """The cached copy of what one account may see; implements `CacheReader`, and is written by the engine.

    Any number of processes may have it open. Every write is one transaction, idempotent, and commutes with
    the others: users, chats, heads, pages and live events may arrive in any order, twice, and overlapping,
    and the cache is the same in the end. Commits survive a kill; the last ones may be lost with the power.
    Writes raise `ClientError` (`diskFull`, `notWritable`, `storageBusy`, `cacheBroken`, `storageFailed`)
    and then nothing was changed. An instance belongs to the thread that opened it.
    """

    problem: ErrorInfo | None
    """Why an earlier file was set aside at opening, if one was; it is only a copy, so nothing is lost."""

    def __init__(self, connection: sqlite3.Connection, path: Path, problem: ErrorInfo | None) -> None:
        """Use `Cache.open`."""
        super().__init__(connection, path)
        self.problem = problem

    @classmethod
    def open(cls, path: Path) -> "Cache":
        """Open the cache, making it if missing. Raises `ClientError`.

        A damaged or foreign file, or one of another version, is renamed to `.broken-1` or `-2` and a new one begun.
        """
        connection, problem = database.open_or_begin_anew(path, FORMAT, _told, keep=_BROKEN_MAX)
        return cls(connection, path, problem)

    def adopt(self, epoch: str, user: User) -> bool:
        """Make this the copy of that server database as that user sees it.

        True if the cache was dropped because it was another's. Call it with every `welcome`, before its heads.
        """
        with self._transaction() as connection:
            changed = (self._meta("epoch", epoch), self._meta("owner_id", user.id)) != (epoch, user.id)
            if changed or self._owner_id() == 0:
                _drop(connection)
                _put_meta(connection, "epoch", epoch)
                _put_meta(connection, "owner_id", user.id)
            self._put_users(connection, (user,), Entries(connection, user.id))
        return changed

    def reset(self, epoch: str) -> None:
        """Drop all that was copied: the server's database is another one now. Owner and file stay."""
        with self._transaction() as connection:
            owner = self.owner()
            _drop(connection)
            _put_meta(connection, "epoch", epoch)
            if owner is not None:
                _put_meta(connection, "owner_id", owner.id)
                self._put_users(connection, (owner,), Entries(connection, owner.id))

    def store_users(self, users: Sequence[User], *, page: bool = True) -> tuple[EntryRef, ...]:
        """Add or change users; rows of the client list that changed.

        With `page`, they are all users next to `users_rev()` in ascending rev, which follows to the last one.
        """
        with self._transaction() as connection:
            entries = Entries(connection, self._owner_id())
            self._put_users(connection, users, entries)
            if page and users:
                _raise_meta(connection, "users_rev", max(user.rev for user in users))
            return entries.changed

    def store_chats(self, chats: Sequence[Chat], useq: int | None = None) -> tuple[EntryRef, ...]:
        """Add or change chats; rows of the client list that changed. `useq`: the owner's log is known so far."""
        with self._transaction() as connection:
            entries = Entries(connection, self._owner_id())
            for chat in chats:
                connection.execute(_RAISE, (chat.id, chat.head, chat.head_at))
                shape = (chat.title, chat.title.casefold(), chat.peer_id, chat.member_count)
                connection.execute(_PUT_SHAPE, (chat.id, chat.kind, *shape, chat.head))
                _put_figure(connection, chat.id, chat.seen, chat.head, chat.unread)
                entries.refresh_chat(chat.id)
            _raise_meta(connection, "useq", useq)
            return entries.changed

    def store_heads(self, heads: Iterable[ChatHead], useq: int | None) -> tuple[EntryRef, ...]:
        """Where logs end; rows of the client list that changed.

        With `useq` (from `welcome`) heads carry the owner's seen marker and unread count. With None (the
        repeated `heads` frame) only `head` and `head_at` count.
        """
        with self._transaction() as connection:
            entries = Entries(connection, self._owner_id())
            for head in heads:
                connection.execute(_RAISE, (head.chat_id, head.head, head.head_at))
                if useq is not None:
                    _put_figure(connection, head.chat_id, head.seen, head.head, head.unread)
                entries.refresh_chat(head.chat_id)
            _raise_meta(connection, "useq", useq)
            return entries.changed

    def store_events(self, chat_id: int, events: Sequence[LogEvent]) -> StoredEvents:
        """Add events of one chat; head and activity follow in the same transaction.

        An event whose seq is cached already is dropped: a log never changes within an epoch.
        """
        if not events:
            return StoredEvents(None, ())
        with self._transaction() as connection:
            new = [
                event.seq for event in events if connection.execute(_PUT_EVENT, _event_row(chat_id, event)).rowcount > 0
            ]
            if not new:
                return StoredEvents(None, ())
            newest = max(events, key=lambda event: event.seq)
            connection.execute(_RAISE, (chat_id, newest.seq, newest.at))
            entries = Entries(connection, self._owner_id())
            entries.refresh_chat(chat_id)
            return StoredEvents((min(new), max(new)), entries.changed)

    def store_seen(
        self, chat_id: int, seq: int, useq: int | None = None, unread: int | None = None
    ) -> tuple[EntryRef, ...]:
        """Move the owner's seen marker, never back; rows of the client list that changed.

        Without `useq` it was moved here: it stays in `pending_seen` until the server confirms. With `useq`
        the server said so, and `unread` is its count up to the head known now.
        """
        with self._transaction() as connection:
            connection.execute(_RAISE, (chat_id, 0, 0))
            if useq is None:
                connection.execute("UPDATE chats SET seen_pending = ?2 WHERE id = ?1 AND seen < ?2", (chat_id, seq))
            else:
                _confirm(connection, chat_id, seq)
                _raise_meta(connection, "useq", useq)
            connection.execute(_SEE, (chat_id, seq))
            if unread is not None:
                _put_figure(connection, chat_id, seq, self.head(chat_id), unread)
            entries = Entries(connection, self._owner_id())
            entries.refresh_chat(chat_id)
            return entries.changed

    def confirm_seen(self, chat_id: int, seq: int) -> None:
        """The server has this seen marker: nothing up to it is pending any more."""
        with self._transaction() as connection:
            _confirm(connection, chat_id, seq)

    def _put_users(self, connection: sqlite3.Connection, users: Iterable[User], entries: Entries) -> None:
        for user in users:
            sort_name = user.display_name.casefold()
            row = (user.id, user.email, user.display_name, sort_name, user.rev)
            if connection.execute(_PUT_USER, row).rowcount > 0:
                entries.refresh_user(user.id, user.email, user.display_name, sort_name)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with database.transaction(self._connection, self._path):
            yield self._connection


def _told(reason: database.UnusableError, broken: Path) -> ErrorInfo:
    return ClientError(
        "cacheBroken",
        f"The cached messages could not be used ({reason}).",
        f"They are fetched anew from the server; the old file is {broken}.",
    ).info()


def _event_row(chat_id: int, event: LogEvent) -> tuple[Any, ...]:
    if not isinstance(event, Message):
        return chat_id, event.seq, event.at, event.sender_id, None, None, None, msgspec.json.encode(event)
    known = None if event.id == event_id(chat_id, event.seq) else event.id
    return chat_id, event.seq, event.at, event.sender_id, event.client_id, event.text, known, None


def _put_figure(connection: sqlite3.Connection, chat_id: int, seen: int, head: int, unread: int) -> None:
    connection.execute(_SEE, (chat_id, seen))
    connection.execute(_PUT_FIGURE, (chat_id, unread, head, seen))
    _confirm(connection, chat_id, seen)


def _confirm(connection: sqlite3.Connection, chat_id: int, seq: int) -> None:
    connection.execute("UPDATE chats SET seen_pending = NULL WHERE id = ? AND seen_pending <= ?", (chat_id, seq))


def _put_meta(connection: sqlite3.Connection, key: str, value: str | int) -> None:
    connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))


def _raise_meta(connection: sqlite3.Connection, key: str, value: int | None) -> None:
    if value is not None:
        connection.execute(
            "INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = max(value, ?2)", (key, value)
        )


def _drop(connection: sqlite3.Connection) -> None:
    for table in ("events", "chats", "users", "entries", "meta"):
        connection.execute(f"DELETE FROM {table}")  # noqa: S608 - own names
