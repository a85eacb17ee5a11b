"""The Store interface: what every backend guarantees about users, sessions, chats and their logs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from chatproto.errors import ErrorInfo
from chatproto.frames import ChatSettings
from chatproto.models import Chat, LogEvent, Message
from chatserver.store.extras import Additions
from chatserver.store.interfaces.chats import ChatStore
from chatserver.store.interfaces.erasures import ErasureStore
from chatserver.store.interfaces.files import FileStore
from chatserver.store.interfaces.imports import ImportStore
from chatserver.store.interfaces.invites import InviteStore
from chatserver.store.interfaces.last_seen import LastSeenStore
from chatserver.store.interfaces.messages import MessageStore
from chatserver.store.interfaces.push import PushStore
from chatserver.store.interfaces.retention import RetentionStore, ToldFloor
from chatserver.store.interfaces.search import SearchStore
from chatserver.store.interfaces.sessions import SessionStore
from chatserver.store.interfaces.snapshots import SnapshotStore
from chatserver.store.interfaces.space import SpaceStore
from chatserver.store.interfaces.state import StateStore
from chatserver.store.interfaces.users import UserStore


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message that passed every check but those that need the database. `text` is normalised.

    Exactly one of `chat_id` and `peer_id` is set; with `peer_id` the direct chat is made if missing. `more` is
    None for a plain message.
    """

    sender_id: int
    client_id: bytes
    text: str
    chat_id: int | None = None
    peer_id: int | None = None
    more: Additions | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """The place of a message in its chat's log. `duplicate`: it was already there, nothing was written."""

    chat_id: int
    seq: int
    at: int
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class ChatCommit:
    """The new events of one chat in one commit, in `seq` order."""

    chat_id: int
    events: list[LogEvent]


@dataclass(frozen=True, slots=True)
class JoinedUser:
    """A user became a member of a chat; `chat` is as that user sees it then."""

    user_id: int
    chat: Chat
    useq: int


@dataclass(frozen=True, slots=True)
class SeenMoved:
    """A user's seen marker in a chat moved."""

    user_id: int
    chat_id: int
    seq: int
    useq: int
    unread: int
    mentions: int = 0


@dataclass(frozen=True, slots=True)
class LeftUser:
    """A user is no longer a member of a chat."""

    user_id: int
    chat_id: int
    useq: int


@dataclass(frozen=True, slots=True)
class SettingsChanged:
    """What is a user's own about a chat has changed."""

    user_id: int
    settings: ChatSettings


@dataclass(slots=True)
class Commit:
    """What one step of a durable commit changed, for fan-out: apply `joined` before `chats`, and `left` after them.

    So a user who was removed is told that, and nothing of what the commit's later steps add to the chat.
    """

    joined: list[JoinedUser] = field(default_factory=list)
    chats: list[ChatCommit] = field(default_factory=list)
    left: list[LeftUser] = field(default_factory=list)
    seen: list[SeenMoved] = field(default_factory=list)
    settings: list[SettingsChanged] = field(default_factory=list)
    revoked: list[int] = field(default_factory=list)
    """Ids of sessions that were revoked."""
    users_rev: int | None = None
    """The newest user rev, if any user was added or changed."""
    floors: list[ToldFloor] = field(default_factory=list)
    """Floors of chats that have risen, in the order of their positions."""
    durable_at: float | None = field(default=None, compare=False)
    """When it became durable, in seconds by `time.perf_counter`; None for commits of other processes."""
    asked_at: float | None = field(default=None, compare=False)
    """When the first of its messages was given to the store, by the same clock; None if it has none."""


CommitListener = Callable[[Commit], None]
"""Called on the event loop once for each step of a commit that changed something, in order, after the callers'
futures were resolved. Messages and seen markers are one step together, the last of their commit."""


class Store(
    ChatStore,
    ErasureStore,
    FileStore,
    ImportStore,
    InviteStore,
    LastSeenStore,
    MessageStore,
    PushStore,
    RetentionStore,
    SearchStore,
    SessionStore,
    SnapshotStore,
    StateStore,
    SpaceStore,
    UserStore,
    Protocol,
):
    """Users, sessions, chats and logs in one database.

    Every write is durable when its awaitable returns, is applied whole or not at all, and raises
    `ChatError` (`diskFull`, `storageFailed`, `overloaded`, `shuttingDown`: all temporary) when it could
    not be applied. Cancelling a caller never leaves a transaction open; the write may or may not happen.
    Reads see every write that returned before they began. Ids are random 48-bit positive integers.
    """

    @property
    def epoch(self) -> str:
        """Random id of this database, new when it is created or restored."""
        ...

    def on_commit(self, listener: CommitListener) -> None:
        """Set the one listener for commits."""
        ...

    async def close(self) -> None:
        """Commit what is in hand, then close. Later calls raise `shuttingDown`. Idempotent."""
        ...

    async def check_writable(self) -> None:
        """Raise `ChatError` if a write would fail now."""
        ...

    async def schema_is_current(self) -> bool:
        """Whether every migration that this server knows is applied, and none that it does not."""
        ...

    @property
    def commits(self) -> int:
        """How many commits there were since it was opened: tells whether anybody else writes.

        Where the store is not open for serving, each own commit that finds commits of other processes before it counts
        twice: to see them costs a statement, which only what is not urgent should spend.
        """
        ...

    @property
    def writes_waiting(self) -> int:
        """How many callers wait for the next commit."""
        ...

    async def secret(self, name: str) -> bytes:
        """A 32-byte random secret of this database, made once; `name` is for example `access-token`."""
        ...

    # --- logs
    async def append(self, messages: Sequence[NewMessage]) -> list[Stored | ErrorInfo]:
        """Append messages in order, in one commit shared with other callers; one result per message.

        Exactly once by (sender, client id): the same content, as it was sent, returns the stored place with
        `duplicate`, also after an edit, a deletion, or a removal because of its age; other content or another chat is
        refused with `clientIdConflict`. Final refusals (also `notMember`, `userNotFound`, `mentionsInvalid`,
        `fileNotFound`, and `messageNotFound` for what it replies to or forwards) concern one message only. A
        temporary failure raises instead, and then nothing of the list was stored. `at` is in microseconds and
        strictly increasing per chat. Calls are applied and answered in the order in which they began.
        """
        ...

    async def events(
        self, chat_id: int, *, before_seq: int | None = None, after_seq: int | None = None, limit: int
    ) -> tuple[list[LogEvent], bool]:
        """Events ascending: the newest `limit`, or those next to a bound; and whether more lie that way."""
        ...

    async def messages(
        self,
        chat_id: int,
        *,
        before_at: int | None = None,
        before_seq: int | None = None,
        after_seq: int | None = None,
        limit: int,
    ) -> tuple[list[Message], bool]:
        """As `events`, messages only; at most one bound. `before_at` is exclusive, in microseconds."""
        ...

    async def mark_seen(self, user_id: int, chat_id: int, seq: int) -> None:
        """Move the user's seen marker forward, never past the head. Raises `notMember`. Idempotent."""
        ...
