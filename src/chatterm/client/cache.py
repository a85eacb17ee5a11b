"""The cache of one account on disk: the writing half, and how the file is opened."""

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from chatproto.errors import ErrorInfo
from chatproto.frames import ChatSettings
from chatproto.models import Chat, ChatChanged, ChatHead, Floor, LogEvent, MembersChanged, User
from chatterm.client import cache_events, database
from chatterm.client.cache_entries import Entries
from chatterm.client.cache_read import CacheQueries
from chatterm.client.cache_schema import FORMAT
from chatterm.client.errors import ClientError
from chatterm.client.model import EntryRef

_BROKEN_MAX: Final = 2
_PUT_USER: Final = """
INSERT INTO users (id, email, display_name, sort_name, rev, status, avatar, disabled, deleted)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
ON CONFLICT (id) DO UPDATE SET email = ?2, display_name = ?3, sort_name = ?4, rev = ?5,
    status = ?6, avatar = ?7, disabled = ?8, deleted = ?9
WHERE rev <= ?5 AND (email, display_name, rev, status, avatar, disabled, deleted) IS NOT (?2, ?3, ?5, ?6, ?7, ?8, ?9)"""
# Of two things that were said of a chat, the one that was true at a higher seq holds.
_PUT_SHAPE: Final = """
UPDATE chats SET kind = ?2, peer_id = ?3, shape_count = ?4, shape_head = ?5 WHERE id = ?1 AND shape_head <= ?5"""
_PUT_TITLE: Final = "UPDATE chats SET title = ?2, sort_title = ?3, title_seq = ?4 WHERE id = ?1 AND title_seq <= ?4"
_PUT_TOPIC: Final = "UPDATE chats SET topic = ?2, topic_seq = ?3 WHERE id = ?1 AND topic_seq <= ?3"
_PUT_OWNER: Final = "UPDATE chats SET owner_id = ?2, owner_seq = ?3 WHERE id = ?1 AND owner_seq <= ?3"
# The same for what is the owner's own, by their user log.
_PUT_SETTINGS: Final = """
UPDATE chats SET pinned = ?2, muted_until = ?3, archived = ?4, settings_useq = ?5
WHERE id = ?1 AND settings_useq <= ?5"""
_PUT_MEMBER: Final = "UPDATE chats SET has_left = ?2, member_useq = ?3 WHERE id = ?1 AND member_useq <= ?3"
_RAISE: Final = """
INSERT INTO chats (id, head, head_at) VALUES (?1, ?2, ?3)
ON CONFLICT (id) DO UPDATE SET head = max(head, ?2), head_at = max(head_at, ?3)"""
_SEE: Final = "UPDATE chats SET seen = max(seen, ?2) WHERE id = ?1"
_PUT_FIGURE: Final = """
UPDATE chats SET figure = ?2, figure_mentions = ?3, figure_head = ?4, figure_seen = ?5
WHERE id = ?1 AND (figure_head, figure_seen) <= (?4, ?5) AND (floor <= ?6 OR floor <= ?5)"""
# Of the last condition: what was counted while the floor was lower may have been removed since.


class StoredEvents(NamedTuple):
    """What `store_events` changed: first and last seq that were new, None if all were known; rows of the list.

    `changed` are the seqs of messages that are newer than they were here, or came with a change of them.
    """

    new: tuple[int, int] | None
    refs: tuple[EntryRef, ...]
    changed: tuple[int, ...] = ()


