"""The writes that concern one thing at a time, as steps inside an open transaction of any engine."""

import secrets
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import Any, Protocol, TypeVar

from chatproto.errors import ChatError
from chatproto.models import ChatCreated, User, event_id
from chatserver.store import rows, sql
from chatserver.store.base import ChatCommit, Commit, JoinedUser, SessionRecord


class Transaction(Protocol):
    """An open write transaction. Nothing of it is visible, or told to anybody, before it commits."""

    now: int
    """The time of the transaction, microseconds since 1970 UTC."""
    changes: Commit
    """What the transaction changes, told to the commit listener once it is durable."""
    joined: list[tuple[int, int]]
    """(user, chat) of new members; their `JoinedUser` is made when everything else is applied."""

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


async def direct_chat(tx: Transaction, user_id: int, peer_id: int) -> int:
    """Id of the direct chat of two users, made if missing. Raises `userNotFound`."""
    low, high = sorted((user_id, peer_id))
    found = await tx.all(sql.DIRECT_CHAT, low, high)
    if found:
        return int(found[0][0])
    people = {low, high}
    for person in people:
        if not await tx.all(sql.ACCOUNT_BY_ID, person):
            raise ChatError("userNotFound")
    chat_id = random_id()
    await tx.all(sql.INSERT_CHAT, chat_id, "direct", "", low, high, len(people), tx.now)
    await _add_members(tx, chat_id, people)
    return chat_id


async def create_group(tx: Transaction, creator_id: int, title: str, member_ids: Sequence[int]) -> int:
    """Id of a new group. Raises `membersInvalid`."""
    people = dict.fromkeys([creator_id, *member_ids])
    chat_id = random_id()
    await tx.all(sql.INSERT_CHAT, chat_id, "group", title, None, None, len(people), tx.now)
    joined = await _add_members(tx, chat_id, people)
    if joined < len(people):
        raise ChatError("membersInvalid", f"{len(people) - joined} of them do not exist.")
    members = list(people)
    await tx.all(sql.INSERT_EVENT, chat_id, 1, tx.now, creator_id, None, "created", rows.created_body(title, members))
    await tx.all(sql.SET_HEAD, chat_id, 1, tx.now)
    created = ChatCreated(
        id=event_id(chat_id, 1), seq=1, at=tx.now, sender_id=creator_id, title=title, member_ids=members
    )
    tx.changes.chats.append(ChatCommit(chat_id, [created]))
    return chat_id


async def _add_members(tx: Transaction, chat_id: int, user_ids: Iterable[int]) -> int:
    """Make existing users members of a new chat; returns how many exist."""
    users = list(user_ids)
    await tx.many(sql.INSERT_MEMBER, [(chat_id, user_id, 0) for user_id in users])
    await tx.many(sql.NEXT_USEQ, [(user_id,) for user_id in users])
    await tx.many(sql.LOG_FOR_USER, [(user_id, chat_id, "joined") for user_id in users])
    joined = await tx.all(sql.MEMBERS_USEQ, chat_id)
    tx.joined.extend((user_id, chat_id) for user_id, _ in joined)
    return len(joined)


async def tell_joined(tx: Transaction) -> None:
    """Describe each new chat to its members as it is at the end of the transaction."""
    for chat_id in dict.fromkeys(chat_id for _, chat_id in tx.joined):
        positions = {row[0]: row[1] for row in await tx.all(sql.MEMBERS_USEQ, chat_id)}
        seen_by = {row[0]: rows.chat(row) for row in await tx.all(sql.CHAT_OF_MEMBERS, chat_id)}
        tx.changes.joined.extend(
            JoinedUser(user_id, seen_by[user_id], positions[user_id])
            for user_id, joined_chat in tx.joined
            if joined_chat == chat_id
        )
