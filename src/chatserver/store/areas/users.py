"""Users of a store on any engine: accounts, profiles, passwords and the list that clients follow."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from chatproto.errors import ChatError
from chatproto.models import User
from chatserver.store import rows, sql
from chatserver.store.areas import membership
from chatserver.store.areas.area import Area
from chatserver.store.areas.sessions import end_sessions
from chatserver.store.areas.user_words import words_of
from chatserver.store.interfaces.users import Account, Found, ProfileChange
from chatserver.store.writes import Transaction, random_id

DELETED_NAME: Final = "Deleted account"

_NEXT_REV: Final = "(SELECT COALESCE(MAX(rev), 0) + 1 FROM users)"
_ACCOUNT: Final = f"SELECT {sql.USER}, u.password_hash, u.useq FROM users u"  # noqa: S608 - constants
ACCOUNT_BY_EMAIL: Final = f"{_ACCOUNT} WHERE u.email = $1 AND u.deleted_at IS NULL"
_ACCOUNT_BY_ID: Final = f"{_ACCOUNT} WHERE u.id = $1"
_USERS_SINCE: Final = f"SELECT {sql.USER} FROM users u WHERE u.rev > $1 ORDER BY u.rev LIMIT $2"  # noqa: S608 - constants
_USERS_REV: Final = "SELECT COALESCE(MAX(rev), 0) FROM users"
_INSERT_USER: Final = f"""
    INSERT INTO users (id, email, display_name, password_hash, rev, created_at, has_words)
    VALUES ($1, $2, $3, $4, {_NEXT_REV}, $5, 1) ON CONFLICT (email) DO NOTHING RETURNING rev"""  # noqa: S608 - constants
_USE_INVITE: Final = """
    UPDATE invites SET uses_left = uses_left - 1
    WHERE code_hash = $1 AND uses_left > 0 AND expires_at > $2 RETURNING id"""
_REPLACE_HASH: Final = "UPDATE users SET password_hash = $2 WHERE id = $1 RETURNING id"
_DELETE_RESET_CODE: Final = "DELETE FROM reset_codes WHERE user_id = $1"
_SET_PROFILE: Final = f"""
    UPDATE users SET display_name = $2, status = $3, avatar_file_id = $4, rev = {_NEXT_REV}
    WHERE id = $1"""  # noqa: S608 - constants
_IS_OWN_IMAGE: Final = """
    SELECT 1 FROM files WHERE id = $1 AND owner_id = $2
    AND media_type IN ('image/png', 'image/jpeg', 'image/gif', 'image/webp')"""
_SET_DISABLED: Final = f"UPDATE users SET disabled_at = $2, rev = {_NEXT_REV} WHERE id = $1"  # noqa: S608 - constants
_GROUPS: Final = """
    SELECT m.chat_id FROM members m JOIN chats c ON c.id = m.chat_id
    WHERE m.user_id = $1 AND c.kind = 'group' ORDER BY m.chat_id"""
_BURY: Final = f"""
    UPDATE users SET email = $2, display_name = $3, password_hash = '!', status = '', avatar_file_id = NULL,
        deleted_at = $4, rev = {_NEXT_REV} WHERE id = $1"""  # noqa: S608 - constants
_FORGET: Final = (
    "UPDATE sessions SET device = '' WHERE user_id = $1",
    "DELETE FROM invites WHERE created_by = $1",
    _DELETE_RESET_CODE,
    "DELETE FROM push_subscriptions WHERE user_id = $1",
    "DELETE FROM push_rules WHERE user_id = $1",
    "DELETE FROM last_seen WHERE user_id = $1",
    "DELETE FROM user_words WHERE user_id = $1",
)
"""What else is kept of a person."""

_DELETE_WORDS: Final = "DELETE FROM user_words WHERE user_id = $1"
_INSERT_WORD: Final = "INSERT INTO user_words (word, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING"
_WITHOUT_WORDS: Final = "SELECT id, display_name, email, deleted_at FROM users WHERE has_words = 0 LIMIT $1"
_HAS_WORDS: Final = "UPDATE users SET has_words = 1 WHERE id = $1"
_COUNT_WORDS: Final = """
    SELECT COUNT(*) FROM (SELECT 1 FROM user_words WHERE word >= $1 AND word < $2 LIMIT $3) AS capped"""
_ALSO: Final = """
        AND EXISTS (
            SELECT 1 FROM user_words o WHERE o.user_id = w.user_id AND o.word >= ${low} AND o.word < ${high})"""
_ABOVE: Final = "\U0010ffff"
"""Follows everything that begins with the text it is appended to."""


class UserArea(Area):
    """See `chatserver.store.interfaces.users.UserStore` for what every method guarantees."""

    async def create_user(self, email: str, display_name: str, password_hash: str, *, invite: bytes = b"") -> User:
        step = partial(_create, email=email, display_name=display_name, password_hash=password_hash, invite=invite)
        return await self._write(step)

    async def account_by_email(self, email: str) -> Account | None:
        row = await self._one(ACCOUNT_BY_EMAIL, email)
        return rows.account(row) if row else None

    async def account(self, user_id: int) -> Account | None:
        row = await self._one(_ACCOUNT_BY_ID, user_id)
        return rows.account(row) if row else None

    async def set_password_hash(
        self,
        user_id: int,
        password_hash: str,
        *,
        revoke_sessions: bool,
        expected: str | None = None,
        keep_session: int = 0,
    ) -> bool:
        async def step(tx: Transaction) -> bool:
            account = await _living(tx, user_id)
            if expected is not None and account.password_hash != expected:
                return False
            await replace_password(tx, user_id, password_hash, revoke_sessions=revoke_sessions, keep=keep_session)
            return True

        return await self._write(step)

    async def update_profile(self, user_id: int, change: ProfileChange) -> User:
        return await self._write(partial(_update_profile, user_id=user_id, change=change))

    async def set_disabled(self, user_id: int, disabled: bool) -> User:
        return await self._write(partial(_set_disabled, user_id=user_id, disabled=disabled))

    async def delete_user(self, user_id: int, *, expected: str | None = None) -> bool:
        return await self._write(partial(delete, user_id=user_id, expected=expected))

    async def users_since(self, rev: int, limit: int) -> list[User]:
        return [rows.user(row) for row in await self._reader.all(_USERS_SINCE, rev, limit)]

    async def users_rev(self) -> int:
        row = await self._one(_USERS_REV)
        return int(row[0]) if row else 0

    async def search_users(self, words: Sequence[str], first: int, after: tuple[str, int], limit: int) -> list[Found]:
        leading = words[first]
        others = [word for index, word in enumerate(words) if index != first]
        start = max(after, (leading, 0))
        args: list[object] = [leading, leading + _ABOVE, *start, limit]
        for word in others:
            args += [word, word + _ABOVE]
        found = await self._reader.all(_search(len(others)), *args)
        return [Found(rows.user(row), row[8]) for row in found]

    async def count_words(self, word: str, most: int) -> int:
        row = await self._one(_COUNT_WORDS, word, word + _ABOVE, most)
        return int(row[0]) if row else 0

    async def add_missing_words(self, most: int) -> int:
        return await self._write(partial(_add_missing_words, most=most))


def _search(others: int) -> str:
    """Along the index of words; a user is taken at the first of their words that matches."""
    conditions = "".join(_ALSO.format(low=number, high=number + 1) for number in range(6, 6 + 2 * others, 2))
    return f"""
        SELECT {sql.USER}, w.word FROM user_words w JOIN users u ON u.id = w.user_id
        WHERE w.word < $2 AND (w.word, w.user_id) > ($3, $4)
        AND NOT EXISTS (
            SELECT 1 FROM user_words b WHERE b.user_id = w.user_id AND b.word >= $1 AND b.word < w.word)
        {conditions} ORDER BY w.word, w.user_id LIMIT $5"""  # noqa: S608 - constants and parameter marks


async def replace_password(
    tx: Transaction, user_id: int, password_hash: str, *, revoke_sessions: bool, keep: int = 0
) -> None:
    """The step of `set_password_hash` for an account that exists."""
    await tx.all(_REPLACE_HASH, user_id, password_hash)
    if revoke_sessions:
        await tx.all(_DELETE_RESET_CODE, user_id)
        await end_sessions(tx, user_id, tx.now, keep=keep)


async def _living(tx: Transaction, user_id: int) -> Account:
    found = await tx.all(_ACCOUNT_BY_ID, user_id)
    account = rows.account(found[0]) if found else None
    if account is None or account.user.deleted:
        raise ChatError("userNotFound")
    return account


async def _changed(tx: Transaction, user_id: int) -> User:
    """A user after a change, which everybody is told of."""
    user = rows.user((await tx.all(_ACCOUNT_BY_ID, user_id))[0])
    tx.changes.users_rev = user.rev
    return user


async def _create(tx: Transaction, email: str, display_name: str, password_hash: str, invite: bytes) -> User:
    if invite and not await tx.all(_USE_INVITE, invite, tx.now):
        raise ChatError("inviteInvalid")
    user_id = random_id()
    if not await tx.all(_INSERT_USER, user_id, email, display_name, password_hash, tx.now):
        raise ChatError("emailTaken")
    await _set_words(tx, user_id, display_name, email)
    return await _changed(tx, user_id)


async def _update_profile(tx: Transaction, user_id: int, change: ProfileChange) -> User:
    user = (await _living(tx, user_id)).user
    display_name = user.display_name if change.display_name is None else change.display_name
    status = user.status if change.status is None else change.status
    avatar = user.avatar if change.avatar is None else change.avatar or None
    if (display_name, status, avatar) == (user.display_name, user.status, user.avatar):
        return user
    if avatar is not None and avatar != user.avatar and not await tx.all(_IS_OWN_IMAGE, avatar, user_id):
        raise ChatError("avatarInvalid")
    await tx.all(_SET_PROFILE, user_id, display_name, status, avatar)
    if display_name != user.display_name:
        await _set_words(tx, user_id, display_name, user.email)
    return await _changed(tx, user_id)


async def _set_disabled(tx: Transaction, user_id: int, disabled: bool) -> User:
    user = (await _living(tx, user_id)).user
    if user.disabled != disabled:
        await tx.all(_SET_DISABLED, user_id, tx.now if disabled else None)
        user = await _changed(tx, user_id)
    if disabled:
        await end_sessions(tx, user_id, tx.now)
    return user


async def delete(tx: Transaction, user_id: int, expected: str | None) -> bool:
    """The step of `delete_user`, for other steps too."""
    account = await _living(tx, user_id)
    if expected is not None and account.password_hash != expected:
        return False
    await end_sessions(tx, user_id, tx.now)
    for (chat_id,) in await tx.all(_GROUPS, user_id):
        await membership.remove_member(tx, user_id, chat_id, user_id)
    # No address can look like this one, so nobody can take it.
    await tx.all(_BURY, user_id, f"deleted:{user_id}", DELETED_NAME, tx.now)
    for statement in _FORGET:
        await tx.all(statement, user_id)
    await _changed(tx, user_id)
    return True


async def _set_words(tx: Transaction, user_id: int, display_name: str, email: str) -> None:
    await tx.all(_DELETE_WORDS, user_id)
    await tx.many(_INSERT_WORD, [(word, user_id) for word in words_of(display_name, email)])


async def _add_missing_words(tx: Transaction, most: int) -> int:
    found = await tx.all(_WITHOUT_WORDS, most)
    for user_id, display_name, email, deleted_at in found:
        if deleted_at is None:
            await _set_words(tx, user_id, display_name, email)
        await tx.all(_HAS_WORDS, user_id)
    return len(found)
