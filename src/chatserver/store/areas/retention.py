"""Logs that lose their oldest events: the floor of a chat, and what is kept of what lies below it."""

from functools import partial
from typing import Final

from chatproto.models import Floor
from chatserver.store import extras, references, rows
from chatserver.store.areas.area import Area
from chatserver.store.extras import origin_of
from chatserver.store.interfaces.retention import ChatRetention, Due, Removed, ToldFloor
from chatserver.store.rows import Row
from chatserver.store.writes import Transaction

_FIRST_AT: Final = "(SELECT e.at FROM events e WHERE e.chat_id = c.id AND e.seq = c.floor + 1)"
_CHATS: Final = f"""
    SELECT c.id, c.kind, c.title, c.direct_low, c.direct_high, c.retention_days, c.floor, c.head,
        COALESCE({_FIRST_AT}, 0) FROM chats c"""  # noqa: S608 - constants of this module
_CHAT: Final = f"{_CHATS} WHERE c.id = $1"
_ALL_CHATS: Final = f"{_CHATS} WHERE c.id > $1 ORDER BY c.id LIMIT $2"
_OWN_RULE: Final = f"{_CHATS} WHERE c.id > $1 AND c.retention_days IS NOT NULL ORDER BY c.id LIMIT $2"
_ANY_OWN_RULE: Final = "SELECT 1 FROM chats WHERE retention_days IS NOT NULL AND id > 0 LIMIT 1"
_TITLED: Final = "SELECT id FROM chats WHERE kind = 'group' AND title = $1 ORDER BY id LIMIT $2"
_SET_RULE: Final = "UPDATE chats SET retention_days = $2 WHERE id = $1 RETURNING id"

_FLOOR: Final = "SELECT id, floor, floor_days, floor_rev FROM chats"
_FLOOR_OF_CHAT: Final = f"{_FLOOR} WHERE id = $1"
_FLOORS_SINCE: Final = f"{_FLOOR} WHERE floor_rev > $1 AND floor_rev > 0 ORDER BY floor_rev LIMIT $2"
_FLOORS_OF_USER: Final = """
    SELECT c.id, c.floor, c.floor_days, c.floor_rev FROM members m JOIN chats c ON c.id = m.chat_id
    WHERE m.user_id = $1 AND c.floor_rev > $2"""
_FLOORS_REV: Final = "SELECT COALESCE(MAX(floor_rev), 0) FROM chats WHERE floor_rev > 0"
_RAISE: Final = f"UPDATE chats SET floor = $2, floor_days = $3, floor_rev = ({_FLOORS_REV}) + 1 WHERE id = $1"  # noqa: S608 - constants

_OLDEST: Final = """
    SELECT seq, at, sender_id, client_id, kind, body, extra FROM events
    WHERE chat_id = $1 AND seq > $2 ORDER BY seq LIMIT $3"""
_REMEMBER: Final = """
    INSERT INTO removed_messages (sender_id, client_id, chat_id, seq, origin) VALUES ($1, $2, $3, $4, $5)"""
_DELETE_UP_TO: Final = tuple(
    f"DELETE FROM {table} WHERE chat_id = $1 AND seq > $2 AND seq <= $3"  # noqa: S608 - names of tables
    for table in ("message_files", "pins", "events")
)
_DUE: Final = """
    SELECT COUNT(*), COUNT(CASE WHEN kind IN ('message', 'deleted') THEN 1 END), COALESCE(MIN(at), 0),
        COALESCE(MAX(at), 0), COALESCE(MAX(seq), 0)
    FROM events WHERE chat_id = $1 AND at < $2"""
_DUE_FILES: Final = """
    SELECT COUNT(*), COALESCE(SUM(f.size), 0) FROM files f WHERE f.id IN (
        SELECT s.file_id FROM message_files s WHERE s.chat_id = $1 AND s.seq <= $2)
    AND NOT EXISTS (SELECT 1 FROM message_files o WHERE o.file_id = f.id AND (o.chat_id <> $1 OR o.seq > $2))
    AND NOT EXISTS (SELECT 1 FROM users u WHERE u.avatar_file_id = f.id)"""


