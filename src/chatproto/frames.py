"""The frames of the WebSocket: tagged structs, and the unions of what each side may send."""

from typing import Annotated

from msgspec import Meta, field

from chatproto import PROTOCOL_VERSION, limits
from chatproto.errors import ErrorInfo
from chatproto.models import (
    Chat,
    ChatHead,
    ChatId,
    ClientId,
    Days,
    FileId,
    Floor,
    LogEvent,
    MessageRef,
    Seq,
    SessionId,
    Time,
    User,
    UserId,
    Wire,
)

RequestId = Annotated[int, Meta(ge=0, le=limits.TIME_MAX, description="Chosen by the client, repeated in the answer.")]

Mentions = Annotated[list[UserId], Meta(max_length=limits.MENTIONS_MAX, description="Members who are to be told.")]

# --- client to server -------------------------------------------------------------------------


class Hello(Wire, frozen=True, kw_only=True, tag_field="type", tag="hello"):
    """The first frame: who, and where this client's copy ends.

    `cursors` are pairs of chat id and the highest seq this client knows of in it. A client that gives `floors_rev`,
    the highest it was told of, is told what is removed; 0 at first.
    """

    token: str
    protocol: int = PROTOCOL_VERSION
    client: Annotated[str, Meta(max_length=64)] = ""
    epoch: Annotated[str, Meta(max_length=64)] = ""
    useq: Seq = 0
    cursors: Annotated[list[tuple[ChatId, Seq]], Meta(max_length=limits.CURSORS_MAX)] = field(default_factory=list)
    floors_rev: Seq | None = None


class Outgoing(Wire, frozen=True, kw_only=True):
    """One message to store. Exactly one of `chat_id`, `user_id` and `email` says where it goes.

    With `user_id` or `email` it goes to the direct chat with that person, made if there is none yet.
    `text` may be empty if there are files or if `forward` names a message to copy, text and files, into this one.
    `mentions` are members who are to be told; `mention_all` tells everybody.
    """

    client_id: ClientId
    text: str
    chat_id: ChatId | None = None
    user_id: UserId | None = None
    email: Annotated[str, Meta(max_length=limits.EMAIL_MAX_CHARS)] | None = None
    reply_to: Seq = 0
    mentions: Mentions = field(default_factory=list)
    mention_all: bool = False
    file_ids: Annotated[list[FileId], Meta(max_length=limits.MESSAGE_FILES_MAX)] = field(default_factory=list)
    forward: MessageRef | None = None


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


class Edit(Wire, frozen=True, kw_only=True, tag_field="type", tag="edit"):
    """Give one of my own messages another text. Idempotent: the text it has already changes nothing."""

    id: RequestId
    chat_id: ChatId
    seq: Seq
    text: str
    mentions: Mentions = field(default_factory=list)
    mention_all: bool = False


class Delete(Wire, frozen=True, kw_only=True, tag_field="type", tag="delete"):
    """Take a message back: one of my own, or any in a group that is mine. Idempotent."""

    id: RequestId
    chat_id: ChatId
    seq: Seq


class React(Wire, frozen=True, kw_only=True, tag_field="type", tag="react"):
    """Put an emoji under a message, or take my own away (`on` false). Idempotent."""

    id: RequestId
    chat_id: ChatId
    seq: Seq
    emoji: Annotated[str, Meta(min_length=1, max_length=limits.REACTION_MAX_CHARS)]
    on: bool = True


class Pin(Wire, frozen=True, kw_only=True, tag_field="type", tag="pin"):
    """Pin a message for all members of its chat, or unpin it (`on` false). Idempotent."""

    id: RequestId
    chat_id: ChatId
    seq: Seq
    on: bool = True


class Watch(Wire, frozen=True, kw_only=True, tag_field="type", tag="watch"):
    """What is on my screen, replacing the earlier list: tell me the presence of exactly these users, and who
    types and how far others have read in exactly these chats.
    """

    user_ids: Annotated[list[UserId], Meta(max_length=limits.WATCH_MAX)]
    chat_ids: Annotated[list[ChatId], Meta(max_length=limits.WATCHED_CHATS_MAX)] = field(default_factory=list)


class TypingNow(Wire, frozen=True, kw_only=True, tag_field="type", tag="typing"):
    """I am writing in this chat; said again every 3 seconds while it lasts. `on` false: not any more.

    It ends by itself 6 seconds after it was said last, and with a message of mine in the chat. In a chat that is
    not mine it does nothing.
    """

    chat_id: ChatId
    on: bool = True


class Away(Wire, frozen=True, kw_only=True, tag_field="type", tag="away"):
    """Nobody is at this device just now, or (`away` false) somebody is again."""

    away: bool = True


ClientFrame = Hello | Send | Fetch | MarkSeen | Edit | Delete | React | Pin | Watch | TypingNow | Away

# --- server to client -------------------------------------------------------------------------


