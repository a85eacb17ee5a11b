"""The frames of the WebSocket: tagged structs, and the unions of what each side may send."""

from typing import Annotated

from msgspec import Meta, field

from chatproto import PROTOCOL_VERSION, limits
from chatproto.errors import ErrorInfo
from chatproto.models import Chat, ChatHead, ChatId, ClientId, LogEvent, Seq, SessionId, Time, User, UserId, Wire

RequestId = Annotated[int, Meta(ge=0, le=limits.TIME_MAX, description="Chosen by the client, repeated in the answer.")]

# --- client to server -------------------------------------------------------------------------


class Hello(Wire, frozen=True, kw_only=True, tag_field="type", tag="hello"):
    """The first frame: who, and where this client's copy ends.

    `cursors` are pairs of chat id and the highest seq this client knows of in it.
    """

    token: str
    protocol: int = PROTOCOL_VERSION
    client: Annotated[str, Meta(max_length=64)] = ""
    epoch: Annotated[str, Meta(max_length=64)] = ""
    useq: Seq = 0
    cursors: Annotated[list[tuple[ChatId, Seq]], Meta(max_length=limits.CURSORS_MAX)] = field(default_factory=list)


class Outgoing(Wire, frozen=True, kw_only=True):
    """One message to store. Exactly one of `chat_id`, `user_id` and `email` says where it goes.

    With `user_id` or `email` it goes to the direct chat with that person, made if there is none yet.
    """

    client_id: ClientId
    text: str
    chat_id: ChatId | None = None
    user_id: UserId | None = None
    email: Annotated[str, Meta(max_length=limits.EMAIL_MAX_CHARS)] | None = None


class Send(Wire, frozen=True, kw_only=True, tag_field="type", tag="send"):
    """Store these messages in this order. Idempotent by (sender, client id), for ever."""

    id: RequestId
    messages: Annotated[list[Outgoing], Meta(min_length=1, max_length=limits.SEND_MAX_MESSAGES)]


class Fetch(Wire, frozen=True, kw_only=True, tag_field="type", tag="fetch"):
    """Ask for events of one chat: the newest, or those next to `before_seq` or `after_seq` (not both)."""

    id: RequestId
    chat_id: ChatId
    before_seq: Seq | None = None
    after_seq: Seq | None = None
    limit: Annotated[int, Meta(ge=1, le=limits.PAGE_MAX)] = limits.PAGE_DEFAULT


class MarkSeen(Wire, frozen=True, kw_only=True, tag_field="type", tag="markSeen"):
    """I have seen this chat up to `seq`. A lower seq than before changes nothing."""

    chat_id: ChatId
    seq: Seq


class Watch(Wire, frozen=True, kw_only=True, tag_field="type", tag="watch"):
    """Tell me the presence of exactly these users from now on; replaces the earlier list."""

    user_ids: Annotated[list[UserId], Meta(max_length=limits.WATCH_MAX)]


ClientFrame = Hello | Send | Fetch | MarkSeen | Watch

# --- server to client -------------------------------------------------------------------------


class Welcome(Wire, frozen=True, kw_only=True, tag_field="type", tag="welcome"):
    """Live delivery is attached. `heads` names each chat of which the client's copy is behind or unknown."""

    epoch: str
    useq: Seq
    user: User
    session_id: SessionId
    users_rev: Seq = 0
    heads: list[ChatHead] = field(default_factory=list)


class SendResult(Wire, frozen=True, kw_only=True):
    """What became of one message: its place in the log, or the error that refused it."""

    client_id: ClientId
    chat_id: ChatId | None = None
    seq: Seq | None = None
    at: Time | None = None
    duplicate: bool = False
    error: ErrorInfo | None = None


class Ack(Wire, frozen=True, kw_only=True, tag_field="type", tag="ack"):
    """Answers `send`, one result per message in the order sent. A stored message is durable."""

    id: RequestId
    results: list[SendResult]


class Events(Wire, frozen=True, kw_only=True, tag_field="type", tag="events"):
    """New events of one chat, in order and without holes among themselves; durable before they are sent."""

    chat_id: ChatId
    events: list[LogEvent]


class Page(Wire, frozen=True, kw_only=True, tag_field="type", tag="page"):
    """Answers `fetch`: events in ascending order; `has_more` speaks of the direction asked for."""

    id: RequestId
    chat_id: ChatId
    events: list[LogEvent]
    has_more: bool


class Joined(Wire, frozen=True, kw_only=True, tag_field="type", tag="joined"):
    """You are now a member of this chat; sent before its events. `useq` is your user log's new position."""

    chat: Chat
    useq: Seq


class Heads(Wire, frozen=True, kw_only=True, tag_field="type", tag="heads"):
    """Where the logs of recently active chats end, repeated so that a lost last event cannot hide.

    Only `chat_id`, `head` and `head_at` are given; the viewer's own fields are left out.
    """

    heads: list[ChatHead]


class Seen(Wire, frozen=True, kw_only=True, tag_field="type", tag="seen"):
    """Your own seen marker moved, on this device or another. `unread` counts others' messages after it."""

    chat_id: ChatId
    seq: Seq
    useq: Seq
    unread: int = 0


class Presence(Wire, frozen=True, kw_only=True, tag_field="type", tag="presence"):
    """Who of the watched users is online; sent whole after `watch`, then only changes. May be dropped."""

    online: list[UserId] = field(default_factory=list)
    offline: list[UserId] = field(default_factory=list)


class UsersChanged(Wire, frozen=True, kw_only=True, tag_field="type", tag="usersChanged"):
    """Users were added or changed: ask `GET /users?since=` for what lies after your own rev."""

    rev: Seq


class Error(Wire, frozen=True, kw_only=True, tag_field="type", tag="error"):
    """A refusal. `id` names the request it answers; without one it concerns the connection."""

    error: ErrorInfo
    id: RequestId | None = None


ServerFrame = Welcome | Ack | Events | Page | Joined | Heads | Seen | Presence | UsersChanged | Error
