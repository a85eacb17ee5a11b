"""The nouns that REST and WebSocket share: users, chats, and the events of a chat's log."""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from chatproto import limits

UserId = Annotated[int, Meta(ge=1, le=limits.ID_MAX, description="A user's id.")]
ChatId = Annotated[int, Meta(ge=1, le=limits.ID_MAX, description="A chat's id.")]
FileId = Annotated[int, Meta(ge=1, le=limits.ID_MAX, description="A file's id.")]
PushId = Annotated[int, Meta(ge=1, le=limits.ID_MAX, description="The id of a push subscription.")]
SessionId = Annotated[int, Meta(ge=1, le=limits.ID_MAX, description="The id of one signed-in device.")]
Seq = Annotated[int, Meta(ge=0, le=limits.TIME_MAX, description="Position in a chat's log, 1..N without holes.")]
Time = Annotated[
    int,
    Meta(ge=0, le=limits.TIME_MAX, description="Microseconds since 1970-01-01 UTC, strictly increasing in one chat."),
]
Days = Annotated[
    float,
    Meta(ge=0, le=limits.RETENTION_DAYS_MAX, description="Days, or a part of one, after which events are removed."),
]
ClientId = Annotated[
    bytes,
    Meta(
        min_length=limits.CLIENT_ID_BYTES,
        max_length=limits.CLIENT_ID_BYTES,
        description="128 random bits made by the author, in Base64.",
    ),
]


