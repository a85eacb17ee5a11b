"""Invitations and reset codes of a store on any engine."""

from functools import partial
from typing import Final

from chatproto.errors import ChatError
from chatserver.store import rows, sql
from chatserver.store.areas.area import Area
from chatserver.store.areas.users import ACCOUNT_BY_EMAIL, replace_password
from chatserver.store.interfaces.invites import InviteRecord, ResetCode
from chatserver.store.writes import Transaction, touch

_COLUMNS: Final = "id, code_hash, created_by, created_at, expires_at, uses_left"
_USABLE: Final = "uses_left > 0 AND expires_at > $1"
_OF_MAKER: Final = "created_by = $2"
_INSERT: Final = f"INSERT INTO invites ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6)"  # noqa: S608 - constants
_COUNT: Final = f"SELECT COUNT(*) FROM invites WHERE {_USABLE} AND {_OF_MAKER}"  # noqa: S608 - constants
_LIST: Final = f"""
    SELECT {_COLUMNS} FROM invites WHERE {_USABLE} AND {_OF_MAKER}
    ORDER BY created_at DESC, id LIMIT $3"""  # noqa: S608 - constants
_BY_CODE: Final = f"SELECT 1 FROM invites WHERE {_USABLE} AND code_hash = $2"  # noqa: S608 - constants
_DELETE: Final = f"DELETE FROM invites WHERE id = $1 AND {_OF_MAKER} RETURNING id"  # noqa: S608 - constants
_PURGE: Final = """
    DELETE FROM invites WHERE id IN (SELECT id FROM invites WHERE expires_at <= $1 LIMIT $2) RETURNING id"""
_PURGE_CODES: Final = """
    DELETE FROM reset_codes WHERE user_id IN (SELECT user_id FROM reset_codes WHERE expires_at <= $1 LIMIT $2)
    RETURNING user_id"""

_PUT_CODE: Final = """
    INSERT INTO reset_codes (user_id, code_hash, created_at, expires_at, tries_left) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (user_id) DO UPDATE SET code_hash = excluded.code_hash, created_at = excluded.created_at,
        expires_at = excluded.expires_at, tries_left = excluded.tries_left
    WHERE reset_codes.created_at < $6 RETURNING user_id"""
_CODE: Final = "SELECT code_hash FROM reset_codes WHERE user_id = $1 AND expires_at > $2 AND tries_left > 0"
_TRY: Final = "UPDATE reset_codes SET tries_left = tries_left - 1 WHERE user_id = $1"
_END: Final = (1 << 62) - 1
"""Above every time."""


class InviteArea(Area):
    """See `chatserver.store.interfaces.invites.InviteStore` for what every method guarantees."""

    async def create_invite(self, record: InviteRecord, *, most: int | None = None) -> bool:
        return await self._write(partial(_create, record=record, most=most))

    async def invites(self, created_by: int, now: int, limit: int) -> list[InviteRecord]:
        return [InviteRecord(*row) for row in await self._reader.all(_LIST, now, created_by, limit)]

    async def invite_is_usable(self, code_hash: bytes, now: int) -> bool:
        return await self._one(_BY_CODE, now, code_hash) is not None

    async def delete_invite(self, invite_id: int, created_by: int) -> bool:
        async def step(tx: Transaction) -> bool:
            return bool(await tx.all(_DELETE, invite_id, created_by))

        return await self._write(step)

    async def put_reset_code(self, code: ResetCode, *, unless_since: int | None = None) -> bool:
        return await self._write(partial(_put_code, code=code, unless_since=unless_since))

    async def reset_password(self, email: str, code_hash: bytes, password_hash: str, now: int) -> bool:
        return await self._write(
            partial(_reset, email=email, code_hash=code_hash, password_hash=password_hash, now=now)
        )

    async def purge_invites(self, now: int, most: int) -> int:
        async def step(tx: Transaction) -> int:
            return len(await tx.all(_PURGE, now, most)) + len(await tx.all(_PURGE_CODES, now, most))

        return await self._write(step)


async def _create(tx: Transaction, record: InviteRecord, most: int | None) -> bool:
    if most is not None and (await tx.all(_COUNT, record.created_at, record.created_by))[0][0] >= most:
        return False
    await tx.all(
        _INSERT,
        record.id,
        record.code_hash,
        record.created_by,
        record.created_at,
        record.expires_at,
        record.uses_left,
    )
    return True


async def _put_code(tx: Transaction, code: ResetCode, unless_since: int | None) -> bool:
    if not await tx.all(sql.IS_USER, code.user_id):
        raise ChatError("userNotFound")
    bound = _END if unless_since is None else unless_since
    kept = await tx.all(
        _PUT_CODE, code.user_id, code.code_hash, code.created_at, code.expires_at, code.tries_left, bound
    )
    return bool(kept)


async def _reset(tx: Transaction, email: str, code_hash: bytes, password_hash: str, now: int) -> bool:
    await touch(tx)  # so that a wrong code for somebody who has none costs a commit, too
    found = await tx.all(ACCOUNT_BY_EMAIL, email)
    user_id = rows.account(found[0]).user.id if found else 0
    codes = await tx.all(_CODE, user_id, now)
    if not codes or bytes(codes[0][0]) != code_hash:
        await tx.all(_TRY, user_id)
        return False
    await replace_password(tx, user_id, password_hash, revoke_sessions=True)
    return True
