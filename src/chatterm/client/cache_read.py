"""The reading half of the cache."""

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from chatproto.models import Chat, LogEvent, Message, User, event_id
from chatterm.client import cache_events
from chatterm.client.cache_events import EventRow
from chatterm.client.database import damaged, reading, storage_error
from chatterm.client.model import SECTIONS, Entry, EntryRef

_ENTRY: Final = "kind, id, name, sort_name, -rank, unread, peer_id, email, section, mentions, muted_until"
_ORDER: Final = "section, rank, sort_name, email, id, kind"
_USER: Final = "id, email, display_name, rev, status, avatar, disabled, deleted"
_CHAT: Final = (
    "id, kind, title, peer_id, member_count, head, head_at, seen, unread, topic, owner_id, mentions, pinned,"
    " muted_until, archived, floor, floor_days"
)
_EVENTS: Final = f"SELECT {cache_events.COLUMNS} FROM events WHERE chat_id = ?1 AND seq BETWEEN ?2 AND ?3 ORDER BY seq"  # noqa: S608 - own names
_MESSAGES: Final = f"""
SELECT {cache_events.COLUMNS} FROM events
WHERE chat_id = ?1 AND seq IN (SELECT value FROM json_each(?2)) AND client_id IS NOT NULL"""  # noqa: S608 - own names
_LAST: Final = "\U0010ffff"
"""Sorts behind every text."""
_UNREAD: Final = """
SELECT chats.id, chats.kind, CASE WHEN chats.kind = 'group' THEN title ELSE coalesce(display_name, '') END,
    unread, mentions, muted_until
FROM chats LEFT JOIN users ON users.id = peer_id
WHERE unread > 0 AND NOT has_left AND kind <> '' ORDER BY head_at DESC, chats.id LIMIT ?"""


class UnreadChat(NamedTuple):
    """What is unread in one chat; `muted_until` in microseconds since 1970 UTC, 0 if it is not muted."""

    id: int
    kind: str
    name: str
    unread: int
    mentions: int
    muted_until: int


