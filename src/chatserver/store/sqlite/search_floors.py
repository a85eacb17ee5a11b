"""The index forgets what lies below the floors of the logs, and the words of what was removed."""

import sqlite3
from collections.abc import Sequence
from typing import Final

from chatserver.store import rows
from chatserver.store.sqlite.search_file import SEQ_BITS, SEQ_MASK, WIPES_AT_ONCE, one

_BEHIND: Final = """
    SELECT json_group_array(json_extract(h.value, '$[0]')) FROM json_each(?1) h
    LEFT JOIN chats c ON c.chat_id = json_extract(h.value, '$[0]') LEFT JOIN floors f ON f.no = c.no
    WHERE COALESCE(f.floor, 0) < json_extract(h.value, '$[1]')"""
_RISE: Final = """
    INSERT INTO chats (chat_id, seq) SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]')
    FROM json_each(?1) WHERE true ON CONFLICT (chat_id) DO UPDATE SET seq = max(seq, excluded.seq)"""
_WAITING: Final = """
    SELECT json_group_array(json_array(c.no, COALESCE(f.floor, 0), json_extract(h.value, '$[1]')))
    FROM json_each(?1) h JOIN chats c ON c.chat_id = json_extract(h.value, '$[0]') LEFT JOIN floors f ON f.no = c.no
    WHERE COALESCE(f.floor, 0) < json_extract(h.value, '$[1]')"""
_BELOW: Final = """
    SELECT json_group_array(id) FROM (SELECT id FROM docs WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3)"""
_SET: Final = "INSERT INTO floors (no, floor) VALUES (?1, ?2) ON CONFLICT (no) DO UPDATE SET floor = excluded.floor"
_REMOVE_WORDS: Final = """
    INSERT INTO words (words, rowid, text) SELECT 'delete', id, text FROM docs
    WHERE id IN (SELECT value FROM json_each(?1))"""
_REMOVE_DOCS: Final = "DELETE FROM docs WHERE id IN (SELECT value FROM json_each(?1))"


def behind(index: sqlite3.Connection, floors: Sequence[tuple[int, int]]) -> list[int]:
    """Chats, of these with their floors, whose documents below have not all been removed."""
    found: list[int] = one(index, _BEHIND, rows.to_json(floors))
    return found


def follow(index: sqlite3.Connection, floors: Sequence[tuple[int, int]], most: int) -> bool:
    """Remove at most so many documents below these chats' floors; whether there may be more. Within a transaction."""
    told = rows.to_json(floors)
    index.execute(_RISE, (told,))  # what is gone need not be indexed any more
    left = most
    for number, done, floor in one(index, _WAITING, told):
        first = number << SEQ_BITS
        below: list[int] = one(index, _BELOW, first | done, first | floor, left)
        if below:
            remove(index, rows.to_json(below))
            index.execute("UPDATE size SET docs = docs - ?1", (len(below),))
        left -= len(below)
        index.execute(_SET, (number, floor if left > 0 else below[-1] & SEQ_MASK))
        if left <= 0:
            return True
    return False


def remove(index: sqlite3.Connection, documents: str) -> None:
    """Remove documents (ids as JSON) and their words."""
    index.execute(_REMOVE_WORDS, (documents,))
    index.execute(_REMOVE_DOCS, (documents,))
    if not WIPES_AT_ONCE:
        index.execute("INSERT INTO meta (key, value) VALUES ('wipe', '1') ON CONFLICT (key) DO NOTHING")


def needs_wiping(index: sqlite3.Connection) -> bool:
    """Whether words of removed documents may be left in the pieces of the index."""
    return index.execute("SELECT 1 FROM meta WHERE key = 'wipe'").fetchone() is not None


def wiped(index: sqlite3.Connection) -> None:
    """All pieces have been rewritten."""
    index.execute("DELETE FROM meta WHERE key = 'wipe'")
