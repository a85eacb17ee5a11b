"""The steps that change who is in a chat and what a group is called; each takes its place in the chat's log."""

from collections.abc import Collection, Iterable, Sequence
from typing import Final, NamedTuple

from chatproto import limits
from chatproto.errors import ChatError
from chatproto.models import ChatCreated, LogEvent, event_id
from chatserver.store import rows, sql
from chatserver.store.base import ChatCommit, JoinedUser, LeftUser
from chatserver.store.writes import Transaction, log_event, random_id

_INSERT_MEMBER: Final = """
    INSERT INTO members (chat_id, user_id, joined_seq, seen_seq)
    SELECT $1, id, $3, $3 FROM users WHERE id = $2 AND deleted_at IS NULL"""
_DELETE_MEMBER: Final = "DELETE FROM members WHERE chat_id = $1 AND user_id = $2"
_FORGET_LEFT: Final = "DELETE FROM user_log WHERE user_id = $1 AND chat_id = $2 AND kind = 'left'"
_FORGET_MEMBERSHIP: Final = "DELETE FROM user_log WHERE user_id = $1 AND chat_id = $2"
_GROUP: Final = """
    SELECT c.kind, c.owner_id, c.member_count, c.title, c.topic
    FROM members m JOIN chats c ON c.id = m.chat_id WHERE m.chat_id = $1 AND m.user_id = $2"""
_LONGEST_STANDING: Final = "SELECT user_id FROM members WHERE chat_id = $1 ORDER BY joined_seq, user_id LIMIT 1"
_COUNT_MEMBERS: Final = "UPDATE chats SET member_count = member_count + $2 WHERE id = $1"
_SET_OWNER: Final = "UPDATE chats SET owner_id = $2 WHERE id = $1"
_SET_DETAILS: Final = "UPDATE chats SET title = $2, topic = $3 WHERE id = $1"


class _Group(NamedTuple):
    """A group as a step found it."""

    owner_id: int | None
    member_count: int
    title: str
    topic: str


async def direct_chat(tx: Transaction, user_id: int, peer_id: int) -> int:
    """Id of the direct chat of two users, or of a user's notes (`peer_id` is the user); made if missing.

    Raises `userNotFound`.
    """
    low, high = sorted((user_id, peer_id))
    found = await tx.all(sql.DIRECT_CHAT, low, high)
    if found:
        return int(found[0][0])
    people = list(dict.fromkeys((low, high)))
    for person in people:
        if not await tx.all(sql.IS_USER, person):
            raise ChatError("userNotFound")
    chat_id = random_id()
    await tx.all(sql.INSERT_CHAT, chat_id, "direct", "", low, high, None, len(people), tx.now)
    await _join(tx, chat_id, people, 0)
    return chat_id


async def create_group(tx: Transaction, creator_id: int, title: str, member_ids: Sequence[int]) -> int:
    """`ChatStore.create_group`; returns its id."""
    members = list(dict.fromkeys([creator_id, *member_ids]))
    chat_id = random_id()
    await tx.all(sql.INSERT_CHAT, chat_id, "group", title, None, None, creator_id, len(members), tx.now)
    seq, at = await log_event(tx, chat_id, creator_id, "created", rows.created_body(title, members))
    await _join(tx, chat_id, members, 0)
    created = ChatCreated(
        id=event_id(chat_id, seq), seq=seq, at=at, sender_id=creator_id, title=title, member_ids=members
    )
    _tell(tx, chat_id, created)
    return chat_id


async def add_members(tx: Transaction, actor_id: int, chat_id: int, user_ids: Collection[int]) -> list[int]:
    """`ChatStore.add_members`."""
    group = await _group_of(tx, actor_id, chat_id)
    wanted = dict.fromkeys(user_ids)
    for row in await tx.memberships([(user_id, chat_id) for user_id in wanted]):
        del wanted[row[0]]
    if not wanted:
        return []
    added = list(wanted)
    if group.member_count + len(added) > limits.GROUP_MEMBERS_MAX:
        raise ChatError("groupFull", f"It has {group.member_count} members.")
    seq = await _change_members(tx, chat_id, actor_id, rows.MembersBody(added=added))
    await _join(tx, chat_id, added, seq)
    await tx.all(_COUNT_MEMBERS, chat_id, len(added))
    return added


