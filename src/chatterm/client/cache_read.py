"""The reading half of the cache."""

import sqlite3
from pathlib import Path
from typing import Any, Final

import msgspec

from chatproto.models import Chat, LogEvent, Message, User, event_id
from chatterm.client.database import damaged, reading, storage_error
from chatterm.client.model import Entry, EntryRef

_ENTRY: Final = "kind, id, name, sort_name, -rank, unread, peer_id, email"
_event_decoder: msgspec.json.Decoder[LogEvent] = msgspec.json.Decoder(LogEvent)


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
            " FROM chats ORDER BY head_at DESC, id LIMIT ?",
            (limit,),
        )

    def chats_behind(self, limit: int = 1_000) -> list[tuple[int, int]]:
        """(chat id, head) of chats whose newest event is not cached, the most recently active first."""
        return self._all("SELECT id, head FROM chats WHERE behind ORDER BY head_at DESC, id LIMIT ?", (limit,))

    def unknown_chats(self, limit: int = 1_000) -> list[int]:
        """Ids of chats whose heads or events arrived before the chats themselves: fetch and `store_chats`."""
        return [chat_id for (chat_id,) in self._all("SELECT id FROM chats WHERE kind = '' LIMIT ?", (limit,))]

    def pending_seen(self) -> list[tuple[int, int]]:
        """(chat id, seq) of the seen markers moved here and not yet confirmed by the server."""
        return self._all("SELECT id, seen_pending FROM chats WHERE seen_pending IS NOT NULL")

    # --- the client list

    def entries(self, after: Entry | None = None, limit: int = 200) -> list[Entry]:
        """Rows of the client list in its order, those after `after`; keyset, so a chunk costs its own length."""
        where, key = "", ()
        if after is not None:
            where = "WHERE (rank, sort_name, kind, id) > (?, ?, ?, ?)"
            key = (-after.activity, after.sort_name, *after.ref)  # type: ignore[assignment] # one of two lengths
        query = f"SELECT {_ENTRY} FROM entries {where} ORDER BY rank, sort_name, kind, id LIMIT ?"  # noqa: S608 - own names
        return [_entry(row) for row in self._all(query, (*key, limit))]

    def entry(self, ref: EntryRef) -> Entry | None:
        """One row of the client list; None if there is none, as for a person who has become a chat."""
        row = self._one(f"SELECT {_ENTRY} FROM entries WHERE kind = ? AND id = ?", ref)  # noqa: S608 - own names
        return None if row is None else _entry(row)

    def entry_count(self) -> int:
        """Rows of the client list; costs the same however many."""
        row = self._one("SELECT entries FROM totals")
        return 0 if row is None else int(row[0])

    # --- users and chats

    def user(self, user_id: int) -> User | None:
        return _user(self._one("SELECT id, email, display_name, rev FROM users WHERE id = ?", (user_id,)))

    def user_by_email(self, email: str) -> User | None:
        """The user with this address, in any case."""
        query = "SELECT id, email, display_name, rev FROM users WHERE email = ? ORDER BY rev DESC LIMIT 1"
        return _user(self._one(query, (email.strip().casefold(),)))

    def users_by_name(self, name: str, limit: int = 20) -> list[User]:
        """Users with exactly this display name, ignoring case."""
        query = "SELECT id, email, display_name, rev FROM users WHERE sort_name = ? ORDER BY id LIMIT ?"
        return [_made_user(row) for row in self._all(query, (name.casefold(), limit))]

    def chat(self, chat_id: int) -> Chat | None:
        """The chat as the cache knows it, with the head, seen marker and unread count of now."""
        row = self._one(
            "SELECT id, kind, title, peer_id, member_count, head, head_at, seen, unread FROM chats"
            " WHERE id = ? AND kind <> ''",
            (chat_id,),
        )
        return None if row is None else _chat(row)

    def direct_chat(self, user_id: int) -> int | None:
        """Id of the direct chat with a user, if the cache knows one."""
        row = self._one("SELECT id FROM chats WHERE peer_id = ? ORDER BY id LIMIT 1", (user_id,))
        return None if row is None else int(row[0])

    def group_by_title(self, title: str) -> list[int]:
        """Ids of the groups with exactly this title, ignoring case."""
        query = "SELECT id FROM chats WHERE sort_title = ? AND kind = 'group' ORDER BY id"
        return [chat_id for (chat_id,) in self._all(query, (title.casefold(),))]

    def head(self, chat_id: int) -> int:
        """The highest seq this client knows of in the chat, cached or not; 0 if none."""
        row = self._one("SELECT head FROM chats WHERE id = ?", (chat_id,))
        return 0 if row is None else int(row[0])

    def seen(self, chat_id: int) -> int:
        """The owner's own seen marker, as moved here or on another device."""
        row = self._one("SELECT seen FROM chats WHERE id = ?", (chat_id,))
        return 0 if row is None else int(row[0])

    # --- the log

    def events(self, chat_id: int, first_seq: int, last_seq: int) -> list[LogEvent]:
        """Cached events of an inclusive range, ascending; seqs that are not cached are absent."""
        rows = self._all(
            "SELECT seq, at, sender_id, client_id, text, event_id, body FROM events"
            " WHERE chat_id = ? AND seq BETWEEN ? AND ? ORDER BY seq",
            (chat_id, first_seq, last_seq),
        )
        return [
            Message(
                id=known or event_id(chat_id, seq), seq=seq, at=at, sender_id=sender_id, client_id=client_id, text=text
            )
            if body is None
            else self._decoded(chat_id, seq, body)
            for seq, at, sender_id, client_id, text, known, body in rows
        ]

    def _decoded(self, chat_id: int, seq: int, body: bytes) -> LogEvent:
        try:
            return _event_decoder.decode(body)
        except (msgspec.DecodeError, UnicodeError) as error:
            raise storage_error(damaged(f"event {event_id(chat_id, seq)} makes no sense"), self._path) from error

    def holes(self, chat_id: int, first_seq: int, last_seq: int) -> list[tuple[int, int]]:
        """Inclusive ranges within [first_seq, last_seq] that are not cached, ascending; costs the cached rows of it."""
        found = []
        expected = first_seq
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
    kind, ident, name, sort_name, activity, unread, peer_id, email = row
    return Entry(EntryRef(kind, ident), name, sort_name, activity, unread, peer_id, email)


def _made_user(row: tuple[Any, ...]) -> User:
    return User(id=row[0], email=row[1], display_name=row[2], rev=row[3])


def _user(row: tuple[Any, ...] | None) -> User | None:
    return None if row is None else _made_user(row)


def _chat(row: tuple[Any, ...]) -> Chat:
    chat_id, kind, title, peer_id, member_count, head, head_at, seen, unread = row
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
    )
