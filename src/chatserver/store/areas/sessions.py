"""Sessions of a store on any engine: signed-in devices, their rotation and their end."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from chatserver.store import rows
from chatserver.store.areas.area import Area
from chatserver.store.interfaces.sessions import SessionRecord
from chatserver.store.writes import Transaction

_COLUMNS: Final = "id, user_id, device, refresh_hash, previous_hash, created_at, rotated_at, revoked_at"
_MAY_SIGN_IN: Final = """
    SELECT 1 FROM users WHERE id = $1 AND disabled_at IS NULL AND deleted_at IS NULL
    AND password_hash = COALESCE($2, password_hash)"""
_INSERT: Final = f"INSERT INTO sessions ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"  # noqa: S608 - constants
_BY_ID: Final = f"SELECT {_COLUMNS} FROM sessions WHERE id = $1"  # noqa: S608 - constants
_LIVE: Final = f"""
    SELECT {_COLUMNS} FROM sessions WHERE user_id = $1 AND revoked_at IS NULL AND rotated_at >= $2
    ORDER BY rotated_at DESC, id"""  # noqa: S608 - constants
_ROTATE: Final = """
    UPDATE sessions SET refresh_hash = $3, previous_hash = $2, rotated_at = $4
    WHERE id = $1 AND refresh_hash = $2 AND revoked_at IS NULL RETURNING id"""
_OWNER: Final = "SELECT user_id FROM sessions WHERE id = $1"
_REVOKE: Final = "UPDATE sessions SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL RETURNING id"
_REVOKE_ALL: Final = """
    UPDATE sessions SET revoked_at = $2 WHERE user_id = $1 AND id <> $3 AND revoked_at IS NULL RETURNING id"""
_REVOKE_OLDEST: Final = """
    UPDATE sessions SET revoked_at = $2
    WHERE user_id = $1 AND revoked_at IS NULL AND id <> $3 AND id NOT IN (
        SELECT id FROM sessions WHERE user_id = $1 AND revoked_at IS NULL AND id <> $3
        ORDER BY rotated_at DESC, id LIMIT $4)
    RETURNING id"""
_REVOKED_SINCE: Final = "SELECT id FROM sessions WHERE revoked_at >= $1 ORDER BY revoked_at"
_PURGE_REVOKED: Final = """
    DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE revoked_at < $1 LIMIT $2) RETURNING id"""
_PURGE_UNUSED: Final = """
    DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE rotated_at < $1 LIMIT $2) RETURNING id"""


class SessionArea(Area):
    """See `chatserver.store.interfaces.sessions.SessionStore` for what every method guarantees."""

    async def create_session(
        self, record: SessionRecord, *, password_hash: str | None = None, most: int | None = None
    ) -> bool:
        return await self._write(partial(_create, record=record, password_hash=password_hash, most=most))

    async def session(self, session_id: int) -> SessionRecord | None:
        row = await self._one(_BY_ID, session_id)
        return rows.session(row) if row else None

    async def live_sessions(self, user_id: int, used_since: int) -> list[SessionRecord]:
        return [rows.session(row) for row in await self._reader.all(_LIVE, user_id, used_since)]

    async def rotate_session(self, session_id: int, old_hash: bytes, new_hash: bytes, now: int) -> bool:
        async def step(tx: Transaction) -> bool:
            return bool(await tx.all(_ROTATE, session_id, old_hash, new_hash, now))

        return await self._write(step)

    async def revoke_session(self, session_id: int, now: int, *, user_id: int | None = None) -> bool:
        async def step(tx: Transaction) -> bool:
            owner = await tx.all(_OWNER, session_id)
            if not owner or user_id not in {None, owner[0][0]}:
                return False
            _tell(tx, await tx.all(_REVOKE, session_id, now))
            return True

        return await self._write(step)

    async def revoke_sessions(self, user_id: int, now: int, *, keep: int = 0) -> int:
        return await self._write(partial(end_sessions, user_id=user_id, now=now, keep=keep))

    async def revoked_since(self, at: int) -> list[int]:
        return [row[0] for row in await self._reader.all(_REVOKED_SINCE, at)]

    async def purge_sessions(self, *, revoked_before: int, used_before: int, most: int) -> int:
        async def step(tx: Transaction) -> int:
            purged = len(await tx.all(_PURGE_REVOKED, revoked_before, most))
            return purged + len(await tx.all(_PURGE_UNUSED, used_before, most - purged))

        return await self._write(step)


async def end_sessions(tx: Transaction, user_id: int, now: int, keep: int = 0) -> int:
    """The step of `revoke_sessions`, for other steps too."""
    revoked = await tx.all(_REVOKE_ALL, user_id, now, keep)
    _tell(tx, revoked)
    return len(revoked)


async def _create(tx: Transaction, record: SessionRecord, password_hash: str | None, most: int | None) -> bool:
    if not await tx.all(_MAY_SIGN_IN, record.user_id, password_hash):
        return False
    await tx.all(
        _INSERT,
        record.id,
        record.user_id,
        record.device,
        record.refresh_hash,
        record.previous_hash,
        record.created_at,
        record.rotated_at,
        record.revoked_at,
    )
    if most is not None:
        _tell(tx, await tx.all(_REVOKE_OLDEST, record.user_id, record.created_at, record.id, most - 1))
    return True


def _tell(tx: Transaction, revoked: Sequence[rows.Row]) -> None:
    tx.changes.revoked.extend(row[0] for row in revoked)