class Welcome(Wire, frozen=True, kw_only=True, tag_field="type", tag="welcome"):
    """Live delivery is attached. `heads` names each chat of which the client's copy is behind or unknown.

    `left` are chats that the user is no longer a member of, as far as that was news after the client's `useq`, and
    `floors` say what was removed of the user's chats after its `floors_rev`.
    """

    epoch: str
    useq: Seq
    user: User
    session_id: SessionId
    users_rev: Seq = 0
    heads: list[ChatHead] = field(default_factory=list)
    left: list[ChatId] = field(default_factory=list)
    floors: list[Floor] = field(default_factory=list)
    floors_rev: Seq = 0


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


class Done(Wire, frozen=True, kw_only=True, tag_field="type", tag="done"):
    """Answers `edit`, `delete`, `react` and `pin`: it is durable. `seq` is that of the event, 0 if nothing changed."""

    id: RequestId
    seq: Seq = 0


class Events(Wire, frozen=True, kw_only=True, tag_field="type", tag="events"):
    """New events of one chat, in order and without holes among themselves; durable before they are sent."""

    chat_id: ChatId
    events: list[LogEvent]


class Page(Wire, frozen=True, kw_only=True, tag_field="type", tag="page"):
    """Answers `fetch`: events in ascending order; `has_more` speaks of the direction asked for.

    The log holds no events up to `floor`, see `Chat`.
    """

    id: RequestId
    chat_id: ChatId
    events: list[LogEvent]
    has_more: bool
    floor: Seq = 0
    floor_days: Days = 0


class Removed(Wire, frozen=True, kw_only=True, tag_field="type", tag="removed"):
    """Everything of this chat up to `floor` was removed, because it is older than `days` days: forget it too.

    Told only to clients that gave `floors_rev` in their hello. `rev` orders these frames over all chats.
    """

    chat_id: ChatId
    floor: Seq
    rev: Seq
    days: Days = 0


class Joined(Wire, frozen=True, kw_only=True, tag_field="type", tag="joined"):
    """You are now a member of this chat; sent before its events. `useq` is your user log's new position."""

    chat: Chat
    useq: Seq


class Left(Wire, frozen=True, kw_only=True, tag_field="type", tag="left"):
    """You are no longer a member of this chat; nothing of it follows. Sent after the event that says so."""

    chat_id: ChatId
    useq: Seq


class ChatSettings(Wire, frozen=True, kw_only=True, tag_field="type", tag="chatSettings"):
    """What is your own about a chat has changed, on this device or another."""

    chat_id: ChatId
    useq: Seq
    pinned: bool = False
    muted_until: Time = 0
    archived: bool = False


class Heads(Wire, frozen=True, kw_only=True, tag_field="type", tag="heads"):
    """Where the logs of recently active chats end, repeated so that a lost last event cannot hide.

    Only `chat_id`, `head` and `head_at` are given; the viewer's own fields are left out.
    """

    heads: list[ChatHead]


class Seen(Wire, frozen=True, kw_only=True, tag_field="type", tag="seen"):
    """Your own seen marker moved, on this device or another; the counts are those of `Chat`."""

    chat_id: ChatId
    seq: Seq
    useq: Seq
    unread: int = 0
    mentions: int = 0


class Presence(Wire, frozen=True, kw_only=True, tag_field="type", tag="presence"):
    """Who of the watched users is there; sent whole after `watch`, then only changes. May be dropped.

    A user is `online` while somebody is at one of their devices, `away` while none of those connected is in
    use. `last_seen` are pairs of user id and time, for users who are not online and were seen before.
    """

    online: list[UserId] = field(default_factory=list)
    away: list[UserId] = field(default_factory=list)
    offline: list[UserId] = field(default_factory=list)
    last_seen: list[tuple[UserId, Time]] = field(default_factory=list)


class Typing(Wire, frozen=True, kw_only=True, tag_field="type", tag="typing"):
    """Who writes in a watched chat at this moment, the first 20 of them (the viewer may be one). May be dropped."""

    chat_id: ChatId
    user_ids: list[UserId] = field(default_factory=list)


class Readers(Wire, frozen=True, kw_only=True, tag_field="type", tag="readers"):
    """How far members of a watched chat have read: pairs of user id and seen seq; only news. May be dropped.

    For the whole list ask `GET /chats/{id}/seen` after `watch`. The viewer may be among those named.
    """

    chat_id: ChatId
    seen: list[tuple[UserId, Seq]] = field(default_factory=list)


class UsersChanged(Wire, frozen=True, kw_only=True, tag_field="type", tag="usersChanged"):
    """Users were added or changed: ask `GET /users?since=` for what lies after your own rev."""

    rev: Seq


class Error(Wire, frozen=True, kw_only=True, tag_field="type", tag="error"):
    """A refusal. `id` names the request it answers; without one it concerns the connection."""

    error: ErrorInfo
    id: RequestId | None = None


ServerFrame = (
    Welcome
    | Ack
    | Done
    | Events
    | Page
    | Joined
    | Left
    | ChatSettings
    | Heads
    | Seen
    | Presence
    | Typing
    | Readers
    | UsersChanged
    | Removed
    | Error
)
