"""Database rows as the nouns of the protocol, and back; the same for every engine."""

from collections.abc import Sequence
from typing import Any

import msgspec

from chatproto.models import Chat, ChatCreated, ChatHead, LogEvent, Message, User, event_id
from chatserver.store.base import Account, SessionRecord

Row = Sequence[Any]


class _CreatedBody(msgspec.Struct, rename="camel"):
    title: str
    member_ids: list[int]


_created_decoder = msgspec.json.Decoder(_CreatedBody)


def user(row: Row) -> User:
    """`id, email, display_name, rev, ...`."""
    return User(id=row[0], email=row[1], display_name=row[2], rev=row[3])


def account(row: Row) -> Account:
    """`sql.ACCOUNT`."""
    return Account(user(row), password_hash=row[4], useq=row[5])


def session(row: Row) -> SessionRecord:
    """`sql.SESSION`."""
    return SessionRecord(*row)


def chat(row: Row) -> Chat:
    """`sql.CHAT`."""
    viewer, chat_id, kind, title, low, high, member_count, head, head_at, seen, unread = row
    return Chat(
        id=chat_id,
        kind=kind,
        title=title,
        peer_id=(high if viewer == low else low) if kind == "direct" else None,
        member_count=member_count,
        head=head,
        head_at=head_at,
        seen=seen,
        unread=unread,
    )


def chat_head(row: Row) -> ChatHead:
    """`sql.HEAD`."""
    return ChatHead(chat_id=row[0], head=row[1], head_at=row[2], seen=row[3], unread=row[4])


def message(chat_id: int, row: Row) -> Message:
    """A `message` row of the log: `seq, at, sender_id, client_id, kind, body`."""
    seq, at, sender_id, client_id, _kind, text = row
    return Message(
        id=event_id(chat_id, seq), seq=seq, at=at, sender_id=sender_id, client_id=bytes(client_id), text=text
    )


def event(chat_id: int, row: Row) -> LogEvent:
    """Any row of the log."""
    kind = row[4]
    if kind == "message":
        return message(chat_id, row)
    assert kind == "created", kind
    body = _created_decoder.decode(row[5])
    return ChatCreated(
        id=event_id(chat_id, row[0]),
        seq=row[0],
        at=row[1],
        sender_id=row[2],
        title=body.title,
        member_ids=body.member_ids,
    )


def created_body(title: str, member_ids: list[int]) -> str:
    """The stored form of a `created` event's own fields."""
    return msgspec.json.encode(_CreatedBody(title, member_ids)).decode()


def to_json(value: object) -> str:
    """A list as one SQL parameter."""
    return msgspec.json.encode(value).decode()