async def remove_member(tx: Transaction, actor_id: int, chat_id: int, user_id: int) -> None:
    """`ChatStore.remove_member`."""
    group = await _group_of(tx, actor_id, chat_id)
    if user_id != actor_id:
        _check_owner(group, actor_id)
        if not await tx.all(sql.IS_MEMBER, chat_id, user_id):
            return
    await tx.all(_DELETE_MEMBER, chat_id, user_id)
    await tx.all(_COUNT_MEMBERS, chat_id, -1)
    body = rows.MembersBody(removed=[user_id])
    if group.owner_id == user_id:
        successor = await tx.all(_LONGEST_STANDING, chat_id)
        body.owner_id = successor[0][0] if successor else None
        await tx.all(_SET_OWNER, chat_id, body.owner_id)
    await _change_members(tx, chat_id, actor_id, body)
    await tx.all(sql.NEXT_USEQ, user_id)
    await tx.all(_FORGET_MEMBERSHIP, user_id, chat_id)
    await tx.all(sql.LOG_FOR_USER, user_id, chat_id, "left")
    [(useq,)] = await tx.all(sql.USER_USEQ, user_id)
    tx.changes.left.append(LeftUser(user_id, chat_id, useq))


async def hand_over(tx: Transaction, actor_id: int, chat_id: int, user_id: int) -> None:
    """`ChatStore.hand_over`."""
    _check_owner(await _group_of(tx, actor_id, chat_id), actor_id)
    if user_id == actor_id:
        return
    if not await tx.all(sql.IS_MEMBER, chat_id, user_id):
        raise ChatError("memberNotFound")
    await tx.all(_SET_OWNER, chat_id, user_id)
    await _change_members(tx, chat_id, actor_id, rows.MembersBody(owner_id=user_id))


async def describe_group(
    tx: Transaction, actor_id: int, chat_id: int, title: str | None = None, topic: str | None = None
) -> None:
    """`ChatStore.describe_group`."""
    group = await _group_of(tx, actor_id, chat_id)
    _check_owner(group, actor_id)
    changed = rows.ChatBody(
        title=title if title != group.title else None, topic=topic if topic != group.topic else None
    )
    if changed.title is None and changed.topic is None:
        return
    await tx.all(
        _SET_DETAILS,
        chat_id,
        group.title if changed.title is None else changed.title,
        group.topic if changed.topic is None else changed.topic,
    )
    seq, at = await log_event(tx, chat_id, actor_id, "chatChanged", rows.to_json(changed))
    _tell(tx, chat_id, rows.chat_changed(chat_id, seq, at, actor_id, changed))


async def tell_joined(tx: Transaction) -> None:
    """Describe their new chats to the users who joined since the last call, as the transaction is now."""
    joined, tx.joined = tx.joined, []
    pairs = {(user_id, chat_id) for user_id, chat_id, _ in joined}
    seen_by = {(row[0], row[1]): rows.chat(row) for row in await tx.chats_of(pairs)}
    tx.changes.joined.extend(JoinedUser(user, seen_by[user, chat], useq) for user, chat, useq in joined)


async def _group_of(tx: Transaction, user_id: int, chat_id: int) -> _Group:
    """A group of the user. Raises `notMember`, or `notGroup` for a direct chat."""
    found = await tx.all(_GROUP, chat_id, user_id)
    if not found:
        raise ChatError("notMember")
    kind, *group = found[0]
    if kind != "group":
        raise ChatError("notGroup")
    return _Group(*group)


def _check_owner(group: _Group, user_id: int) -> None:
    if group.owner_id != user_id:
        raise ChatError("notOwner")


async def _change_members(tx: Transaction, chat_id: int, actor_id: int, body: rows.MembersBody) -> int:
    seq, at = await log_event(tx, chat_id, actor_id, "members", rows.to_json(body))
    _tell(tx, chat_id, rows.members_changed(chat_id, seq, at, actor_id, body))
    return seq


async def _join(tx: Transaction, chat_id: int, user_ids: Iterable[int], seq: int) -> None:
    """Make users members who have seen the chat up to `seq`. Raises `membersInvalid` unless all of them exist."""
    users = list(user_ids)
    await tx.many(_INSERT_MEMBER, [(chat_id, user_id, seq) for user_id in users])
    await tx.many(sql.NEXT_USEQ, [(user_id,) for user_id in users])
    await tx.many(_FORGET_LEFT, [(user_id, chat_id) for user_id in users])
    await tx.many(sql.LOG_FOR_USER, [(user_id, chat_id, "joined") for user_id in users])
    joined = await tx.memberships([(user_id, chat_id) for user_id in users])
    if len(joined) < len(users):
        raise ChatError("membersInvalid", f"{len(users) - len(joined)} of them do not exist.")
    tx.joined.extend((row[0], chat_id, row[5]) for row in joined)


def _tell(tx: Transaction, chat_id: int, event: LogEvent) -> None:
    tx.changes.chats.append(ChatCommit(chat_id, [event]))
