"""The writes that concern one thing at a time, as steps inside an open transaction of any engine."""

import secrets
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import Any, Protocol, TypeVar

from chatserver.store import rows, sql
from chatserver.store.base import Commit


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
        """For each (sender, client id) that is stored: `sender_id, client_id, chat_id, seq, at, body, extra, origin`.

        `origin` is None, but the digest as sent for a message that has been removed since.
        """
        ...


T = TypeVar("T")
Write = Callable[[Transaction], Awaitable[T]]
"""A step inside a transaction; what it raises undoes this step alone."""


def random_id() -> int:
    """A new id: 48 random bits, never 0."""
    return secrets.randbits(48) or 1


async def secret(tx: Transaction, name: str) -> bytes:
    """`Store.secret`."""
    key = f"secret.{name}"
    await tx.all(sql.INSERT_META, key, secrets.token_bytes(32))
    return bytes((await tx.all(sql.META, key))[0][0])


async def touch(tx: Transaction) -> None:
    """Write something, so that a full disk or a read-only file shows."""
    await tx.all(sql.REPLACE_META, "touched", tx.now.to_bytes(8, "big"))


async def note_untold(tx: Transaction, changes: Sequence[Commit]) -> None:
    """Note where the new events of each chat begin, for the server to tell of them."""
    firsts = [(chat.chat_id, chat.events[0].seq) for commit in changes for chat in commit.chats]
    if firsts:
        await tx.many(sql.NOTE_UNTOLD, firsts)


async def take_untold(tx: Transaction) -> list[tuple[int, int]]:
    """Chats with events that another process has added, each with the first of them; each is given once."""
    return [(row[0], row[1]) for row in await tx.all(sql.TAKE_UNTOLD)]


async def log_event(tx: Transaction, chat_id: int, sender_id: int, kind: str, body: str) -> tuple[int, int]:
    """Append an event that is no message to a chat's log; returns its seq and time."""
    [(seq, at)] = await tx.all(sql.NEXT_HEAD, chat_id, tx.now)
    await tx.all(sql.INSERT_EVENT, chat_id, seq, at, sender_id, None, kind, body)
    return seq, at
