"""How the events of a log become rows of the cache and events again."""

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from chatproto.models import (
    Change,
    FileInfo,
    Forwarded,
    LogEvent,
    MembersChanged,
    Message,
    MessageChanged,
    Reaction,
    Seq,
    Time,
    UserId,
    Wire,
    event_id,
    removed_message,
    stands_for_removed,
)

COLUMNS: Final = "seq, at, sender_id, client_id, text, event_id, body, rev, target"
"""What `made` wants to know of an event."""
_INSERT: Final = """
INSERT OR IGNORE INTO events (
    chat_id, seq, at, sender_id, client_id, text, event_id, body, rev, mention, target, joined
) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"""
_REPLACE: Final = """
UPDATE events SET text = ?6, body = ?8, rev = ?9, mention = ?10
WHERE chat_id = ?1 AND seq = ?2 AND client_id IS NOT NULL AND rev < ?9"""

_IS_MESSAGE: Final = "SELECT client_id IS NOT NULL FROM events WHERE chat_id = ? AND seq = ?"


class _Extra(Wire, frozen=True, kw_only=True):
    """What a message has beyond its text; see `Message`."""

    reply_to: Seq = 0
    mentions: list[UserId] = msgspec.field(default_factory=list)
    mention_all: bool = False
    files: list[FileInfo] = msgspec.field(default_factory=list)
    forwarded: Forwarded | None = None
    edited_at: Time = 0
    reactions: list[Reaction] = msgspec.field(default_factory=list)
    pinned: bool = False


class _Change(Wire, frozen=True, kw_only=True):
    """What a changed event says beside the message."""

    change: Change
    emoji: str = ""
    removed: bool = False
    """When it came, the message had been removed."""


_NOTHING: Final = _Extra()
_EXTRA_FIELDS: Final = _Extra.__struct_fields__
_event_decoder: Final[msgspec.json.Decoder[LogEvent]] = msgspec.json.Decoder(LogEvent)
_extra_decoder: Final = msgspec.json.Decoder(_Extra)
_change_decoder: Final = msgspec.json.Decoder(_Change)


class EventRow(NamedTuple):
    """One cached event, the `COLUMNS` of it."""

    seq: int
    at: int
    sender_id: int
    client_id: bytes | None
    text: str | None
    event_id: str | None
    body: bytes | None
    rev: int = 0
    target: int | None = None


class Stored(NamedTuple):
    """What storing an event changed: whether its seq is new here, and the message of which a newer state was taken."""

    new: bool
    changed: int | None = None


def store(connection: sqlite3.Connection, chat_id: int, event: LogEvent, owner_id: int, floor: int = 0) -> Stored:
    """Add an event if its seq is not cached, and take the state of a message if its rev is higher than the copy's."""
    if isinstance(event, MessageChanged):
        return _store_change(connection, chat_id, event, owner_id, floor)
    values = _values(chat_id, event, owner_id)
    if connection.execute(_INSERT, values).rowcount > 0:
        return Stored(new=True)
    newer = isinstance(event, Message) and connection.execute(_REPLACE, values[:10]).rowcount > 0
    return Stored(new=False, changed=event.seq if newer else None)


def _store_change(
    connection: sqlite3.Connection, chat_id: int, event: MessageChanged, owner_id: int, floor: int
) -> Stored:
    """The message goes to its own place, so the change itself holds no text that could be changed again."""
    message, target, taken = event.message, None, False
    if 0 < message.seq <= floor or (stands_for_removed(message) and 0 < message.seq < event.seq):
        target = message.seq  # nothing of it may be kept, or there is nothing of it
    elif 0 < message.seq < event.seq:
        at_place = store(connection, chat_id, message, owner_id)
        taken = at_place.new or at_place.changed is not None
        found = connection.execute(_IS_MESSAGE, (chat_id, message.seq)).fetchone()
        target = message.seq if found is not None and found[0] else None
    # Only a message that came before can be changed; whatever else a server says is kept as it is and changes nothing.
    values = _values(chat_id, event, owner_id, target)
    new = connection.execute(_INSERT, values).rowcount > 0
    return Stored(new, message.seq if taken else None)


