"""The records of an export, one JSON object a line: what `docs/schema/server-export.json` describes."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

import msgspec

from chatproto.models import (
    Change,
    ChatChanged,
    ChatCreated,
    FileInfo,
    Forwarded,
    LogEvent,
    MembersChanged,
    Message,
    MessageChanged,
    Reaction,
)
from chatserver.store.interfaces.snapshots import ChatRow, MemberRow, UserRow

FORMAT: Final = 1
"""Goes up when a reader of the format before it could misunderstand a record."""

_START: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Record(msgspec.Struct, rename="camel", frozen=True, kw_only=True, omit_defaults=True, tag_field="type"):
    """Base of every record: camelCase, defaults left out, times in RFC 3339 with microseconds."""


class ExportHeader(Record, frozen=True, kw_only=True, tag="export"):
    """The first record. `since` and `until` are given if only a part of the time was asked for."""

    format: int
    epoch: str
    at: datetime
    since: datetime | None = None
    until: datetime | None = None


class UserRecord(Record, frozen=True, kw_only=True, tag="user"):
    """A user, before any record that names them. There is never a password among it."""

    id: int
    email: str
    display_name: str
    created_at: datetime
    status: str = ""
    disabled: bool = False
    deleted: bool = False


class ExportedMember(msgspec.Struct, rename="camel", frozen=True, kw_only=True, omit_defaults=True):
    """A member of a chat, and what is their own in it."""

    user_id: int
    joined_seq: int = 0
    seen: int = 0
    pinned: bool = False
    muted_until: datetime | None = None
    archived: bool = False


class ChatRecord(Record, frozen=True, kw_only=True, tag="chat"):
    """A chat with its members; the events of its log follow in order. Of a direct chat `direct` names both people."""

    id: int
    kind: Literal["direct", "group"]
    created_at: datetime
    head: int = 0
    title: str = ""
    topic: str = ""
    owner_id: int | None = None
    direct: tuple[int, int] | None = None
    members: list[ExportedMember] = msgspec.field(default_factory=list)


class ExportedFile(FileInfo, frozen=True, kw_only=True):
    """A file of a message. `sha256` (hexadecimal) is also its name in the folder given with `--files`."""

    sha256: str = ""


class ExportedOrigin(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """Who wrote a forwarded message first, and when."""

    sender_id: int
    at: datetime


class EventRecord(Record, frozen=True, kw_only=True):
    """What all events of a log have: the chat, the position 1..N in its log, the time, and whose doing it was."""

    chat_id: int
    seq: int
    at: datetime
    sender_id: int


class MessageRecord(EventRecord, frozen=True, kw_only=True, tag="message"):
    """A message as it is now; the fields are those of `chatproto.models.Message`."""

    client_id: bytes
    text: str
    reply_to: int = 0
    mentions: list[int] = msgspec.field(default_factory=list)
    mention_all: bool = False
    files: list[ExportedFile] = msgspec.field(default_factory=list)
    forwarded: ExportedOrigin | None = None
    edited_at: datetime | None = None
    deleted: bool = False
    reactions: list[Reaction] = msgspec.field(default_factory=list)
    pinned: bool = False


class ChangedRecord(EventRecord, frozen=True, kw_only=True, tag="changed"):
    """The message at `target` was changed; it stands there as it is now."""

    change: Change
    target: int
    emoji: str = ""


class CreatedRecord(EventRecord, frozen=True, kw_only=True, tag="created"):
    """A group was made."""

    title: str
    member_ids: list[int] = msgspec.field(default_factory=list)


class MembersRecord(EventRecord, frozen=True, kw_only=True, tag="members"):
    """Who came and who left; `owner_id` if the group has a new owner."""

    added: list[int] = msgspec.field(default_factory=list)
    removed: list[int] = msgspec.field(default_factory=list)
    owner_id: int | None = None


class ChatChangedRecord(EventRecord, frozen=True, kw_only=True, tag="chatChanged"):
    """A group's new title or topic; what is not given stayed."""

    title: str | None = None
    topic: str | None = None


