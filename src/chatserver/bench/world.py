"""The world of a benchmark: users, chats and messages stored directly, tokens without passwords, and their removal."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Final

from chatproto import codec
from chatproto.frames import Hello
from chatproto.models import User
from chatserver.backends import open_store
from chatserver.clock import now_us
from chatserver.services.tokens import AccessTokens
from chatserver.store.base import NewMessage, Store
from chatserver.store.interfaces.sessions import SessionRecord

DOMAIN: Final = "bench.invalid"
"""Nobody can have an address there (RFC 2606), so that these users are taken for nobody else."""
_STEP: Final = 1_000
_PAGE: Final = 500


class Account:
    """A user who can greet the server."""

    def __init__(self, user: User, token: str) -> None:
        self.user = user
        self.token = token
        self.hello = codec.encode_text(Hello(token=token))


class World:
    """Users, chats and messages, written straight into the store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.accounts: list[Account] = []
        self._run = secrets.token_hex(4)

    async def add_users(self, count: int) -> None:
        access = AccessTokens(await self.store.secret("access-token"))

        async def add(number: int) -> Account:
            user = await self.store.create_user(f"{self._run}-{number}@{DOMAIN}", f"Benchmark {number}", "!")
            now, session_id, digest = now_us(), secrets.randbits(48) or 1, secrets.token_bytes(32)
            await self.store.create_session(SessionRecord(session_id, user.id, "", digest, None, now, now, None))
            return Account(user, access.make(user.id, session_id, now_us=now, ttl_s=3_600)[0])

        for start in range(0, count, 500):
            self.accounts += await asyncio.gather(*map(add, range(start, min(count, start + 500))))

    async def group(self, title: str, members: Iterable[Account]) -> int:
        first, *others = [account.user.id for account in members]
        return (await self.store.create_group(first, title, others)).id

    async def direct(self, one: Account, other: Account) -> int:
        return (await self.store.open_direct(one.user.id, other.user.id)).id

    async def fill(self, chat_id: int, sender: Account, count: int) -> None:
        for start in range(0, count, 1_000):
            batch = [
                NewMessage(sender.user.id, secrets.token_bytes(16), f"message {number} " + "x" * 180, chat_id=chat_id)
                for number in range(start, min(count, start + 1_000))
            ]
            await self.store.append(batch)


@contextlib.asynccontextmanager
async def new_world(data: Path) -> AsyncIterator[World]:
    """A fresh database in `data`, open for as long as the block."""
    store = await open_store(data, serving=False)
    try:
        yield World(store)
    finally:
        await store.close()


async def remove_all(store: Store) -> tuple[int, int]:
    """Remove every user of a benchmark, and the messages of chats that are theirs alone; how many of each. Idempotent.

    What stays are numbers: of users, of chats without members, and how far their logs went.
    """
    users = [user.id async for user in _users(store)]
    theirs = set(users)
    chats = {chat_id: user for user in users for chat_id in await store.chat_ids(user)}
    alone = [chat_id for chat_id, viewer in chats.items() if await _members(store, viewer, chat_id) <= theirs]
    messages = sum([await _empty(store, chat_id) for chat_id in alone])
    for user in users:
        await store.delete_user(user)
        while await store.forget_removed(user, _STEP) == _STEP:
            pass
        await store.finish_erasure(user)
    for chat_id in alone:  # that they left
        await _empty(store, chat_id)
    return len(users), messages


async def _users(store: Store) -> AsyncIterator[User]:
    rev = 0
    while page := await store.users_since(rev, _PAGE):
        for user in page:
            if not user.deleted and user.email.endswith(f"@{DOMAIN}"):
                yield user
        rev = page[-1].rev


async def _members(store: Store, viewer: int, chat_id: int) -> set[int]:
    found: set[int] = set()
    after = 0
    while page := await store.members(viewer, chat_id, after, _PAGE):
        found |= {member.user_id for member in page}
        after = page[-1].user_id
    return found


async def _empty(store: Store, chat_id: int) -> int:
    removed = 0
    while (step := await store.remove_before(chat_id, now_us() + 1, 0, _STEP)).events:
        removed += step.messages
    return removed
