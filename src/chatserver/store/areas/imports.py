"""Accounts and chats of other systems, found again by digests of their ids; the same on every engine."""

from collections.abc import Collection, Sequence
from functools import lru_cache, partial
from typing import Final

from chatproto.models import Chat
from chatserver.store import imports, rows, sql
from chatserver.store.areas.area import Area
from chatserver.store.areas.user_words import words_of
from chatserver.store.areas.users import ACCOUNT_BY_EMAIL, DELETED_NAME
from chatserver.store.interfaces.imports import (
    AccountPlace,
    Appended,
    ChatPlace,
    ImportedEvent,
    ImportedMember,
    NewAccount,
    NewChat,
)
from chatserver.store.writes import Transaction, random_id

_JOINED_MAX: Final = 2_000
"""Members told at a time, about: it keeps the server from other work for some milliseconds."""
_IDS_MAX: Final = 512
"""Values in one statement's list."""
_NO_PASSWORD: Final = "!"  # noqa: S105 - no hash has this form, so that no password is right
_USER: Final = """
    SELECT i.user_id, u.deleted_at IS NOT NULL FROM imported_users i JOIN users u ON u.id = i.user_id
    WHERE i.source = $1 AND i.key = $2"""
_NOTE_USER: Final = "INSERT INTO imported_users (source, key, user_id) VALUES ($1, $2, $3)"
_INSERT_USER: Final = """
    INSERT INTO users (
        id, email, display_name, password_hash, rev, created_at, has_words, status, disabled_at, deleted_at)
    VALUES ($1, $2, $3, $4, (SELECT COALESCE(MAX(rev), 0) + 1 FROM users), $5, 1, $6, $7, $8) RETURNING rev"""
_INSERT_WORD: Final = "INSERT INTO user_words (word, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING"
_CHAT: Final = "SELECT chat_id FROM imported_chats WHERE source = $1 AND key = $2"
_NOTE_CHAT: Final = "INSERT INTO imported_chats (source, key, chat_id) VALUES ($1, $2, $3)"
_HEAD: Final = "SELECT head, head_at FROM chats WHERE id = $1"
_KIND: Final = "SELECT kind FROM chats WHERE id = $1"
_INSERT_CHAT: Final = """
    INSERT INTO chats (
        id, kind, title, topic, direct_low, direct_high, owner_id, member_count, head, head_at, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, 0, 0, $8, $8)"""
_IS_UNFINISHED: Final = "SELECT 1 FROM imported_chats WHERE chat_id = $1 AND unfinished = 1"
_FINISH: Final = """
    UPDATE imported_chats SET unfinished = 0, finished = (SELECT MAX(finished) + 1 FROM imported_chats)
    WHERE chat_id = $1"""
_SET_OWNER: Final = """
    UPDATE chats SET owner_id = (
        SELECT user_id FROM members WHERE chat_id = $1 ORDER BY joined_seq, user_id LIMIT 1)
    WHERE id = $1 AND kind = 'group'
    AND NOT EXISTS (SELECT 1 FROM members WHERE chat_id = $1 AND user_id = owner_id)"""
_FINISHED: Final = "SELECT COALESCE(MAX(finished), 0) FROM imported_chats"
_FINISHED_AFTER: Final = "SELECT finished, chat_id FROM imported_chats WHERE finished > $1 ORDER BY finished LIMIT $2"
_MEMBERS: Final = "SELECT user_id FROM members WHERE chat_id = $1"
_JOIN: Final = """
    INSERT INTO members (chat_id, user_id, joined_seq, seen_seq, pinned, muted_until, archived)
    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (chat_id, user_id) DO NOTHING"""
_SET_OWN: Final = """
    UPDATE members SET seen_seq = $3, pinned = $4, muted_until = $5, archived = $6
    WHERE chat_id = $1 AND user_id = $2 AND pinned = 0 AND muted_until = 0 AND archived = 0
    AND EXISTS (SELECT 1 FROM imported_chats WHERE chat_id = $1 AND unfinished = 1)"""
_COUNT: Final = """
    UPDATE chats SET member_count = (SELECT COUNT(*) FROM members WHERE chat_id = $1) WHERE id = $1"""
_CHATS_OF_MEMBERS: Final = f"""
    SELECT {sql.CHAT}, (
        SELECT COALESCE(MAX(l.useq), 0) FROM user_log l WHERE l.user_id = m.user_id AND l.chat_id = m.chat_id)
    FROM members m JOIN chats c ON c.id = m.chat_id WHERE m.chat_id = $1"""  # noqa: S608 - constants