class Cache(CacheQueries):
    """The cached copy of what one account may see; implements `CacheReader`, and is written by the engine.

    Any number of processes may have it open. Every write is one transaction, idempotent, and commutes with
    the others: users, chats, heads, pages and live events may arrive in any order, twice, and overlapping,
    and the cache is the same in the end. Of a message the state with the highest `rev` is kept, and no earlier
    text: it is overwritten in the file at once, and in SQLite's log when the last process closes the cache.
    Commits survive a kill; the last ones may be lost with the power.
    Writes raise `ClientError` (`diskFull`, `notWritable`, `storageBusy`, `cacheBroken`, `storageFailed`)
    and then nothing was changed. An instance belongs to the thread that opened it.
    """

    problem: ErrorInfo | None
    """Why an earlier file was set aside at opening, if one was; it is only a copy, so nothing is lost."""

    def __init__(self, connection: sqlite3.Connection, path: Path, problem: ErrorInfo | None) -> None:
        """Use `Cache.open`."""
        super().__init__(connection, path)
        self.problem = problem
        connection.execute("PRAGMA secure_delete = ON")  # what somebody took back must not stay in free pages

    @classmethod
    def open(cls, path: Path) -> "Cache":
        """Open the cache, making it if missing. Raises `ClientError`.

        A damaged or foreign file, or one of a newer version, is renamed to `.broken-1` or `-2` and a new one begun;
        one of an earlier version is deleted.
        """
        connection, problem = database.open_or_begin_anew(path, FORMAT, _told, keep=_BROKEN_MAX, drop_earlier=True)
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

    def store_chats(
        self, chats: Sequence[Chat], useq: int | None = None, *, known_useq: int = 0
    ) -> tuple[EntryRef, ...]:
        """Add or change chats; rows of the client list that changed. `useq`: the owner's log is known so far.

        Without `useq` they were read at an unknown position of that log, at or after `known_useq`: that is
        no news of being a member.
        """
        with self._transaction() as connection:
            entries = Entries(connection, self._owner_id())
            for chat in chats:
                connection.execute(_RAISE, (chat.id, chat.head, chat.head_at))
                if chat.floor:
                    _rise(connection, chat.id, chat.floor, chat.floor_days)
                _put_shape(connection, chat)
                _put_figure(connection, chat.id, chat.head, chat)
                _put_settings(connection, chat.id, chat, known_useq if useq is None else useq)
                _put_member(connection, chat.id, useq, has_left=False)
                entries.refresh_chat(chat.id)
            _raise_meta(connection, "useq", useq)
            return entries.changed

    def store_heads(self, heads: Iterable[ChatHead], useq: int | None) -> tuple[EntryRef, ...]:
        """Where logs end; rows of the client list that changed.

        With `useq` (from `welcome`) heads carry the owner's seen marker, unread counts and settings, and say
        that the owner is a member. With None (the repeated `heads` frame) only `head` and `head_at` count.
        """
        with self._transaction() as connection:
            entries = Entries(connection, self._owner_id())
            for head in heads:
                connection.execute(_RAISE, (head.chat_id, head.head, head.head_at))
                if useq is not None:
                    if head.floor:
                        _rise(connection, head.chat_id, head.floor, head.floor_days)
                    _put_figure(connection, head.chat_id, head.head, head)
                    _put_settings(connection, head.chat_id, head, useq)
                    _put_member(connection, head.chat_id, useq, has_left=False)
                entries.refresh_chat(head.chat_id)
            _raise_meta(connection, "useq", useq)
            return entries.changed

    def store_floors(
        self, floors: Iterable[Floor], rev: int | None = None
    ) -> tuple[tuple[int, ...], tuple[EntryRef, ...]]:
        """The server has removed what lies up to these floors; chats whose floors rose, and rows of the client list.

        Then `purge` each of these chats. `rev`: rises are known so far.
        """
        with self._transaction() as connection:
            entries = Entries(connection, self._owner_id())
            risen = []
            for told in floors:
                connection.execute(_RAISE, (told.chat_id, told.floor, 0))  # also of a chat that is told of only later
                if _rise(connection, told.chat_id, told.floor, told.days):
                    risen.append(told.chat_id)
                    entries.refresh_chat(told.chat_id)
            _raise_meta(connection, "floors_rev", rev)
            return tuple(risen), entries.changed

    def unpurged(self) -> list[int]:
        """Chats of which events below their floors are left, because somebody was killed before `purge` was done."""
        from chatterm.client import cache_floors  # noqa: PLC0415 - nothing before the first screen needs it

        with database.reading(self._path):
            return cache_floors.unpurged(self._connection)

    def purge(self, chat_id: int) -> bool:
        """Remove some events below a chat's floor, and have the index for search do so; whether there may be more."""
        from chatterm.client import cache_floors  # noqa: PLC0415 - nothing before the first screen needs it

        with self._transaction() as connection:
            return cache_floors.purge(connection, chat_id)

    def store_left(self, chat_ids: Collection[int], useq: int) -> tuple[EntryRef, ...]:
        """The owner is no longer a member of these chats; rows of the client list that changed.

        What is cached of them stays readable until the cache is made anew.
        """
        with self._transaction() as connection:
            entries = Entries(connection, self._owner_id())
            for chat_id in chat_ids:
                connection.execute(_RAISE, (chat_id, 0, 0))
                _put_member(connection, chat_id, useq, has_left=True)
                entries.refresh_chat(chat_id)
            _raise_meta(connection, "useq", useq)
            return entries.changed

    def store_settings(self, chat_id: int, settings: ChatSettings) -> tuple[EntryRef, ...]:
        """What the owner has chosen for a chat; rows of the client list that changed."""
        with self._transaction() as connection:
            connection.execute(_RAISE, (chat_id, 0, 0))
            _put_settings(connection, chat_id, settings, settings.useq)
            _raise_meta(connection, "useq", settings.useq)
            entries = Entries(connection, self._owner_id())
            entries.refresh_chat(chat_id)
            return entries.changed

    def store_events(self, chat_id: int, events: Sequence[LogEvent]) -> StoredEvents:
        """Add events of one chat; its head, activity, title, topic, owner and size follow in the same transaction.

        An event whose seq is cached already is dropped: a log never changes within an epoch. Only the state of a
        message does, and that of the highest `rev` is kept. What lies below the chat's floor is dropped, too.
        """
        if not events:
            return StoredEvents(None, ())
        with self._transaction() as connection:
            owner_id, floor = self._owner_id(), self.floor(chat_id)
            kept = [event for event in events if event.seq > floor]
            stored = [(event, cache_events.store(connection, chat_id, event, owner_id, floor)) for event in kept]
            new = [event for event, became in stored if became.new]
            changed = [became.changed for _, became in stored if became.changed is not None]
            if not new and not changed and len(kept) == len(events):
                return StoredEvents(None, ())
            newest = max(events, key=lambda event: event.seq)
            connection.execute(_RAISE, (chat_id, newest.seq, newest.at))
            for event in new:
                _apply(connection, chat_id, event)
            entries = Entries(connection, owner_id)
            entries.refresh_chat(chat_id)
            seqs = [event.seq for event in new]
            return StoredEvents((min(seqs), max(seqs)) if seqs else None, entries.changed, tuple(changed))

    def store_seen(
        self, chat_id: int, seq: int, useq: int | None = None, unread: int | None = None, mentions: int = 0
    ) -> tuple[EntryRef, ...]:
        """Move the owner's seen marker, never back; rows of the client list that changed.

        Without `useq` it was moved here: it stays in `pending_seen` until the server confirms. With `useq`
        the server said so, and `unread` and `mentions` are its counts up to the head known now.
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
                floor = self.floor(chat_id)
                figure = ChatHead(chat_id=chat_id, head=0, seen=seq, unread=unread, mentions=mentions, floor=floor)
                _put_figure(connection, chat_id, self.head(chat_id), figure)
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
            more = (user.status, user.avatar, user.disabled, user.deleted)
            if connection.execute(_PUT_USER, (*row, *more)).rowcount > 0:
                entries.refresh_user(user, sort_name)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with database.transaction(self._connection, self._path):
            yield self._connection


def _rise(connection: sqlite3.Connection, chat_id: int, floor: int, days: float) -> bool:
    from chatterm.client import cache_floors  # noqa: PLC0415 - nothing before the first screen needs it

    return cache_floors.rise(connection, chat_id, floor, days)


def _told(reason: database.UnusableError, broken: Path) -> ErrorInfo:
    return ClientError(
        "cacheBroken",
        f"The cached messages could not be used ({reason}).",
        f"They are fetched anew from the server; the old file is {broken}.",
    ).info()


def _put_shape(connection: sqlite3.Connection, chat: Chat) -> None:
    connection.execute(_PUT_SHAPE, (chat.id, chat.kind, chat.peer_id, chat.member_count, chat.head))
    connection.execute(_PUT_TITLE, (chat.id, chat.title, chat.title.casefold(), chat.head))
    connection.execute(_PUT_TOPIC, (chat.id, chat.topic, chat.head))
    connection.execute(_PUT_OWNER, (chat.id, chat.owner_id, chat.head))


def _apply(connection: sqlite3.Connection, chat_id: int, event: LogEvent) -> None:
    """What an event says of its chat."""
    match event:
        case ChatChanged(title=title, topic=topic):
            if title is not None:
                connection.execute(_PUT_TITLE, (chat_id, title, title.casefold(), event.seq))
            if topic is not None:
                connection.execute(_PUT_TOPIC, (chat_id, topic, event.seq))
        case MembersChanged(owner_id=int(owner_id)):
            connection.execute(_PUT_OWNER, (chat_id, owner_id, event.seq))
        case _:
            pass


def _put_figure(connection: sqlite3.Connection, chat_id: int, head: int, told: Chat | ChatHead) -> None:
    connection.execute(_SEE, (chat_id, told.seen))
    connection.execute(_PUT_FIGURE, (chat_id, told.unread, told.mentions, head, told.seen, told.floor))
    _confirm(connection, chat_id, told.seen)


def _put_settings(
    connection: sqlite3.Connection, chat_id: int, told: Chat | ChatHead | ChatSettings, useq: int
) -> None:
    connection.execute(_PUT_SETTINGS, (chat_id, told.pinned, told.muted_until, told.archived, useq))


def _put_member(connection: sqlite3.Connection, chat_id: int, useq: int | None, *, has_left: bool) -> None:
    if useq is not None:
        connection.execute(_PUT_MEMBER, (chat_id, has_left, useq))


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
    for table in ("events", "chats", "users", "entries", "meta", "unindexed"):
        connection.execute(f"DELETE FROM {table}")  # noqa: S608 - own names
