"""Database rows as the nouns of the protocol, and back; the same for every engine."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from chatproto.models import (
    Change,
    Chat,
    ChatChanged,
    ChatCreated,
    ChatHead,
    FileInfo,
    LogEvent,
    MembersChanged,
    Message,
    MessageChanged,
    User,
    event_id,
    removed_message,
)
from chatserver.store import extras
from chatserver.store.interfaces.sessions import SessionRecord
from chatserver.store.interfaces.users import Account

Row = Sequence[Any]

_MESSAGE_KINDS = frozenset({"message", "deleted"})


class _CreatedBody(msgspec.Struct, rename="camel"):
    title: str
    member_ids: list[int]


class _ChangedBody(msgspec.Struct, omit_defaults=True):
    seq: int
    change: Change
    emoji: str = ""


class MembersBody(msgspec.Struct, rename="camel", omit_defaults=True):
    """What a `members` event says, as it is stored."""

    added: list[int] = []
    removed: list[int] = []
    owner_id: int | None = None


class ChatBody(msgspec.Struct, rename="camel", omit_defaults=True):
    """What a `chatChanged` event says, as it is stored."""

    title: str | None = None
    topic: str | None = None


_created_decoder = msgspec.json.Decoder(_CreatedBody)
_changed_decoder = msgspec.json.Decoder(_ChangedBody)
_members_decoder = msgspec.json.Decoder(MembersBody)
_chat_decoder = msgspec.json.Decoder(ChatBody)


def user(row: Row) -> User:
    """`sql.USER`, and more."""
    user_id, email, display_name, rev, status, avatar, disabled_at, deleted_at = row[:8]
    return User(
        id=user_id,
        email="" if deleted_at is not None else email,
        display_name=display_name,
        rev=rev,
        status=status,
        avatar=avatar,
        disabled=disabled_at is not None,
        deleted=deleted_at is not None,
    )


def account(row: Row) -> Account:
    """`sql.ACCOUNT`."""
    return Account(user(row), password_hash=row[8], useq=row[9])


def session(row: Row) -> SessionRecord:
    """`sql.SESSION`."""
    return SessionRecord(*row)


def chat(row: Row) -> Chat:
    """`sql.CHAT`."""
    viewer, chat_id, kind, title, low, high, member_count, head, head_at, seen, unread, *rest = row
    mentions, topic, owner_id, pinned, muted_until, archived, floor, floor_days = rest
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
        topic=topic,
        owner_id=owner_id,
        pinned=bool(pinned),
        muted_until=muted_until,
        archived=bool(archived),
        floor=floor,
        floor_days=floor_days,
    )


def chat_head(row: Row) -> ChatHead:
    """`sql.HEAD`."""
    chat_id, head, head_at, seen, unread, mentions, pinned, muted_until, archived, floor, floor_days = row
    return ChatHead(
        chat_id=chat_id,
        head=head,
        head_at=head_at,
        seen=seen,
        unread=unread,
        mentions=mentions,
        pinned=bool(pinned),
        muted_until=muted_until,
        archived=bool(archived),
        floor=floor,
        floor_days=floor_days,
    )


def message(chat_id: int, row: Row) -> Message:
    """A message's row of the log: `sql.EVENT`."""
    seq, at, sender_id, client_id, kind, text, extra = row
    plain = Message(
        id=event_id(chat_id, seq), seq=seq, at=at, sender_id=sender_id, client_id=bytes(client_id), text=text
    )
    return plain if extra is None else extras.completed(plain, extra, deleted=kind == "deleted")


def event(chat_id: int, row: Row, targets: Mapping[int, Message]) -> LogEvent:
    """Any row of the log; `targets` holds the messages that `changed` events speak of, as they are now.

    One that is not there has been removed since, with all that is older.
    """
    kind = row[4]
    if kind in _MESSAGE_KINDS:
        return message(chat_id, row)
    seq, at, sender_id = row[:3]
    if kind == "changed":
        change = _changed_decoder.decode(row[5])
        target = targets.get(change.seq)
        if target is None:
            target = removed_message(chat_id, change.seq, sender_id=sender_id, at=at, rev=seq)
        return MessageChanged(
            id=event_id(chat_id, seq),
            seq=seq,
            at=at,
            sender_id=sender_id,
            change=change.change,
            message=target,
            emoji=change.emoji,
        )
    if kind == "members":
        return members_changed(chat_id, seq, at, sender_id, _members_decoder.decode(row[5]))
    if kind == "chatChanged":
        return chat_changed(chat_id, seq, at, sender_id, _chat_decoder.decode(row[5]))
    assert kind == "created", kind
    created = _created_decoder.decode(row[5])
    return ChatCreated(
        id=event_id(chat_id, seq),
        seq=seq,
        at=at,
        sender_id=sender_id,
        title=created.title,
        member_ids=created.member_ids,
    )


def members_changed(chat_id: int, seq: int, at: int, sender_id: int, body: MembersBody) -> MembersChanged:
    """The `members` event at a place of the log."""
    return MembersChanged(
        id=event_id(chat_id, seq),
        seq=seq,
        at=at,
        sender_id=sender_id,
        added=body.added,
        removed=body.removed,
        owner_id=body.owner_id,
    )


def chat_changed(chat_id: int, seq: int, at: int, sender_id: int, body: ChatBody) -> ChatChanged:
    """The `chatChanged` event at a place of the log."""
    return ChatChanged(
        id=event_id(chat_id, seq), seq=seq, at=at, sender_id=sender_id, title=body.title, topic=body.topic
    )


def changed_seq(row: Row) -> int | None:
    """The seq of the message that a `changed` event speaks of; None for any other event."""
    return _changed_decoder.decode(row[5]).seq if row[4] == "changed" else None


def changed_body(seq: int, change: Change, emoji: str) -> str:
    """The stored form of a `changed` event's own fields: none of the message's content is among them."""
    return msgspec.json.encode(_ChangedBody(seq, change, emoji)).decode()


def created_body(title: str, member_ids: list[int]) -> str:
    """The stored form of a `created` event's own fields."""
    return to_json(_CreatedBody(title, member_ids))


def to_json(value: object) -> str:
    """A list or the body of an event as one SQL parameter."""
    return msgspec.json.encode(value).decode()


def file_info(row: Row) -> FileInfo:
    """`id, name, size, media_type, width, height, thumbnail, ...`."""
    return FileInfo(
        id=row[0],
        name=row[1],
        size=row[2],
        media_type=row[3],
        width=row[4],
        height=row[5],
        thumbnail=bool(row[6]),
    )
