"""One moment of the database read page by page, in SQL that every engine understands."""

from typing import Any, Final

from chatserver.store import rows, sql
from chatserver.store.areas.area import Reader
from chatserver.store.areas.personal import PersonalReads
from chatserver.store.interfaces.snapshots import ChatRow, FileRow, MemberRow, UserRow
from chatserver.store.reads import Reads
from chatserver.store.writes import T, Write

_USERS: Final = f"SELECT {sql.USER}, u.created_at FROM users u WHERE u.id > $1 ORDER BY u.id LIMIT $2"  # noqa: S608 - constants
_USER: Final = f"SELECT {sql.USER}, u.created_at FROM users u WHERE u.id = $1"  # noqa: S608 - constants
_CHATS: Final = """
    SELECT id, kind, title, topic, owner_id, direct_low, direct_high, head, created_at
    FROM chats WHERE id > $1 ORDER BY id LIMIT $2"""
_MEMBERS: Final = """
    SELECT user_id, joined_seq, seen_seq, pinned, muted_until, archived
    FROM members WHERE chat_id = $1 AND user_id > $2 ORDER BY user_id LIMIT $3"""
_SEQ_BEFORE: Final = "SELECT seq FROM events WHERE chat_id = $1 AND at < $2 ORDER BY at DESC LIMIT 1"
_FILE: Final = "SELECT f.sha256, b.key, b.size FROM files f JOIN blobs b ON b.sha256 = f.sha256 WHERE f.id = $1"


class SnapshotReads(Reads, PersonalReads):
    """See `chatserver.store.interfaces.snapshots.Snapshot`."""

    def __init__(self, reader: Reader) -> None:
        """Every statement of `reader` sees the same moment."""
        self._moment = reader

    @property
    def _reader(self) -> Reader:
        return self._moment

    async def _write(self, step: Write[T]) -> T:
        raise NotImplementedError("a snapshot is only read")

    async def users(self, after: int, limit: int) -> list[UserRow]:
        return [_user(row) for row in await self._reader.all(_USERS, after, limit)]

    async def user(self, user_id: int) -> UserRow | None:
        row = await self._one(_USER, user_id)
        return _user(row) if row else None

    async def chats(self, after: int, limit: int) -> list[ChatRow]:
        return [_chat(row) for row in await self._reader.all(_CHATS, after, limit)]

    async def members(self, chat_id: int, after: int, limit: int) -> list[MemberRow]:
        found = await self._reader.all(_MEMBERS, chat_id, after, limit)
        return [
            MemberRow(user_id, joined_seq, seen, bool(pinned), muted_until, bool(archived))
            for user_id, joined_seq, seen, pinned, muted_until, archived in found
        ]

    async def seq_before(self, chat_id: int, at: int) -> int:
        row = await self._one(_SEQ_BEFORE, chat_id, at)
        return int(row[0]) if row else 0

    async def file(self, file_id: int) -> FileRow | None:
        row = await self._one(_FILE, file_id)
        return FileRow(bytes(row[0]), row[1], row[2]) if row else None


def _user(row: Any) -> UserRow:
    return UserRow(rows.user(row), row[8])


def _chat(row: Any) -> ChatRow:
    chat_id, kind, title, topic, owner_id, low, high, head, created_at = row
    direct = None if low is None else (low, high)
    return ChatRow(chat_id, kind, title, topic, owner_id, direct, head, created_at)
