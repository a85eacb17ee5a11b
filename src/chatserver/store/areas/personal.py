"""Everything that the database holds about one person, read of one moment."""

from collections.abc import Sequence
from typing import Final

from chatproto.models import LogEvent, MessageChanged
from chatserver.store import rows
from chatserver.store.areas.area import Area
from chatserver.store.interfaces.erasures import LogPlace
from chatserver.store.interfaces.personal import OwnFile, PersonalEvent, Section

_SECTIONS: Final = (
    (
        "account",
        ("id", "email", "displayName", "status", "avatar", "createdAt", "disabledAt", "deletedAt", "lastSeenAt"),
        """SELECT u.id, u.email, u.display_name, u.status, u.avatar_file_id, u.created_at, u.disabled_at, u.deleted_at,
            (SELECT at FROM last_seen WHERE user_id = u.id) FROM users u WHERE u.id = $1""",
    ),
    (
        "sessions",
        ("id", "device", "createdAt", "lastUsedAt", "endedAt"),
        "SELECT id, device, created_at, rotated_at, revoked_at FROM sessions WHERE user_id = $1 ORDER BY id",
    ),
    (
        "chats",
        ("chatId", "kind", "title", "ownedByMe", "joinedSeq", "seen", "pinned", "mutedUntil", "archived"),
        """SELECT c.id, c.kind, c.title, c.owner_id = m.user_id, m.joined_seq, m.seen_seq, m.pinned, m.muted_until,
            m.archived FROM members m JOIN chats c ON c.id = m.chat_id WHERE m.user_id = $1 ORDER BY c.id""",
    ),
    (
        "left-chats",
        ("chatId",),
        "SELECT chat_id FROM user_log WHERE user_id = $1 AND kind = 'left' ORDER BY chat_id",
    ),
    (
        "push",
        ("id", "name", "endpoint", "createdAt", "failingSince"),
        "SELECT id, name, endpoint, created_at, failing_since FROM push_subscriptions WHERE user_id = $1 ORDER BY id",
    ),
    ("push-rules", ("rules",), "SELECT rules FROM push_rules WHERE user_id = $1"),
    (
        "invitations",
        ("id", "createdAt", "expiresAt", "usesLeft"),
        "SELECT id, created_at, expires_at, uses_left FROM invites WHERE created_by = $1 ORDER BY id",
    ),
    ("reset-code", ("createdAt", "expiresAt"), "SELECT created_at, expires_at FROM reset_codes WHERE user_id = $1"),
    (
        "mentions",
        ("chatId", "seq", "senderId"),
        """SELECT n.chat_id, n.seq, n.sender_id FROM members m JOIN mentions n ON n.chat_id = m.chat_id
            AND n.user_id = m.user_id WHERE m.user_id = $1 ORDER BY n.chat_id, n.seq""",
    ),
)
"""Name, fields and statement. Hashes of passwords, tokens and codes, and keys of push receivers, are secrets."""
_FILES: Final = """
    SELECT f.id, f.name, f.size, f.media_type, f.created_at, f.sha256, b.key
    FROM files f JOIN blobs b ON b.sha256 = f.sha256 WHERE f.owner_id = $1 AND f.id > $2 ORDER BY f.id LIMIT $3"""
_LAST: Final = """
    SELECT chat_id, seq FROM events WHERE (chat_id, seq) > ($1, $2) ORDER BY chat_id, seq LIMIT 1 OFFSET $3"""
_EVENTS: Final = """
    SELECT seq, at, sender_id, client_id, kind, body, extra, chat_id FROM events
    WHERE (chat_id, seq) > ($1, $2) AND (chat_id, seq) <= ($3, $4)
    AND (sender_id = $5 OR kind = 'message' AND extra LIKE $6) ORDER BY chat_id, seq"""
_END: Final = (1 << 62) - 1


class PersonalReads(Area):
    """See `chatserver.store.interfaces.personal.PersonalStore`."""

    async def sections(self, user_id: int) -> list[Section]:
        found = []
        for name, fields, statement in _SECTIONS:
            values = await self._reader.all(statement, user_id)
            found.append(Section(name, [dict(zip(fields, row, strict=True)) for row in values]))
        return found

    async def own_files(self, user_id: int, after: int, limit: int) -> list[OwnFile]:
        return [OwnFile(*row) for row in await self._reader.all(_FILES, user_id, after, limit)]

    async def own_events(
        self, user_id: int, after: LogPlace, looked_at: int
    ) -> tuple[Sequence[PersonalEvent], LogPlace | None]:
        last = await self._one(_LAST, *after, looked_at - 1)
        end = LogPlace(last[0], last[1]) if last else LogPlace(_END, _END)
        found = await self._reader.all(_EVENTS, *after, *end, user_id, f"%{user_id}%")
        events = [PersonalEvent(row[7], _event(row[7], row[:7])) for row in found]
        return events, end if last else None


def _event(chat_id: int, row: rows.Row) -> LogEvent:
    """An event without the message that it changed: that may be somebody else's."""
    event = rows.event(chat_id, row, {})
    assert not isinstance(event, MessageChanged) or not event.message.text
    return event