class CacheQueries:
    """Bounded synchronous reads; implements `CacheReader`.

    Every method raises `ClientError` (`cacheBroken`, `storageBusy`, `storageFailed`) if the file fails.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    # --- whose copy this is, and how far it goes

    def epoch(self) -> str:
        """The server database this is a copy of; empty before the first `adopt`."""
        return str(self._meta("epoch", ""))

    def owner(self) -> User | None:
        """Whose view of the server this is; None before the first `adopt`."""
        return self.user(self._owner_id())

    def useq(self) -> int:
        """How far the owner's own log is known."""
        return int(self._meta("useq", 0))

    def floors_rev(self) -> int:
        """The position up to which rises of floors are known."""
        return int(self._meta("floors_rev", 0))

    def users_rev(self) -> int:
        """The rev up to which all users are known."""
        return int(self._meta("users_rev", 0))

    def cursors(self, limit: int) -> list[tuple[int, int]]:
        """(chat id, seq) for `hello`, the most recently active chats first.

        The seq is the chat's head as known here, or an earlier one if the unread count needs the server's
        figure: the server answers with the head of every chat whose cursor is not its head.
        """
        return self._all(
            "SELECT id, CASE WHEN exact THEN head ELSE min(figure_head, head - 1) END"
            " FROM chats WHERE NOT has_left ORDER BY head_at DESC, id LIMIT ?",
            (limit,),
        )

    def chats_behind(self, limit: int = 1_000) -> list[tuple[int, int]]:
        """(chat id, head) of chats whose newest event is not cached, the most recently active first."""
        return self._all("SELECT id, head FROM chats WHERE behind ORDER BY head_at DESC, id LIMIT ?", (limit,))

    def unknown_chats(self, limit: int = 1_000) -> list[int]:
        """Ids of chats whose heads or events arrived before the chats themselves: fetch and `store_chats`."""
        return [
            chat_id
            for (chat_id,) in self._all("SELECT id FROM chats WHERE kind = '' AND NOT has_left LIMIT ?", (limit,))
        ]

    def stale_chats(self, limit: int = 1_000) -> list[int]:
        """Ids of chats of which the server must be asked again, because it removed what was not cached here."""
        query = "SELECT id FROM chats WHERE floor > 0 AND shape_head < floor AND kind <> '' AND NOT has_left LIMIT ?"
        return [chat_id for (chat_id,) in self._all(query, (limit,))]

    def pending_seen(self) -> list[tuple[int, int]]:
        """(chat id, seq) of the seen markers moved here and not yet confirmed by the server."""
        return self._all("SELECT id, seen_pending FROM chats WHERE seen_pending IS NOT NULL AND NOT has_left")

    # --- the client list

    def entries(self, after: Entry | None = None, limit: int = 200) -> list[Entry]:
        """Rows of the client list in its order, those after `after`; keyset, so a chunk costs its own length."""
        where, key = "", ()
        if after is not None:
            where = f"WHERE ({_ORDER}) > (?, ?, ?, ?, ?, ?)"
            key = after.place  # type: ignore[assignment] # one of two lengths
        query = f"SELECT {_ENTRY} FROM entries {where} ORDER BY {_ORDER} LIMIT ?"  # noqa: S608 - own names
        return [_entry(row) for row in self._all(query, (*key, limit))]

    def entry(self, ref: EntryRef) -> Entry | None:
        """One row of the client list; None if there is none, as for a person who has become a chat."""
        row = self._one(f"SELECT {_ENTRY} FROM entries WHERE kind = ? AND id = ?", ref)  # noqa: S608 - own names
        return None if row is None else _entry(row)

    def entry_count(self) -> int:
        """Rows of the client list; costs the same however many."""
        return sum(self.section_counts())

    def section_counts(self) -> tuple[int, ...]:
        """Rows of the client list by section; costs the same however many."""
        return tuple(count for (count,) in self._all("SELECT entries FROM totals ORDER BY section"))

    def chat_ids(self, *, unread: bool = False) -> list[int]:
        """Ids of all chats of which the owner is a member, the most recently active first; `unread`: only those."""
        where = "AND unread > 0" if unread else ""
        query = f"SELECT id FROM chats WHERE kind <> '' AND NOT has_left {where} ORDER BY head_at DESC, id"  # noqa: S608 - own words
        return [chat_id for (chat_id,) in self._all(query)]

    def unread_chats(self, limit: int) -> list["UnreadChat"]:
        """Chats of which the owner is a member with something unread, the most recently active first."""
        return [UnreadChat._make(row) for row in self._all(_UNREAD, (limit,))]

    # --- users and chats

    def user(self, user_id: int) -> User | None:
        return _user(self._one(f"SELECT {_USER} FROM users WHERE id = ?", (user_id,)))  # noqa: S608 - own names

    def users(self, user_ids: Iterable[int]) -> dict[int, User]:
        """Those of these users that are cached, by id; one query."""
        query = f"SELECT {_USER} FROM users WHERE id IN (SELECT value FROM json_each(?))"  # noqa: S608 - own names
        found = (_made_user(row) for row in self._all(query, (msgspec.json.encode(list(user_ids)).decode(),)))
        return {user.id: user for user in found}

    def user_by_email(self, email: str) -> User | None:
        """The user with this address, in any case."""
        query = f"SELECT {_USER} FROM users WHERE email = ? ORDER BY rev DESC LIMIT 1"  # noqa: S608 - own names
        return _user(self._one(query, (email.strip().casefold(),)))

    def users_by_name(self, name: str, limit: int = 20) -> list[User]:
        """Users with exactly this display name, ignoring case."""
        query = f"SELECT {_USER} FROM users WHERE sort_name = ? ORDER BY id LIMIT ?"  # noqa: S608 - own names
        return [_made_user(row) for row in self._all(query, (name.casefold(), limit))]

    def emails_beginning(self, text: str, limit: int) -> list[str]:
        """Emails of people who begin so, in any case, in their order."""
        query = "SELECT email FROM users WHERE email >= ?1 AND email < ?1 || ?2 AND email <> '' ORDER BY email LIMIT ?3"
        return [email for (email,) in self._all(query, (text.casefold(), _LAST, limit))]

    def titles_beginning(self, text: str, limit: int) -> list[str]:
        """Titles of the owner's groups that begin so, in any case, in their order."""
        query = """
        SELECT title FROM chats WHERE kind = 'group' AND NOT has_left AND sort_title >= ?1 AND sort_title < ?1 || ?2
        ORDER BY sort_title LIMIT ?3"""
        return [title for (title,) in self._all(query, (text.casefold(), _LAST, limit))]

    def chat(self, chat_id: int) -> Chat | None:
        """The chat as the cache knows it, with the head, seen marker and unread counts of now."""
        row = self._one(f"SELECT {_CHAT} FROM chats WHERE id = ? AND kind <> ''", (chat_id,))  # noqa: S608 - own names
        return None if row is None else _chat(row)

    def has_left(self, chat_id: int) -> bool:
        """Whether the owner was a member once and is none now."""
        row = self._one("SELECT has_left FROM chats WHERE id = ?", (chat_id,))
        return row is not None and bool(row[0])

    def direct_chat(self, user_id: int) -> int | None:
        """Id of the direct chat with a user, if the cache knows one."""
        row = self._one("SELECT id FROM chats WHERE peer_id = ? ORDER BY id LIMIT 1", (user_id,))
        return None if row is None else int(row[0])

    def group_by_title(self, title: str) -> list[int]:
        """Ids of the groups with exactly this title, ignoring case; of those that were left only if no other has it."""
        query = "SELECT id, has_left FROM chats WHERE sort_title = ? AND kind = 'group' ORDER BY id"
        found = self._all(query, (title.casefold(),))
        current = [chat_id for chat_id, has_left in found if not has_left]
        return current or [chat_id for chat_id, _ in found]

    def head(self, chat_id: int) -> int:
        """The highest seq this client knows of in the chat, cached or not; 0 if none."""
        row = self._one("SELECT head FROM chats WHERE id = ?", (chat_id,))
        return 0 if row is None else int(row[0])

    def floor(self, chat_id: int) -> int:
        """The seq up to which the server has removed the chat's events; 0 if it has not."""
        row = self._one("SELECT floor FROM chats WHERE id = ?", (chat_id,))
        return 0 if row is None else int(row[0])

    def seen(self, chat_id: int) -> int:
        """The owner's own seen marker, as moved here or on another device."""
        row = self._one("SELECT seen FROM chats WHERE id = ?", (chat_id,))
        return 0 if row is None else int(row[0])

    # --- the log

    def events(self, chat_id: int, first_seq: int, last_seq: int) -> list[LogEvent]:
        """Cached events of an inclusive range, ascending; seqs that are not cached are absent.

        Messages are in their newest state known, also those that changed events carry.
        """
        floor = self.floor(chat_id)
        rows = self._all(_EVENTS, (chat_id, max(first_seq, floor + 1) if floor else first_seq, last_seq))
        changed = self.messages(chat_id, cache_events.targets(rows))
        return [cache_events.plain(chat_id, row) or self._made(chat_id, row, changed, floor) for row in rows]

    def messages(self, chat_id: int, seqs: Iterable[int]) -> dict[int, Message]:
        """Those of these events that are cached messages, by seq."""
        wanted = sorted(seqs)
        if not wanted:
            return {}
        rows = self._all(_MESSAGES, (chat_id, msgspec.json.encode(wanted).decode()))
        made = (self._made(chat_id, row, {}, 0) for row in rows)
        return {message.seq: message for message in made if isinstance(message, Message)}

    def event_at_or_after(self, chat_id: int, seq: int) -> tuple[int, int] | None:
        """The seq and time of the nearest cached event from `seq` on; None if none is cached there."""
        query = "SELECT seq, at FROM events WHERE chat_id = ? AND seq >= ? ORDER BY seq LIMIT 1"
        row = self._one(query, (chat_id, seq))
        return None if row is None else (int(row[0]), int(row[1]))

    def _made(self, chat_id: int, row: tuple[Any, ...], changed: dict[int, Message], floor: int) -> LogEvent:
        try:
            return cache_events.made(chat_id, EventRow._make(row), changed, floor)
        except (msgspec.DecodeError, UnicodeError, KeyError) as error:
            raise storage_error(damaged(f"event {event_id(chat_id, row[0])} makes no sense"), self._path) from error

    def count_shown(self, chat_id: int, first_seq: int, last_seq: int) -> int:
        """How many events of an inclusive range have a place of their own: all but changes of messages, as cached."""
        query = "SELECT count(*) FROM events WHERE chat_id = ? AND seq BETWEEN ? AND ? AND target IS NOT NULL"
        return last_seq - first_seq + 1 - int(self._one(query, (chat_id, first_seq, last_seq))[0])

    def holes(self, chat_id: int, first_seq: int, last_seq: int) -> list[tuple[int, int]]:
        """Inclusive ranges within [first_seq, last_seq] that are not cached, ascending; costs the cached rows of it.

        What lies below the chat's floor is no hole: there is nothing any more.
        """
        floor = self.floor(chat_id)
        found = []
        expected = first_seq = max(first_seq, floor + 1) if floor else first_seq
        query = "SELECT seq FROM events WHERE chat_id = ? AND seq BETWEEN ? AND ? ORDER BY seq"
        for (seq,) in self._all(query, (chat_id, first_seq, last_seq)):
            if seq > expected:
                found.append((expected, seq - 1))
            expected = seq + 1
        if expected <= last_seq:
            found.append((expected, last_seq))
        return found

    def close(self) -> None:
        """Idempotent."""
        self._connection.close()

    def _owner_id(self) -> int:
        return int(self._meta("owner_id", 0))

    def _meta(self, key: str, default: str | int) -> str | int:
        row = self._one("SELECT value FROM meta WHERE key = ?", (key,))
        value: str | int = default if row is None else row[0]
        return value

    def _one(self, query: str, parameters: tuple[Any, ...] = ()) -> Any:
        with reading(self._path):
            return self._connection.execute(query, parameters).fetchone()

    def _all(self, query: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
        with reading(self._path):
            return self._connection.execute(query, parameters).fetchall()


def _entry(row: tuple[Any, ...]) -> Entry:
    kind, ident, name, sort_name, activity, unread, peer_id, email, section, mentions, muted_until = row
    ref = EntryRef(kind, ident)
    return Entry(ref, name, sort_name, activity, unread, peer_id, email, mentions, SECTIONS[section], muted_until)


def _made_user(row: tuple[Any, ...]) -> User:
    user_id, email, name, rev, status, avatar, disabled, deleted = row
    return User(
        id=user_id,
        email=email,
        display_name=name,
        rev=rev,
        status=status,
        avatar=avatar,
        disabled=bool(disabled),
        deleted=bool(deleted),
    )


def _user(row: tuple[Any, ...] | None) -> User | None:
    return None if row is None else _made_user(row)


def _chat(row: tuple[Any, ...]) -> Chat:
    chat_id, kind, title, peer_id, member_count, head, head_at, seen, unread, topic, owner_id, mentions = row[:12]
    pinned, muted_until, archived, floor, floor_days = row[12:]
    return Chat(
        id=chat_id,
        kind=kind,
        title=title,
        peer_id=peer_id,
        member_count=member_count,
        head=head,
        head_at=head_at,
        seen=seen,
        unread=unread,
        topic=topic,
        owner_id=owner_id,
        mentions=mentions,
        pinned=bool(pinned),
        muted_until=muted_until,
        archived=bool(archived),
        floor=floor,
        floor_days=floor_days,
    )
