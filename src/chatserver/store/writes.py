"""The writes that concern one thing at a time, as steps inside an open transaction of any engine."""

import secrets
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import Any, Protocol, TypeVar

from chatproto.errors import ChatError
from chatproto.models import User
from chatserver.store import rows, sql
from chatserver.store.base import Commit, SessionRecord


class Transaction(Protocol):
    """An open write transaction. Nothing of it is visible, or told to anybody, before it commits."""

    now: int
    """The time of the transaction, microseconds since 1970 UTC."""
    changes: Commit
    """What the transaction changes, told to the commit listener once it is durable."""
    joined: list[tuple[int, int, int]]
    """(user, chat, useq) of new members; their `JoinedUser` is made when the step is done."""

    async def all(self, statement: str, *args: Any) -> Sequence[rows.Row]: ...

    async def many(self, statement: str, args: Iterable[tuple[Any, ...]]) -> None:
        """Run one statement for each tuple of arguments."""
        ...

    async def memberships(self, pairs: Collection[tuple[int, int]]) -> Sequence[rows.Row]:
        """For each (user, chat) that is a membership: `user_id, chat_id, head, head_at, seen_seq, useq`."""
        ...

    async def heads_of(self, pairs: Collection[tuple[int, int]]) -> Sequence[rows.Row]:
        """For each (user, chat) that is a membership: `user_id` and the columns of `sql.HEAD`."""
        ...

    async def chats_of(self, pairs: Collection[tuple[int, int]]) -> Sequence[rows.Row]:
        """For each (user, chat) that is a membership: the columns of `sql.CHAT`."""
        ...

    async def sent_before(self, keys: Collection[tuple[int, bytes]]) -> Sequence[rows.Row]:
        """For each (sender, client id) that is stored: `sender_id, client_id, chat_id, seq, at, body, extra`."""
        ...


T = TypeVar("T")
Write = Callable[[Transaction], Awaitable[T]]
"""A step inside a transaction; what it raises undoes this step alone."""


def random_id() -> int:
    """A new id: 48 random bits, never 0."""
    return secrets.randbits(48) or 1


async def create_user(tx: Transaction, email: str, display_name: str, password_hash: str) -> User:
    """`Store.create_user`."""
    user_id = random_id()
    found = await tx.all(sql.INSERT_USER, user_id, email, display_name, password_hash, tx.now)
    if not found:
        raise ChatError("emailTaken")
    rev = found[0][0]
    tx.changes.users_rev = rev
    return User(id=user_id, email=email, display_name=display_name, rev=rev)


async def set_password_hash(tx: Transaction, user_id: int, password_hash: str, revoke_sessions: bool) -> None:
    """`Store.set_password_hash`."""
    if not await tx.all(sql.REPLACE_HASH, user_id, password_hash):
        raise ChatError("userNotFound")
    if revoke_sessions:
        revoked = await tx.all(sql.REVOKE_USER_SESSIONS, user_id, tx.now)
        tx.changes.revoked.extend(row[0] for row in revoked)


async def create_session(tx: Transaction, record: SessionRecord) -> None:
    """`Store.create_session`."""
    await tx.all(
        sql.INSERT_SESSION,
        record.id,
        record.user_id,
        record.device,
        record.refresh_hash,
        record.previous_hash,
        record.created_at,
        record.rotated_at,
        record.revoked_at,
    )


async def rotate_session(tx: Transaction, session_id: int, old_hash: bytes, new_hash: bytes, now: int) -> bool:
    """`Store.rotate_session`."""
    return bool(await tx.all(sql.ROTATE_SESSION, session_id, old_hash, new_hash, now))


async def revoke_session(tx: Transaction, session_id: int, now: int) -> None:
    """`Store.revoke_session`."""
    revoked = await tx.all(sql.REVOKE_SESSION, session_id, now)
    tx.changes.revoked.extend(row[0] for row in revoked)


async def secret(tx: Transaction, name: str) -> bytes:
    """`Store.secret`."""
    key = f"secret.{name}"
    await tx.all(sql.INSERT_META, key, secrets.token_bytes(32))
    return bytes((await tx.all(sql.META, key))[0][0])


async def touch(tx: Transaction) -> None:
    """Write something, so that a full disk or a read-only file shows."""
    await tx.all(sql.REPLACE_META, "touched", tx.now.to_bytes(8, "big"))


async def log_event(tx: Transaction, chat_id: int, sender_id: int, kind: str, body: str) -> tuple[int, int]:
    """Append an event that is no message to a chat's log; returns its seq and time."""
    [(seq, at)] = await tx.all(sql.NEXT_HEAD, chat_id, tx.now)
    await tx.all(sql.INSERT_EVENT, chat_id, seq, at, sender_id, None, kind, body)
    return seq, at
