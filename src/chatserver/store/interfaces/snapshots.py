"""What can be read of one moment of the database, for exports."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal, Protocol

from chatproto.models import LogEvent, User
from chatserver.store.interfaces.personal import PersonalStore


@dataclass(frozen=True, slots=True)
class UserRow:
    """A user and when the account was made, in microseconds since 1970 UTC."""

    user: User
    created_at: int


@dataclass(frozen=True, slots=True)
class ChatRow:
    """A chat as nobody's in particular. Of a direct chat `direct` holds both people, of notes the same one twice."""

    id: int
    kind: Literal["direct", "group"]
    title: str
    topic: str
    owner_id: int | None
    direct: tuple[int, int] | None
    head: int
    created_at: int


@dataclass(frozen=True, slots=True)
class MemberRow:
    """A member of a chat, and what is their own in it; see `chatproto.models.Chat`."""

    user_id: int
    joined_seq: int
    seen: int
    pinned: bool
    muted_until: int
    archived: bool


@dataclass(frozen=True, slots=True)
class FileRow:
    """The content of a file, its bytes, and the key under which the storage of files has it."""

    sha256: bytes
    key: str
    size: int


class Snapshot(PersonalStore, Protocol):
    """One moment of the database, whatever is written meanwhile; lists come in pages, ordered by id or seq."""

    async def users(self, after: int, limit: int) -> list[UserRow]:
        """Users with a higher id, deleted ones as well."""
        ...

    async def user(self, user_id: int) -> UserRow | None:
        """One user."""
        ...

    async def chats(self, after: int, limit: int) -> list[ChatRow]:
        """Chats with a higher id."""
        ...

    async def members(self, chat_id: int, after: int, limit: int) -> list[MemberRow]:
        """Members of a chat with a higher user id."""
        ...

    async def seq_before(self, chat_id: int, at: int) -> int:
        """The seq of the newest event before a time in microseconds, 0 if there is none."""
        ...

    async def events(self, chat_id: int, *, after_seq: int, limit: int) -> tuple[list[LogEvent], bool]:
        """Events of a chat with a higher seq, and whether more follow."""
        ...

    async def file(self, file_id: int) -> FileRow | None:
        """Where the content of a file is."""
        ...


class SnapshotStore(Protocol):
    """Gives snapshots."""

    def snapshot(self) -> AbstractAsyncContextManager[Snapshot]:
        """One moment of the database for as long as the block runs.

        Meanwhile writes go on, but the database cannot give back the room that its journal takes.
        """
        ...