class RetentionArea(Area):
    """See `chatserver.store.interfaces.retention.RetentionStore` for what every method guarantees."""

    async def chats_by_retention(self, after: int, limit: int, *, only_own: bool = False) -> list[ChatRetention]:
        found = await self._reader.all(_OWN_RULE if only_own else _ALL_CHATS, after, limit)
        return [_retention(row) for row in found]

    async def chat_retention(self, chat_id: int) -> ChatRetention | None:
        row = await self._one(_CHAT, chat_id)
        return _retention(row) if row else None

    async def groups_titled(self, title: str, limit: int) -> list[int]:
        return [row[0] for row in await self._reader.all(_TITLED, title, limit)]

    async def set_chat_retention(self, chat_id: int, days: float | None) -> bool:
        async def step(tx: Transaction) -> bool:
            return bool(await tx.all(_SET_RULE, chat_id, days))

        return await self._write(step)

    async def has_own_retention(self) -> bool:
        return await self._one(_ANY_OWN_RULE) is not None

    async def due(self, chat_id: int, before: int) -> Due:
        events, messages, oldest, newest, last = (await self._reader.all(_DUE, chat_id, before))[0]
        files, size = (await self._reader.all(_DUE_FILES, chat_id, last))[0]
        return Due(events, messages, files, size, oldest, newest)

    async def remove_before(self, chat_id: int, before: int, days: float, most: int) -> Removed:
        return await self._write(partial(_remove_before, chat_id=chat_id, before=before, days=days, most=most))

    async def floor(self, chat_id: int) -> Floor:
        row = await self._one(_FLOOR_OF_CHAT, chat_id)
        return _floor(row) if row else Floor(chat_id=chat_id, floor=0)

    async def floors_since(self, rev: int, limit: int) -> list[ToldFloor]:
        return [ToldFloor(_floor(row), row[3]) for row in await self._reader.all(_FLOORS_SINCE, rev, limit)]

    async def floors_of(self, user_id: int, rev: int) -> list[Floor]:
        return [_floor(row) for row in await self._reader.all(_FLOORS_OF_USER, user_id, rev)]

    async def floors_rev(self) -> int:
        return int((await self._reader.all(_FLOORS_REV))[0][0])


def _retention(row: Row) -> ChatRetention:
    chat_id, kind, title, low, high, days, floor, head, oldest_at = row
    people = () if low is None else tuple(dict.fromkeys((low, high)))
    return ChatRetention(chat_id, kind, title, people, days, floor, head, oldest_at)


def _floor(row: Row) -> Floor:
    return Floor(chat_id=row[0], floor=row[1], days=row[2])


async def _remove_before(tx: Transaction, chat_id: int, before: int, days: float, most: int) -> Removed:
    chat = await tx.all(_FLOOR_OF_CHAT, chat_id)
    floor = chat[0][1] if chat else 0
    # Times rise with seqs, so what is older than a time is a beginning of the log.
    oldest = [row for row in await tx.all(_OLDEST, chat_id, floor, most) if row[1] < before]
    if not oldest:
        return Removed()
    messages = [row for row in oldest if row[3] is not None]
    await tx.many(_REMEMBER, [_remembered(chat_id, row) for row in messages])
    for row in messages:
        if row[6] is not None:
            await references.remove_mentions(tx, chat_id, rows.message(chat_id, row))
    await _delete_up_to(tx, chat_id, floor, oldest[-1][0], days)
    return Removed(len(oldest), len(messages))


async def _delete_up_to(tx: Transaction, chat_id: int, floor: int, new_floor: int, days: float) -> None:
    for statement in _DELETE_UP_TO:
        await tx.all(statement, chat_id, floor, new_floor)
    await tx.all(_RAISE, chat_id, new_floor, days)


def _remembered(chat_id: int, row: Row) -> tuple[object, ...]:
    """What is kept of a message: its ids, and a digest that does not tell what it said."""
    seq, _, sender_id, client_id, _, text, extra = row
    client_id = bytes(client_id)
    origin = origin_of(client_id, text) if extra is None else extras.decode(extra).origin
    return sender_id, client_id, chat_id, seq, origin
