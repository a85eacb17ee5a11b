"""How the cache follows what the server removes: floors that rise, counts that stay right, and rows that go."""

import sqlite3
from typing import Final

PURGE_MAX: Final = 2_000
"""Events that one transaction removes: some milliseconds, for which other writes wait."""
_COUNTED_MAX: Final = 4_000

_CHAT: Final = "SELECT floor, shape_head, max(seen, ?2), head, max(figure_seen, floor) FROM chats WHERE id = ?1"
_MEMBERS: Final = "SELECT count(*), total(joined) FROM events WHERE chat_id = ?1 AND seq > ?2 AND seq <= ?3"
_CACHED: Final = """
SELECT count(*) FROM (SELECT 1 FROM events WHERE chat_id = ?1 AND seq > ?2 AND seq <= ?3 LIMIT ?4)"""
_RAISE: Final = "UPDATE chats SET floor = ?2, floor_days = ?3 WHERE id = ?1"
_SET_SHAPE: Final = "UPDATE chats SET shape_count = shape_count + ?2, shape_head = ?3 WHERE id = ?1"
_DOUBT_SHAPE: Final = "UPDATE chats SET shape_head = min(shape_head, ?2 - 1) WHERE id = ?1"
_FORGET_FIGURE: Final = """
UPDATE chats SET figure = 0, figure_mentions = 0, figure_head = ?2, figure_seen = ?2 WHERE id = ?1"""
_UNPURGED: Final = """
SELECT id FROM chats
WHERE floor > 0 AND EXISTS (SELECT 1 FROM events WHERE chat_id = chats.id AND seq <= chats.floor)"""
_LAST_OF_PART: Final = """
SELECT seq FROM events WHERE chat_id = ?1 AND seq <= (SELECT floor FROM chats WHERE id = ?1)
ORDER BY seq LIMIT ?2"""
_FORGET_WORDS: Final = """
INSERT INTO unindexed (chat_id, seq, at) SELECT chat_id, seq, at FROM events
WHERE chat_id = ?1 AND seq <= ?2 AND client_id IS NOT NULL AND EXISTS (SELECT 1 FROM meta WHERE key = 'search')"""
_REMOVE: Final = "DELETE FROM events WHERE chat_id = ?1 AND seq <= ?2"


def rise(connection: sqlite3.Connection, chat_id: int, floor: int, days: float) -> bool:
    """Raise a chat's floor; False if it is not above the one known.

    If what is removed was not all here, it may have held a title or members, and the server must be asked for the chat:
    what it said of it is then as of a seq below the floor (see `CacheQueries.stale_chats`).
    """
    row = connection.execute(_CHAT, (chat_id, floor)).fetchone()
    if row is None or floor <= row[0]:
        return False
    before, shape_head, seen, head, figure_seen = row
    cached, joined = connection.execute(_MEMBERS, (chat_id, max(shape_head, before), floor)).fetchone()
    if shape_head >= before and shape_head < floor and cached == floor - max(0, shape_head):
        connection.execute(_SET_SHAPE, (chat_id, int(joined), floor))
    if figure_seen < floor:
        # How many of those that the server counted are gone, only the server knows, unless all the others are here.
        connection.execute(_FORGET_FIGURE, (chat_id, floor))
        if not _is_cached(connection, chat_id, seen, head):
            connection.execute(_DOUBT_SHAPE, (chat_id, floor))
    connection.execute(_RAISE, (chat_id, floor, days))
    return True


def _is_cached(connection: sqlite3.Connection, chat_id: int, after: int, last: int) -> bool:
    wanted = last - after
    if wanted > _COUNTED_MAX:
        return False
    return wanted <= 0 or connection.execute(_CACHED, (chat_id, after, last, wanted)).fetchone()[0] == wanted


def unpurged(connection: sqlite3.Connection) -> list[int]:
    """Chats of which events below their floors are left."""
    return [chat_id for (chat_id,) in connection.execute(_UNPURGED)]


def purge(connection: sqlite3.Connection, chat_id: int) -> bool:
    """Remove some of the events below a chat's floor; whether there may be more."""
    seqs = connection.execute(_LAST_OF_PART, (chat_id, PURGE_MAX)).fetchall()
    if seqs:
        part = (chat_id, seqs[-1][0])
        connection.execute(_FORGET_WORDS, part)
        connection.execute(_REMOVE, part)
    return len(seqs) == PURGE_MAX