class EndRecord(Record, frozen=True, kw_only=True, tag="end"):
    """The last record, with the number of records of each kind: an export without it was cut."""

    users: int
    chats: int
    events: int


AnyRecord = (
    ExportHeader
    | UserRecord
    | ChatRecord
    | MessageRecord
    | ChangedRecord
    | CreatedRecord
    | MembersRecord
    | ChatChangedRecord
    | EndRecord
)


def moment(us: int) -> datetime:
    """Microseconds since 1970 UTC as a date."""
    return _START + us * _MICROSECOND


def microseconds(at: datetime) -> int:
    """A date as microseconds since 1970 UTC."""
    return (at - _START) // _MICROSECOND


def user_record(row: UserRow) -> UserRecord:
    """A user as an export tells of them."""
    user = row.user
    return UserRecord(
        id=user.id,
        email=user.email,
        display_name=user.display_name,
        created_at=moment(row.created_at),
        status=user.status,
        disabled=user.disabled,
        deleted=user.deleted,
    )


def chat_record(chat: ChatRow, members: Sequence[MemberRow]) -> ChatRecord:
    """A chat as an export tells of it."""
    return ChatRecord(
        id=chat.id,
        kind=chat.kind,
        created_at=moment(chat.created_at),
        head=chat.head,
        title=chat.title,
        topic=chat.topic,
        owner_id=chat.owner_id,
        direct=chat.direct,
        members=[_member(member) for member in members],
    )


def event_record(chat_id: int, event: LogEvent, sha256_of: Callable[[int], str] = lambda _: "") -> EventRecord:
    """An event as an export tells of it; `sha256_of` gives the digest of a file's content by the file's id."""
    place: dict[str, Any] = {"chat_id": chat_id, "seq": event.seq, "at": moment(event.at), "sender_id": event.sender_id}
    if isinstance(event, Message):
        return _message(event, place, sha256_of)
    if isinstance(event, MessageChanged):
        return ChangedRecord(**place, change=event.change, target=event.message.seq, emoji=event.emoji)
    if isinstance(event, ChatCreated):
        return CreatedRecord(**place, title=event.title, member_ids=event.member_ids)
    if isinstance(event, MembersChanged):
        return MembersRecord(**place, added=event.added, removed=event.removed, owner_id=event.owner_id)
    assert isinstance(event, ChatChanged)
    return ChatChangedRecord(**place, title=event.title, topic=event.topic)


def users_of(record: EventRecord) -> set[int]:
    """Ids of the users that an event names."""
    users = {record.sender_id}
    if isinstance(record, MessageRecord):
        users.update(record.mentions, *(reaction.user_ids for reaction in record.reactions))
        if record.forwarded is not None:
            users.add(record.forwarded.sender_id)
    elif isinstance(record, CreatedRecord):
        users.update(record.member_ids)
    elif isinstance(record, MembersRecord):
        users.update(record.added, record.removed)
        if record.owner_id is not None:
            users.add(record.owner_id)
    return users


def _member(row: MemberRow) -> ExportedMember:
    return ExportedMember(
        user_id=row.user_id,
        joined_seq=row.joined_seq,
        seen=row.seen,
        pinned=row.pinned,
        muted_until=moment(row.muted_until) if row.muted_until else None,
        archived=row.archived,
    )


def _message(message: Message, place: dict[str, Any], sha256_of: Callable[[int], str]) -> MessageRecord:
    files = [
        ExportedFile(**{name: getattr(file, name) for name in FileInfo.__struct_fields__}, sha256=sha256_of(file.id))
        for file in message.files
    ]
    return MessageRecord(
        **place,
        client_id=message.client_id,
        text=message.text,
        reply_to=message.reply_to,
        mentions=message.mentions,
        mention_all=message.mention_all,
        files=files,
        forwarded=_origin(message.forwarded),
        edited_at=moment(message.edited_at) if message.edited_at else None,
        deleted=message.deleted,
        reactions=message.reactions,
        pinned=message.pinned,
    )


def _origin(forwarded: Forwarded | None) -> ExportedOrigin | None:
    return None if forwarded is None else ExportedOrigin(sender_id=forwarded.sender_id, at=moment(forwarded.at))