class ImportArea(Area):
    """See `chatserver.store.interfaces.imports.ImportStore` for what every method guarantees."""

    async def import_users(self, source: str, accounts: Sequence[NewAccount]) -> list[AccountPlace]:
        return await self._write(partial(_import_users, source=source, accounts=accounts))

    async def find_users(self, source: str, accounts: Sequence[NewAccount]) -> list[AccountPlace | None]:
        found: list[AccountPlace | None] = []
        for account in accounts:
            row = await self._one(_USER, source, account.key)
            gone = row is not None and bool(row[1]) and not account.deleted
            if row is None and not account.deleted:
                row = await self._one(ACCOUNT_BY_EMAIL, account.email)
            found.append(AccountPlace(row[0], made=False, gone=gone) if row else None)
        return found

    async def import_chat(self, source: str, chat: NewChat) -> ChatPlace:
        return await self._write(partial(_import_chat, source=source, chat=chat))

    async def find_chat(self, source: str, key: bytes) -> int | None:
        row = await self._one(_CHAT, source, key)
        return int(row[0]) if row else None

    async def find_events(self, chat_id: int, keys: Collection[bytes]) -> set[bytes]:
        if not keys:
            return set()
        return {bytes(row[0]) for row in await self._reader.all(imports.look_up(len(keys)), chat_id, *keys)}

    async def import_events(self, chat_id: int, events: Sequence[ImportedEvent]) -> Appended:
        return await self._write(partial(imports.append, chat_id=chat_id, events=events))

    async def finish_chat(self, chat_id: int, members: Sequence[ImportedMember]) -> int:
        return await self._write(partial(_finish_chat, chat_id=chat_id, members=members))

    async def finished_imports(self) -> int:
        row = await self._one(_FINISHED)
        return int(row[0]) if row else 0

    async def joined_by_imports(self, after: int, limit: int) -> tuple[int, list[tuple[int, Chat, int]]]:
        joined: list[tuple[int, Chat, int]] = []
        for number, chat_id in await self._reader.all(_FINISHED_AFTER, after, limit):
            after = number
            for row in await self._reader.all(_CHATS_OF_MEMBERS, chat_id):
                joined.append((row[0], rows.chat(row[:-1]), row[-1]))
            if len(joined) >= _JOINED_MAX:
                break
        return after, joined


async def _import_users(tx: Transaction, source: str, accounts: Sequence[NewAccount]) -> list[AccountPlace]:
    places = []
    for account in accounts:
        found = await tx.all(_USER, source, account.key)
        if found:
            places.append(AccountPlace(found[0][0], made=False, gone=bool(found[0][1]) and not account.deleted))
            continue
        found = [] if account.deleted else await tx.all(ACCOUNT_BY_EMAIL, account.email)
        user_id = found[0][0] if found else await _make_user(tx, account)
        await tx.all(_NOTE_USER, source, account.key, user_id)
        places.append(AccountPlace(user_id, made=not found))
    return places


async def _make_user(tx: Transaction, account: NewAccount) -> int:
    user_id = random_id()
    ended = tx.now if account.deleted else None
    email = f"deleted:{user_id}" if account.deleted else account.email
    name = DELETED_NAME if account.deleted else account.display_name
    disabled = tx.now if account.disabled else None
    [(rev,)] = await tx.all(_INSERT_USER, user_id, email, name, _NO_PASSWORD, tx.now, account.status, disabled, ended)
    if not account.deleted:
        await tx.many(_INSERT_WORD, [(word, user_id) for word in words_of(name, email)])
    tx.changes.users_rev = rev
    return user_id


async def _import_chat(tx: Transaction, source: str, chat: NewChat) -> ChatPlace:
    found = await tx.all(_CHAT, source, chat.key)
    if found:
        chat_id = found[0][0]
        instead = chat.direct is not None and (await tx.all(_KIND, chat_id))[0][0] == "group"
        return ChatPlace(chat_id, made=False, instead=instead)
    direct = chat.direct
    if direct is not None:
        low, high = sorted(direct)
        existing = await tx.all(sql.DIRECT_CHAT, low, high)
        if not existing:
            return ChatPlace(await _make_direct(tx, source, chat, low, high), made=True)
        head, head_at = (await tx.all(_HEAD, existing[0][0]))[0]
        if (head == 0 or head_at < chat.oldest_at) and not await _is_imported(tx, existing[0][0]):
            await tx.all(_NOTE_CHAT, source, chat.key, existing[0][0])
            return ChatPlace(existing[0][0], made=True)
    chat_id = random_id()
    owner_id = chat.owner_id if direct is None else direct[0]
    await tx.all(_INSERT_CHAT, chat_id, "group", chat.title, chat.topic, None, None, owner_id, chat.created_at)
    await tx.all(_NOTE_CHAT, source, chat.key, chat_id)
    return ChatPlace(chat_id, made=True, instead=direct is not None)


