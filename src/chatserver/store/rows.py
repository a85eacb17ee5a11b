"""Database rows as the nouns of the protocol, and back; the same for every engine."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from chatproto.models import Change, Chat, ChatCreated, ChatHead, LogEvent, Message, MessageChanged, User, event_id
from chatserver.store import extras
from chatserver.store.base import Account, SessionRecord

Row = Sequence[Any]

_MESSAGE_KINDS = frozenset({"message", "deleted"})


class _CreatedBody(msgspec.Struct, rename="camel"):
    title: str
    member_ids: list[int]


class _ChangedBody(msgspec.Struct, omit_defaults=True):
    seq: int
    change: Change
    emoji: str = ""


_created_decoder = msgspec.json.Decoder(_CreatedBody)
_changed_decoder = msgspec.json.Decoder(_ChangedBody)


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
    viewer, chat_id, kind, title, low, high, member_count, head, head_at, seen, unread, mentions = row
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
        mentions=mentions,
    )


def chat_head(row: Row) -> ChatHead:
    """`sql.HEAD`."""
    return ChatHead(chat_id=row[0], head=row[1], head_at=row[2], seen=row[3], unread=row[4], mentions=row[5])


def message(chat_id: int, row: Row) -> Message:
    """A message's row of the log: `sql.EVENT`."""
    seq, at, sender_id, client_id, kind, text, extra = row
    plain = Message(
        id=event_id(chat_id, seq), seq=seq, at=at, sender_id=sender_id, client_id=bytes(client_id), text=text
    )
    return plain if extra is None else extras.completed(plain, extra, deleted=kind == "deleted")


def event(chat_id: int, row: Row, targets: Mapping[int, Message]) -> LogEvent:
    """Any row of the log; `targets` holds the messages that `changed` events speak of, as they are now."""
    kind = row[4]
    if kind in _MESSAGE_KINDS:
        return message(chat_id, row)
    if kind == "changed":
        change = _changed_decoder.decode(row[5])
        return MessageChanged(
            id=event_id(chat_id, row[0]),
            seq=row[0],
            at=row[1],
            sender_id=row[2],
            change=change.change,
            message=targets[change.seq],
            emoji=change.emoji,
        )
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


def changed_seq(row: Row) -> int | None:
    """The seq of the message that a `changed` event speaks of; None for any other event."""
    return _changed_decoder.decode(row[5]).seq if row[4] == "changed" else None


def changed_body(seq: int, change: Change, emoji: str) -> str:
    """The stored form of a `changed` event's own fields: none of the message's content is among them."""
    return msgspec.json.encode(_ChangedBody(seq, change, emoji)).decode()


def created_body(title: str, member_ids: list[int]) -> str:
    """The stored form of a `created` event's own fields."""
    return msgspec.json.encode(_CreatedBody(title, member_ids)).decode()


def to_json(value: object) -> str:
    """A list as one SQL parameter."""
    return msgspec.json.encode(value).decode()
