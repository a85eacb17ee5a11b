"""What the client engine and its front ends say to each other: targets, rows, status and notices."""

from collections.abc import Callable
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Final, Literal, NamedTuple

import msgspec

from chatproto.errors import ErrorInfo
from chatproto.frames import Delete, Edit, Pin, React
from chatproto.models import MessageRef, Wire

# Structs, not dataclasses: making so many dataclasses would cost a tenth of the time to the first frame.


class Account(msgspec.Struct, frozen=True):
    """One signed-in account: whose it is, on which server, and where its files lie (see `paths`)."""

    key: str
    """Stable name of the account's folder and of the account in commands, e.g. `anna@chat.example.org`."""
    server_url: str
    """Origin of the server, e.g. `https://chat.example.org:8443`, without a trailing slash."""
    email: str
    user_id: int
    display_name: str


class EntryRef(NamedTuple):
    """Names one row of the client list: a chat, or a user with whom there is no direct chat yet."""

    kind: Literal["chat", "user"]
    id: int


class Section(IntEnum):
    """The parts of the client list, in its order."""

    PINNED = 0
    RECENT = 1
    LEFT = 2
    """The user is a member no more; what is cached stays readable."""
    ARCHIVED = 3
    PEOPLE = 4
    """Those never written to."""


SECTIONS: Final = tuple(Section)


class Entry(msgspec.Struct, frozen=True):
    """One row of the client list as the cache knows it, people and groups alike.

    The list's order is that of `place`. `activity` is in microseconds since
    1970 UTC, 0 for people never written to. `sort_name` is the case-folded name. `peer_id` is set for people.
    `unread` are others' messages after the seen marker, `mentions` those of them that name the user. A chat is
    muted until `muted_until`, in microseconds since 1970 UTC.
    """

    ref: EntryRef
    name: str
    sort_name: str
    activity: int
    unread: int
    peer_id: int | None
    email: str = ""
    mentions: int = 0
    section: Section = Section.RECENT
    muted_until: int = 0

    @property
    def place(self) -> tuple[int, int, str, str, int, str]:
        """By this the list is ordered."""
        return self.section, -self.activity, self.sort_name, self.email, self.ref.id, self.ref.kind

    @property
    def has_left(self) -> bool:
        """Whether the user was a member once and is none now."""
        return self.section is Section.LEFT


class PresenceState(StrEnum):
    """Whether somebody is there."""

    ONLINE = "online"
    AWAY = "away"
    """Connected, but at none of their devices."""
    OFFLINE = "offline"


class UserPresence(NamedTuple):
    """Whether a watched user is there; `last_seen` in microseconds since 1970 UTC, 0 if unknown or online."""

    state: PresenceState
    last_seen: int = 0


class Target(msgspec.Struct, frozen=True):
    """Where a message goes: exactly one of the three is set."""

    chat_id: int | None = None
    user_id: int | None = None
    email: str | None = None


class Enclosed(Wire, frozen=True, kw_only=True):
    """What a message to send has beside its text; see `chatproto.frames.Outgoing`."""

    reply_to: int = 0
    mentions: tuple[int, ...] = ()
    mention_all: bool = False
    file_ids: tuple[int, ...] = ()
    forward: MessageRef | None = None

    @property
    def is_content(self) -> bool:
        """Whether there is something to send without any text."""
        return bool(self.file_ids) or self.forward is not None


NOTHING_ENCLOSED: Final = Enclosed()


class Attachment(Wire, frozen=True, kw_only=True):
    """A file that an unsent message will show: its copy in the spool, and how far its upload has come.

    `key` is the client id of the upload. `file_id` is 0 until the server has the whole file.
    """

    spool: str
    """Name of the copy in the account's spool folder."""
    name: str
    size: int
    key: bytes
    file_id: int = 0
    sent: int = 0
    """Bytes that went out, and how many go each second, as far as this process knows; never stored."""
    rate: float = 0.0


class OutboxState(StrEnum):
    """Life of an unsent message; a sent one leaves the outbox once its event is in the cache."""

    QUEUED = "queued"
    SENDING = "sending"
    HELD = "held"
    """An earlier message to the same target was refused with notMember or userNotFound; waits for a retry."""
    FAILED = "failed"
    """Refused for good, text kept: retry or discard."""


class OutboxRow(msgspec.Struct, frozen=True):
    """One message in the outbox. `row_id` ascends in the order of sending; `error` says why it failed."""

    row_id: int
    client_id: bytes
    target: Target
    text: str
    created_at: int
    state: OutboxState
    attempts: int = 0
    error: ErrorInfo | None = None
    enclosed: Enclosed = NOTHING_ENCLOSED
    attached: tuple[Attachment, ...] = ()
    paused: bool = False
    """The upload of its files is paused: later messages to the same target pass it."""

    @property
    def is_uploading(self) -> bool:
        """Whether it waits for its files to reach the server."""
        return any(not attachment.file_id for attachment in self.attached)

    @property
    def is_content(self) -> bool:
        """Whether there is something to send without any text."""
        return bool(self.attached) or self.enclosed.is_content