async def _is_imported(tx: Transaction, chat_id: int) -> bool:
    """Whether another source's conversation has this chat already: each chat follows one source."""
    return bool(await tx.all("SELECT 1 FROM imported_chats WHERE chat_id = $1", chat_id))


async def _make_direct(tx: Transaction, source: str, chat: NewChat, low: int, high: int) -> int:
    """A direct chat has its members at once: there may be only one, and both may write in it meanwhile."""
    chat_id = random_id()
    await tx.all(_INSERT_CHAT, chat_id, "direct", "", "", low, high, None, chat.created_at)
    await tx.all(_NOTE_CHAT, source, chat.key, chat_id)
    people = list(dict.fromkeys((low, high)))
    await tx.many(_JOIN, [(chat_id, user_id, 0, 0, 0, 0, 0) for user_id in people])
    await _log(tx, chat_id, people, "joined")
    await tx.all(_COUNT, chat_id)
    return chat_id


async def _finish_chat(tx: Transaction, chat_id: int, members: Sequence[ImportedMember]) -> int:
    unfinished = bool(await tx.all(_IS_UNFINISHED, chat_id))
    head = (await tx.all(_HEAD, chat_id))[0][0]
    there = {row[0] for row in await tx.all(_MEMBERS, chat_id)}
    wanted: list[ImportedMember] = []
    if (await tx.all(_KIND, chat_id))[0][0] == "group":
        new = [member for member in members if member.user_id not in there]
        joining = await _may_join(tx, chat_id, [member.user_id for member in new])
        wanted = [member for member in new if member.user_id in joining]
    else:
        await _set_own(tx, chat_id, members)
    if wanted:
        await tx.many(_JOIN, [(chat_id, each.user_id, each.joined_seq, *_own(each, head)) for each in wanted])
        await _log(tx, chat_id, [member.user_id for member in wanted], "joined")
        await tx.all(_COUNT, chat_id)
        await tx.all(_SET_OWNER, chat_id)
    if unfinished or wanted:
        await _log(tx, chat_id, there, "seen")
        await tx.all(_FINISH, chat_id)
    return len(wanted)


async def _may_join(tx: Transaction, chat_id: int, user_ids: Sequence[int]) -> set[int]:
    """Those whose accounts exist, and who have not left this chat here."""
    living: set[int] = set()
    for start in range(0, len(user_ids), _IDS_MAX):
        part = sql.padded(user_ids[start : start + _IDS_MAX])
        living.update(row[0] for row in await tx.all(_living(len(part)), *part))
        living.difference_update(row[0] for row in await tx.all(_left(len(part)), chat_id, *part))
    return living


@lru_cache(maxsize=16)
def _living(count: int) -> str:
    return f"SELECT id FROM users WHERE id IN ({sql.marks(1, count)}) AND deleted_at IS NULL"  # noqa: S608 - parameter marks


@lru_cache(maxsize=16)
def _left(count: int) -> str:
    marks = sql.marks(2, count)
    return f"SELECT user_id FROM user_log WHERE user_id IN ({marks}) AND chat_id = $1 AND kind = 'left'"  # noqa: S608 - parameter marks


async def _set_own(tx: Transaction, chat_id: int, members: Sequence[ImportedMember]) -> None:
    """What is a member's own in a direct chat that nobody has used here."""
    for member in members:
        if member.seen is not None or member.pinned or member.muted_until or member.archived:
            await tx.all(_SET_OWN, chat_id, member.user_id, *_own(member, (await tx.all(_HEAD, chat_id))[0][0]))


def _own(member: ImportedMember, head: int) -> tuple[int, int, int, int]:
    seen = head if member.seen is None else min(member.seen, head)
    return seen, int(member.pinned), member.muted_until, int(member.archived)


async def _log(tx: Transaction, chat_id: int, user_ids: Collection[int], kind: str) -> None:
    """Take a position in each user's own log, so that the user's clients are told on their next visit."""
    await tx.many(sql.NEXT_USEQ, [(user_id,) for user_id in user_ids])
    await tx.many(sql.LOG_FOR_USER, [(user_id, chat_id, kind) for user_id in user_ids])
