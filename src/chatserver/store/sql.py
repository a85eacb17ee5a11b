"""SQL that every engine understands: `$1` parameters, ON CONFLICT, RETURNING, no engine's own functions."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from chatserver import measures

UNREAD_MAX: Final = 1_000
"""Counts of unread messages and of mentions stop here."""
UNREAD_WINDOW: Final = 10_000
"""Events before the head that an unread count looks at, so that its cost is bounded whoever wrote them."""

# --- users ---
USER: Final = "u.id, u.email, u.display_name, u.rev, u.status, u.avatar_file_id, u.disabled_at, u.deleted_at"
"""Columns, from `users u`."""
IS_USER: Final = "SELECT 1 FROM users WHERE id = $1 AND deleted_at IS NULL"
USER_USEQ: Final = "SELECT useq FROM users WHERE id = $1"
NEXT_USEQ: Final = "UPDATE users SET useq = useq + 1 WHERE id = $1"
LOG_FOR_USER: Final = """
    INSERT INTO user_log (user_id, chat_id, kind, useq) SELECT id, $2, $3, useq FROM users WHERE id = $1
    ON CONFLICT (user_id, chat_id, kind) DO UPDATE SET useq = excluded.useq"""
SET_USEQ: Final = "UPDATE users SET useq = $2 WHERE id = $1"
SET_LOG: Final = """
    INSERT INTO user_log (user_id, chat_id, kind, useq) VALUES ($1, $2, $3, $4)
    ON CONFLICT (user_id, chat_id, kind) DO UPDATE SET useq = excluded.useq"""

# --- secrets and facts of the database ---
META: Final = "SELECT value FROM meta WHERE key = $1"
INSERT_META: Final = "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING"
REPLACE_META: Final = "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = $2"

# --- what commands have done while a server runs ---
NOTE_UNTOLD: Final = "INSERT INTO untold_events (chat_id, seq) VALUES ($1, $2) ON CONFLICT (chat_id) DO NOTHING"
ANY_UNTOLD: Final = "SELECT 1 FROM untold_events LIMIT 1"
TAKE_UNTOLD: Final = "DELETE FROM untold_events RETURNING chat_id, seq"

# --- chats ---
_UNREAD_AFTER: Final = f"""
    CASE WHEN m.seen_seq >= c.head THEN 0 ELSE (SELECT COUNT(*) FROM (
        SELECT 1 FROM events e WHERE e.chat_id = c.id AND e.sender_id <> m.user_id AND e.kind = 'message'
        AND e.seq > CASE WHEN m.seen_seq > c.head - {UNREAD_WINDOW} THEN m.seen_seq ELSE c.head - {UNREAD_WINDOW} END
        LIMIT {UNREAD_MAX}) AS capped) END"""  # noqa: S608 - both numbers are constants of this module
_MENTIONS_AFTER: Final = f"""
    CASE WHEN m.seen_seq >= c.head THEN 0 ELSE (SELECT COUNT(*) FROM (
        SELECT 1 FROM mentions n WHERE n.chat_id = c.id AND n.user_id IN (0, m.user_id) AND n.seq > m.seen_seq
        AND n.sender_id <> m.user_id LIMIT {UNREAD_MAX}) AS capped) END"""  # noqa: S608 - a constant of this module
CHAT: Final = f"""
    m.user_id, c.id, c.kind, c.title, c.direct_low, c.direct_high, c.member_count, c.head, c.head_at,
        m.seen_seq, {_UNREAD_AFTER}, {_MENTIONS_AFTER}, c.topic, c.owner_id, m.pinned, m.muted_until, m.archived,
        c.floor, c.floor_days"""
"""Columns, from `members m` and `chats c`."""
_CHAT_OF_MEMBER: Final = f"SELECT {CHAT} FROM members m JOIN chats c ON c.id = m.chat_id"  # noqa: S608 - constants of this module
CHAT_OF_USER: Final = f"{_CHAT_OF_MEMBER} WHERE m.user_id = $1 AND m.chat_id = $2"
CHATS_OF_USER: Final = f"{_CHAT_OF_MEMBER} WHERE m.user_id = $1 AND m.chat_id > $2 ORDER BY m.chat_id LIMIT $3"
HEAD: Final = f"""
    c.id, c.head, c.head_at, m.seen_seq, {_UNREAD_AFTER}, {_MENTIONS_AFTER}, m.pinned, m.muted_until, m.archived,
        c.floor, c.floor_days"""
"""Columns, from `members m` and `chats c`."""
CHAT_IDS: Final = "SELECT chat_id FROM members WHERE user_id = $1"
IS_MEMBER: Final = "SELECT 1 FROM members WHERE chat_id = $1 AND user_id = $2"
DIRECT_CHAT: Final = "SELECT id FROM chats WHERE direct_low = $1 AND direct_high = $2"
INSERT_CHAT: Final = """
    INSERT INTO chats (id, kind, title, direct_low, direct_high, owner_id, member_count, head, head_at, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $8)"""

# --- logs ---
INSERT_EVENT: Final = """
    INSERT INTO events (chat_id, seq, at, sender_id, client_id, kind, body) VALUES ($1, $2, $3, $4, $5, $6, $7)"""
NEXT_HEAD: Final = """
    UPDATE chats SET head = head + 1, head_at = CASE WHEN head_at < $2 OR head = 0 THEN $2 ELSE head_at + 1 END
    WHERE id = $1 RETURNING head, head_at"""
SET_HEAD: Final = "UPDATE chats SET head = $2, head_at = $3 WHERE id = $1"
SET_SEEN: Final = "UPDATE members SET seen_seq = $3 WHERE user_id = $1 AND chat_id = $2"
INSERT_MESSAGE: Final = """
    INSERT INTO events (chat_id, seq, at, sender_id, client_id, kind, body, extra)
    VALUES ($1, $2, $3, $4, $5, 'message', $6, $7)"""
EVENT: Final = "SELECT seq, at, sender_id, client_id, kind, body, extra FROM events WHERE chat_id = $1"
MESSAGE: Final = f"{EVENT} AND kind IN ('message', 'deleted')"
EVENTS_BEFORE: Final = f"{EVENT} AND seq < $2 ORDER BY seq DESC LIMIT $3"
EVENTS_AFTER: Final = f"{EVENT} AND seq > $2 ORDER BY seq LIMIT $3"
MESSAGES_BEFORE: Final = f"{MESSAGE} AND seq < $2 ORDER BY seq DESC LIMIT $3"
MESSAGES_AFTER: Final = f"{MESSAGE} AND seq > $2 ORDER BY seq LIMIT $3"
MESSAGES_BEFORE_TIME: Final = f"{MESSAGE} AND at < $2 ORDER BY at DESC LIMIT $3"


@measures.cached("statements_messages")
@lru_cache(maxsize=32)
def messages_at(count: int) -> str:
    """The messages of chat `$1` at `count` places."""
    return f"{MESSAGE} AND seq IN ({marks(2, count)})"


@measures.cached("statements_seqs")
@lru_cache(maxsize=32)
def message_seqs_at(count: int) -> str:
    """Which of `count` places of chat `$1` hold messages."""
    return f"SELECT seq FROM ({MESSAGE} AND seq IN ({marks(2, count)})) AS found"  # noqa: S608 - parameter marks


def padded(values: Sequence[int]) -> list[int]:
    """The values, at least one, repeated up to a power of two: then few statements have to be prepared."""
    size = 1 << (len(values) - 1).bit_length()
    return [*values, *[values[-1]] * (size - len(values))]


def marks(first: int, count: int) -> str:
    """`count` parameters in a row, from number `first`."""
    return ", ".join(f"${number}" for number in range(first, first + count))