class TransferState(StrEnum):
    """Life of an upload or download."""

    WAITING = "waiting"
    """For its turn, a connection, or the process that sends."""
    RUNNING = "running"
    PAUSED = "paused"
    FAILED = "failed"
    DONE = "done"


class Transfer(msgspec.Struct, frozen=True):
    """A file on its way. `size` and `done` are in bytes, `rate` in bytes per second, smoothed.

    An upload belongs to the unsent message `client_id` to `target`; a download is of `file_id`, and `path` is where
    it landed once it is done. `error` says why it failed.
    """

    id: str
    kind: Literal["upload", "download"]
    name: str
    size: int
    done: int
    state: TransferState
    rate: float = 0.0
    error: ErrorInfo | None = None
    client_id: bytes = b""
    target: Target | None = None
    file_id: int = 0
    path: Path | None = None


MessageChange = Edit | Delete | React | Pin
"""A change of one message, as it is sent; its `id` is given when it goes."""


class ChangeState(StrEnum):
    """Life of an unconfirmed change; a confirmed one is gone once the cache shows it."""

    QUEUED = "queued"
    FAILED = "failed"
    """Refused for good; retry or discard."""


class PendingChange(msgspec.Struct, frozen=True):
    """A change of a message that the server has not confirmed. `created_at` in microseconds since 1970 UTC."""

    row_id: int
    change: MessageChange
    created_at: int
    state: ChangeState
    error: ErrorInfo | None = None

    def __hash__(self) -> int:
        return hash((self.row_id, self.state))


class Moving(NamedTuple):
    """Bytes of the transfers that move now, and how many they are in all, by direction."""

    sent: int
    to_send: int
    received: int
    to_receive: int


class Link(StrEnum):
    """What the connection is doing."""

    OFFLINE = "offline"
    """Waiting for `retry_at`."""
    CONNECTING = "connecting"
    ONLINE = "online"
    SIGNED_OUT = "signedOut"
    """The session ended or the refresh token was refused: log in again."""
    STOPPED = "stopped"


class ConnectionStatus(msgspec.Struct, frozen=True):
    """The connection as the status line shows it. Times are Unix seconds; `problem` is why it is not online."""

    link: Link
    since: float
    retry_at: float | None = None
    problem: ErrorInfo | None = None


# --- notices: what has just happened; past tense, sent on the event loop after the cache shows it ---


class ConnectionChanged(msgspec.Struct, frozen=True):
    """The link's state, retry time or problem changed."""

    status: ConnectionStatus


class EventsStored(msgspec.Struct, frozen=True):
    """Events `first_seq`..`last_seq` of a chat reached the cache. `live`: just delivered, not history.

    `changed` are the seqs of messages that were edited, deleted, pinned or reacted to; the range may be empty.
    """

    chat_id: int
    first_seq: int
    last_seq: int
    live: bool
    changed: tuple[int, ...] = ()


class EntriesChanged(msgspec.Struct, frozen=True):
    """Rows of the client list changed (name, activity, unread), appeared, or were replaced.

    A direct chat's first event makes `("user", id)` disappear and `("chat", id)` appear: both are named.
    None: anything may have changed, read the list again.
    """

    refs: tuple[EntryRef, ...] | None


class OutboxChanged(msgspec.Struct, frozen=True):
    """Rows were queued, tried, refused, sent or discarded.

    `queued` will be tried, but for the `paused` ones among them; `failed` wait for the user: refused, or held by one
    that was.
    """

    queued: int
    failed: int
    paused: int = 0


class ChangesChanged(msgspec.Struct, frozen=True):
    """Unconfirmed changes of these messages were queued, confirmed, refused or discarded."""

    chat_id: int
    seqs: frozenset[int]


class PresenceChanged(msgspec.Struct, frozen=True):
    """Watched users came, went, or left their devices."""

    user_ids: frozenset[int]


class TypingChanged(msgspec.Struct, frozen=True):
    """Others began or stopped to write in a watched chat."""

    chat_id: int


class TransferChanged(msgspec.Struct, frozen=True):
    """An upload or download moved on, at most ten times a second each, or its state changed."""

    transfer: Transfer


class ReadersChanged(msgspec.Struct, frozen=True):
    """Others have read further in a watched chat, or how far they have is known now."""

    chat_id: int


class CacheReset(msgspec.Struct, frozen=True):
    """The server's database is another one: the cache was dropped and fills anew; the outbox was kept."""


class ProblemMet(msgspec.Struct, frozen=True):
    """Something the user should know went wrong and nothing else shows it."""

    error: ErrorInfo


Notice = (
    ConnectionChanged
    | EventsStored
    | EntriesChanged
    | OutboxChanged
    | ChangesChanged
    | PresenceChanged
    | TypingChanged
    | ReadersChanged
    | TransferChanged
    | CacheReset
    | ProblemMet
)
Listener = Callable[[Notice], None]
