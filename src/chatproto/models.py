"""The nouns that REST and WebSocket share: users, chats, and the events of a chat's log."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from chatproto import limits

UserId = Annotated[int, Meta(ge=1, le=limits.ID_MAX, description="A user's id.")]
ChatId = Annotated[int, Meta(ge=1, le=limits.ID_MAX, description="A chat's id.")]
SessionId = Annotated[int, Meta(ge=1, le=limits.ID_MAX, description="The id of one signed-in device.")]
Seq = Annotated[int, Meta(ge=0, le=limits.TIME_MAX, description="Position in a chat's log, 1..N without holes.")]
Time = Annotated[
    int,
    Meta(ge=0, le=limits.TIME_MAX, description="Microseconds since 1970-01-01 UTC, strictly increasing in one chat."),
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
    """A person or bot. `rev` grows with every change to any user and orders the users' list."""

    id: UserId
    email: str
    display_name: str
    rev: Seq = 0


class Chat(Wire, frozen=True, kw_only=True):
    """A chat as one of its members sees it.

    `peer_id` is the other person of a direct chat; `head` is the seq of the newest event and
    `head_at` its time (or the chat's creation); `seen` and `unread` are the viewer's own.
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


class ChatHead(Wire, frozen=True, kw_only=True):
    """Where a chat's log ends and how far the viewer has seen it; `unread` counts others' messages after `seen`."""

    chat_id: ChatId
    head: Seq
    head_at: Time = 0
    seen: Seq = 0
    unread: int = 0


class Message(Wire, frozen=True, kw_only=True, tag_field="kind", tag="message"):
    """A message in a chat's log. `id` names it on the whole server and is opaque to clients."""

    id: str
    seq: Seq
    at: Time
    sender_id: UserId
    client_id: ClientId
    text: str


class ChatCreated(Wire, frozen=True, kw_only=True, tag_field="kind", tag="created"):
    """The first event of a group's log: who made it, its first title and its first members."""

    id: str
    seq: Seq
    at: Time
    sender_id: UserId
    title: str
    member_ids: list[UserId] = msgspec.field(default_factory=list)


LogEvent = Message | ChatCreated


def event_id(chat_id: int, seq: int) -> str:
    """The id of the event at `seq` of a chat: unique on the server because (chat, seq) is."""
    return f"{chat_id}.{seq}"