class Wire(msgspec.Struct, rename="camel", frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Base of every struct on the wire: camelCase, immutable, defaults left out."""


class User(Wire, frozen=True, kw_only=True):
    """A person or bot. `rev` grows with every change to any user and orders the users' list.

    A `disabled` user cannot sign in. A `deleted` one has no email and no name of their own any more.
    `avatar` is the id of an image that every user may load.
    """

    id: UserId
    email: str
    display_name: str
    rev: Seq = 0
    status: str = ""
    avatar: FileId | None = None
    disabled: bool = False
    deleted: bool = False


class Chat(Wire, frozen=True, kw_only=True):
    """A chat as one of its members sees it.

    `peer_id` is the other person of a direct chat (the viewer themselves in their notes); `owner_id` may
    rename a group and remove members; `head` is the seq of the newest event and `head_at` its time (or the
    chat's creation). The viewer's own: `seen`, the counts of others' messages after it (`unread`) and of
    those that mention the viewer (`mentions`), `pinned`, `muted_until` and `archived`.

    The events up to `floor` were removed, because they were older than `floor_days` days.
    """

    id: ChatId
    kind: Literal["direct", "group"]
    title: str = ""
    peer_id: UserId | None = None
    member_count: int = 0
    head: Seq = 0
    head_at: Time = 0
    seen: Seq = 0
    unread: int = 0
    topic: str = ""
    owner_id: UserId | None = None
    mentions: int = 0
    pinned: bool = False
    muted_until: Time = 0
    archived: bool = False
    floor: Seq = 0
    floor_days: Days = 0


class ChatHead(Wire, frozen=True, kw_only=True):
    """Where a chat's log ends, and what is the viewer's own in it; see `Chat`."""

    chat_id: ChatId
    head: Seq
    head_at: Time = 0
    seen: Seq = 0
    unread: int = 0
    mentions: int = 0
    pinned: bool = False
    muted_until: Time = 0
    archived: bool = False
    floor: Seq = 0
    floor_days: Days = 0


class Floor(Wire, frozen=True, kw_only=True):
    """The events of a chat up to `floor` were removed, because they were older than `days` days."""

    chat_id: ChatId
    floor: Seq
    days: Days = 0


class FileInfo(Wire, frozen=True, kw_only=True):
    """A file as a message shows it. `media_type` is what the content is, whatever the sender said it was.

    `width` and `height` are in pixels and 0 unless it is an image; `thumbnail` says whether there is a small one.
    """

    id: FileId
    name: str
    size: int
    media_type: str
    width: int = 0
    height: int = 0
    thumbnail: bool = False


class Reaction(Wire, frozen=True, kw_only=True):
    """One emoji under a message and who put it there, first come first."""

    emoji: str
    user_ids: list[UserId]


class MessageRef(Wire, frozen=True, kw_only=True):
    """A message by its place."""

    chat_id: ChatId
    seq: Seq


class Forwarded(Wire, frozen=True, kw_only=True):
    """Who wrote a forwarded message first, and when."""

    sender_id: UserId
    at: Time


class Message(Wire, frozen=True, kw_only=True, tag_field="kind", tag="message"):
    """A message in a chat's log, as it is now. `id` names it on the whole server and is opaque to clients.

    `rev` is the seq of the event that changed it last (0: never), so of two copies the higher is the newer.
    A deleted message has lost everything but its place, author and client id. `reply_to` is the seq of a
    message of the same chat.
    """

    id: str
    seq: Seq
    at: Time
    sender_id: UserId
    client_id: ClientId
    text: str
    reply_to: Seq = 0
    mentions: list[UserId] = msgspec.field(default_factory=list)
    mention_all: bool = False
    files: list[FileInfo] = msgspec.field(default_factory=list)
    forwarded: Forwarded | None = None
    edited_at: Time = 0
    deleted: bool = False
    reactions: list[Reaction] = msgspec.field(default_factory=list)
    pinned: bool = False
    rev: Seq = 0


class ChatCreated(Wire, frozen=True, kw_only=True, tag_field="kind", tag="created"):
    """The first event of a group's log: who made it, its first title and its first members."""

    id: str
    seq: Seq
    at: Time
    sender_id: UserId
    title: str
    member_ids: list[UserId] = msgspec.field(default_factory=list)


Change = Literal["edited", "deleted", "reacted", "unreacted", "pinned", "unpinned"]


class MessageChanged(Wire, frozen=True, kw_only=True, tag_field="kind", tag="changed"):
    """Somebody changed a message of this chat: `message` is the whole of it as it is when this is read.

    Take it if its `rev` is higher than that of the copy you have; so copies agree whatever was missed. The
    log keeps no earlier text. `emoji` is given with `reacted` and `unreacted`.
    """

    id: str
    seq: Seq
    at: Time
    sender_id: UserId
    change: Change
    message: Message
    emoji: str = ""


class MembersChanged(Wire, frozen=True, kw_only=True, tag_field="kind", tag="members"):
    """Who came to a group and who left it or was removed; `owner_id` is given if the group has a new owner."""

    id: str
    seq: Seq
    at: Time
    sender_id: UserId
    added: list[UserId] = msgspec.field(default_factory=list)
    removed: list[UserId] = msgspec.field(default_factory=list)
    owner_id: UserId | None = None


class ChatChanged(Wire, frozen=True, kw_only=True, tag_field="kind", tag="chatChanged"):
    """A group's new title or topic; what is not given stayed."""

    id: str
    seq: Seq
    at: Time
    sender_id: UserId
    title: str | None = None
    topic: str | None = None


LogEvent = Message | ChatCreated | MessageChanged | MembersChanged | ChatChanged


_NO_CLIENT_ID: Final = bytes(limits.CLIENT_ID_BYTES)


def event_id(chat_id: int, seq: int) -> str:
    """The id of the event at `seq` of a chat: unique on the server because (chat, seq) is."""
    return f"{chat_id}.{seq}"


def removed_message(chat_id: int, seq: int, *, sender_id: int, at: int, rev: int) -> Message:
    """What stands for a message below its chat's floor where a `changed` event above the floor names it.

    Everything about it is gone, so author and time are those of the change.
    """
    return Message(
        id=event_id(chat_id, seq),
        seq=seq,
        at=at,
        sender_id=sender_id,
        client_id=_NO_CLIENT_ID,
        text="",
        deleted=True,
        rev=rev,
    )


def stands_for_removed(message: Message) -> bool:
    """Whether a message is what `removed_message` makes."""
    return message.deleted and message.client_id == _NO_CLIENT_ID
