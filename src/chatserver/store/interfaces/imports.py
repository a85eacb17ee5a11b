"""What a store promises to imports: accounts, chats and events of other systems, each exactly once, in order."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from chatproto.models import Change, Chat, FileInfo, Reaction

LATE_US = 60_000_000
"""How much older than the newest event of its chat an imported one may be without being told as late."""


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account to find or make. `key` is a digest of the source's id; the other fields are normalised.

    A `deleted` one is made as an account without name and address.
    """

    key: bytes
    email: str
    display_name: str
    status: str = ""
    disabled: bool = False
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class AccountPlace:
    """The account that somebody of a source has here. `made`: it is new. `gone`: it was deleted here since."""

    user_id: int
    made: bool
    gone: bool = False


@dataclass(frozen=True, slots=True)
class NewChat:
    """A chat to find or make; `created_at` and `oldest_at`, the time of its first event, are in microseconds.

    `direct` are the two people of a direct chat (one person twice: notes); `title` is what it is called as a group.
    """

    key: bytes
    title: str
    created_at: int
    oldest_at: int
    topic: str = ""
    owner_id: int | None = None
    direct: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class ChatPlace:
    """The chat that a conversation of a source has here. `made`: nothing of it was imported before.

    `instead`: it is a group although both people have a direct chat, because what that holds is newer.
    """

    chat_id: int
    made: bool
    instead: bool = False


@dataclass(frozen=True, slots=True)
class ImportedEvent:
    """An event to append; `at` is in microseconds, texts are normalised, `body` is that of any kind but a message.

    `reply_to` and `target` are keys of earlier events of the chat. A `changed` event names its target, which is
    stored as it is after the change.
    """

    key: bytes
    at: int
    sender_id: int
    kind: Literal["message", "deleted", "created", "members", "chatChanged", "changed"]
    text: str = ""
    body: str = ""
    reply_to: bytes = b""
    mentions: tuple[int, ...] = ()
    mention_all: bool = False
    files: tuple[FileInfo, ...] = ()
    forwarded: tuple[int, int] | None = None
    edited_at: int = 0
    reactions: tuple[Reaction, ...] = ()
    pinned: bool = False
    target: bytes = b""
    change: Change = "edited"
    emoji: str = ""


@dataclass(slots=True)
class Appended:
    """What became of a list of events: their positions in it."""

    new: list[int] = field(default_factory=list)
    there: list[int] = field(default_factory=list)
    """Imported before; nothing was written."""
    changed: list[int] = field(default_factory=list)
    """Among these, messages that nobody has changed here, and that the source tells otherwise now; they stay."""
    late: list[int] = field(default_factory=list)
    """New, but older than what the chat already held: appended with their own time in front of the text."""
    lost_replies: list[int] = field(default_factory=list)
    """New, and replies to something that is not there."""
    lost_targets: list[int] = field(default_factory=list)
    """Changes of something that is not there; not written."""
    unpinned: list[int] = field(default_factory=list)
    """New, and not pinned, because the chat has as many pins as it may have."""


@dataclass(frozen=True, slots=True)
class ImportedMember:
    """A member of an imported chat, and what is their own in it. Without `seen`, all of it has been seen."""

    user_id: int
    joined_seq: int = 0
    seen: int | None = None
    pinned: bool = False
    muted_until: int = 0
    archived: bool = False


class ImportStore(Protocol):
    """Imports. Guarantees as for every `Store`; each call is one commit, whole or not at all, and idempotent.

    Nothing of it is told as a new message: nobody is notified, and what is imported counts as seen.
    """

    async def import_users(self, source: str, accounts: Sequence[NewAccount]) -> list[AccountPlace]:
        """Find or make accounts: by what was imported before, else by address, else new ones without a password."""
        ...

    async def find_users(self, source: str, accounts: Sequence[NewAccount]) -> list[AccountPlace | None]:
        """What `import_users` would find; None for accounts it would make."""
        ...

    async def import_chat(self, source: str, chat: NewChat) -> ChatPlace:
        """Find or make the chat of a conversation. A group is nobody's until `finish_chat`.

        Two people's direct chat is used unless it holds something newer than `oldest_at`: then the conversation
        becomes a group, because a log only grows at its end.
        """
        ...

    async def find_chat(self, source: str, key: bytes) -> int | None:
        """The chat of a conversation that was imported before."""
        ...

    async def find_events(self, chat_id: int, keys: Collection[bytes]) -> set[bytes]:
        """Which of these events were imported before."""
        ...

    async def import_events(self, chat_id: int, events: Sequence[ImportedEvent]) -> Appended:
        """Append events in order, each once. Members who had seen all there was have seen them, too.

        Times are kept as long as they are later than what the chat holds; see `Appended.late`.
        """
        ...

    async def finish_chat(self, chat_id: int, members: Sequence[ImportedMember]) -> int:
        """Let members see what was imported; returns how many were added. Who has left here is not added again."""
        ...

    async def finished_imports(self) -> int:
        """A number that grows whenever an import of a chat is finished."""
        ...

    async def joined_by_imports(self, after: int, limit: int) -> tuple[int, list[tuple[int, Chat, int]]]:
        """Members (user, chat as they see it, useq) of at most `limit` chats whose imports were finished after this
        number, and the number to go on with.
        """
        ...
