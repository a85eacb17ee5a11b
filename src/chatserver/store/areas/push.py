"""Web Push on any engine: endpoints, rules, and whom a new message concerns."""

from typing import Any, Final

from chatproto.errors import ChatError
from chatserver.store.areas.area import Area
from chatserver.store.interfaces.push import PushRecord, PushTarget
from chatserver.store.writes import Transaction, random_id

_PUSH: Final = "SELECT id, user_id, endpoint, p256dh, auth, name, created_at, failing_since FROM push_subscriptions"
_PUSHES_OF_USER: Final = f"{_PUSH} WHERE user_id = $1 ORDER BY created_at, id"
_PUSH_BY_ID: Final = f"{_PUSH} WHERE id = $1"
_PUSH_BY_ENDPOINT: Final = f"{_PUSH} WHERE endpoint = $1"
_INSERT: Final = """
    INSERT INTO push_subscriptions (id, user_id, endpoint, p256dh, auth, name, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (endpoint) DO UPDATE SET user_id = $2, p256dh = $4, auth = $5, name = $6, failing_since = NULL"""
_COUNT: Final = "SELECT COUNT(*) FROM push_subscriptions WHERE user_id = $1 AND endpoint <> $2"
_REMOVE: Final = "DELETE FROM push_subscriptions WHERE id = $1"
_WORKED: Final = "UPDATE push_subscriptions SET failing_since = NULL WHERE id = $1"
_FAILED: Final = "UPDATE push_subscriptions SET failing_since = $2 WHERE id = $1 AND failing_since IS NULL"
_RULES: Final = "SELECT rules FROM push_rules WHERE user_id = $1"
_SET_RULES: Final = """
    INSERT INTO push_rules (user_id, rules) VALUES ($1, $2) ON CONFLICT (user_id) DO UPDATE SET rules = $2"""
_ANY: Final = "SELECT 1 FROM push_subscriptions LIMIT 1"
_MENTIONED: Final = """
    EXISTS (SELECT 1 FROM mentions n WHERE n.chat_id = m.chat_id AND n.user_id = {user} AND n.seq BETWEEN $2 AND $3
        AND n.seq > m.seen_seq AND n.sender_id <> m.user_id)"""
_TARGETS: Final = f"""
    SELECT m.user_id, c.kind, m.muted_until, {_MENTIONED.format(user="m.user_id")}, {_MENTIONED.format(user="0")},
        (SELECT rules FROM push_rules r WHERE r.user_id = m.user_id)
    FROM members m JOIN chats c ON c.id = m.chat_id JOIN users u ON u.id = m.user_id
    WHERE m.chat_id = $1 AND m.seen_seq < $3 AND u.disabled_at IS NULL AND u.deleted_at IS NULL
        AND EXISTS (SELECT 1 FROM push_subscriptions p WHERE p.user_id = m.user_id)
        AND EXISTS (SELECT 1 FROM events e WHERE e.chat_id = $1 AND e.seq BETWEEN $2 AND $3
            AND e.seq > m.seen_seq AND e.kind = 'message' AND e.sender_id <> m.user_id)"""  # noqa: S608 - constants
_NOT_SEEN: Final = "SELECT 1 FROM members WHERE user_id = $1 AND chat_id = $2 AND seen_seq < $3"


class PushArea(Area):
    """See `chatserver.store.interfaces.push.PushStore`."""

    async def add_push(
        self, user_id: int, endpoint: str, p256dh: bytes, auth: bytes, name: str, *, most: int
    ) -> PushRecord:
        async def step(tx: Transaction) -> PushRecord:
            if (await tx.all(_COUNT, user_id, endpoint))[0][0] >= most:
                raise ChatError("tooManyPushes")
            await tx.all(_INSERT, random_id(), user_id, endpoint, p256dh, auth, name, tx.now)
            return _record((await tx.all(_PUSH_BY_ENDPOINT, endpoint))[0])

        return await self._write(step)

    async def pushes(self, user_id: int) -> list[PushRecord]:
        return [_record(row) for row in await self._reader.all(_PUSHES_OF_USER, user_id)]

    async def push(self, push_id: int) -> PushRecord | None:
        row = await self._one(_PUSH_BY_ID, push_id)
        return _record(row) if row else None

    async def remove_push(self, push_id: int) -> None:
        await self._change(_REMOVE, push_id)

    async def note_push(self, push_id: int, *, failed: bool) -> None:
        async def step(tx: Transaction) -> None:
            await (tx.all(_FAILED, push_id, tx.now) if failed else tx.all(_WORKED, push_id))

        await self._write(step)

    async def push_rules(self, user_id: int) -> str | None:
        row = await self._one(_RULES, user_id)
        return row[0] if row else None

    async def set_push_rules(self, user_id: int, rules: str) -> None:
        await self._change(_SET_RULES, user_id, rules)

    async def anybody_has_pushes(self) -> bool:
        return await self._one(_ANY) is not None

    async def push_targets(self, chat_id: int, first_seq: int, last_seq: int) -> list[PushTarget]:
        found = await self._reader.all(_TARGETS, chat_id, first_seq, last_seq)
        return [
            PushTarget(user_id, kind == "direct", muted, bool(mentioned), bool(everybody), rules)
            for user_id, kind, muted, mentioned, everybody, rules in found
        ]

    async def has_seen(self, user_id: int, chat_id: int, seq: int) -> bool:
        return await self._one(_NOT_SEEN, user_id, chat_id, seq) is None

    async def _change(self, statement: str, *args: Any) -> None:
        async def step(tx: Transaction) -> None:
            await tx.all(statement, *args)

        await self._write(step)


def _record(row: Any) -> PushRecord:
    push_id, user_id, endpoint, p256dh, auth, name, created_at, failing_since = row
    return PushRecord(push_id, user_id, endpoint, bytes(p256dh), bytes(auth), name, created_at, failing_since)