def made(chat_id: int, row: EventRow, messages: Mapping[int, Message], floor: int) -> LogEvent:
    """The event of a row; `messages` holds those that changed events name, by seq, but for those below the floor.

    Raises `msgspec.DecodeError`, `UnicodeError` or `KeyError` for a row that this program cannot have written.
    """
    if row.client_id is not None:
        return made_message(chat_id, row)
    if row.target is None:
        return _event_decoder.decode(row.body or b"")
    told = _change_decoder.decode(row.body or b"")
    message = messages.get(row.target) if row.target > floor else None
    if message is None and not told.removed and row.target > floor:
        raise KeyError(row.target)
    if message is None:
        message = removed_message(chat_id, row.target, sender_id=row.sender_id, at=row.at, rev=row.seq)
    return MessageChanged(
        id=row.event_id or event_id(chat_id, row.seq),
        seq=row.seq,
        at=row.at,
        sender_id=row.sender_id,
        change=told.change,
        emoji=told.emoji,
        message=message,
    )


def made_message(chat_id: int, row: EventRow) -> Message:
    """The message of a row that has a client id. Raises `msgspec.DecodeError` or `UnicodeError`."""
    extra = _NOTHING if row.body is None else _extra_decoder.decode(row.body)
    more = {} if extra is _NOTHING else {name: getattr(extra, name) for name in _EXTRA_FIELDS}
    return Message(
        id=row.event_id or event_id(chat_id, row.seq),
        seq=row.seq,
        at=row.at,
        sender_id=row.sender_id,
        client_id=row.client_id or b"",
        text=row.text or "",
        deleted=row.text is None,
        rev=row.rev,
        **more,
    )


def plain(chat_id: int, row: tuple[Any, ...]) -> Message | None:
    """The message of a row of `COLUMNS` that has nothing but its text, as most have; made without detours."""
    seq, at, sender_id, client_id, text, known, body, rev, _ = row
    if client_id is None or text is None or body is not None:
        return None
    return Message(
        id=known or event_id(chat_id, seq), seq=seq, at=at, sender_id=sender_id, client_id=client_id, text=text, rev=rev
    )


def targets(rows: Iterable[tuple[Any, ...]]) -> set[int]:
    """The seqs of the messages that changed events among these rows of `COLUMNS` name."""
    return {row[-1] for row in rows if row[-1] is not None}


def _values(chat_id: int, event: LogEvent, owner_id: int, target: int | None = None) -> tuple[Any, ...]:
    """The parameters of `_INSERT`; `target` is given for a change whose message is cached."""
    joined = len(event.added) - len(event.removed) if isinstance(event, MembersChanged) else 0
    row = _message_row(chat_id, event) if isinstance(event, Message) else _other_row(chat_id, event, target)
    return (chat_id, *row[:8], _mentions(event, owner_id), row.target, joined)


def _mentions(event: LogEvent, user_id: int) -> bool:
    """Whether an event is a message of somebody else that this user is to be told of."""
    if not isinstance(event, Message) or event.sender_id == user_id or event.deleted:
        return False
    return event.mention_all or user_id in event.mentions


def _other_row(chat_id: int, event: LogEvent, target: int | None) -> EventRow:
    known = None if event.id == event_id(chat_id, event.seq) else event.id
    body: LogEvent | _Change = event
    if isinstance(event, MessageChanged) and target is not None:
        body = _Change(change=event.change, emoji=event.emoji, removed=stands_for_removed(event.message))
    return EventRow(event.seq, event.at, event.sender_id, None, None, known, msgspec.json.encode(body), target=target)


def _message_row(chat_id: int, message: Message) -> EventRow:
    extra = _Extra(**{name: getattr(message, name) for name in _EXTRA_FIELDS})
    return EventRow(
        message.seq,
        message.at,
        message.sender_id,
        message.client_id,
        None if message.deleted else message.text,
        None if message.id == event_id(chat_id, message.seq) else message.id,
        None if extra == _NOTHING else msgspec.json.encode(extra),
        message.rev,
    )
