"""What SQLite says in its own way: parameter style, lists as parameters, and look-ups of many keys at once."""

import re
from collections.abc import Collection
from functools import lru_cache
from typing import Final

from chatserver import measures
from chatserver.store import sql

_PARAMETER: Final = re.compile(r"\$(\d+)")

HEADS: Final = f"""
    SELECT {sql.HEAD} FROM members m JOIN chats c ON c.id = m.chat_id
    WHERE m.user_id = $1 AND (
        c.id || ':' || c.head NOT IN (SELECT value FROM json_each($3))
        OR EXISTS (SELECT 1 FROM user_log l WHERE l.user_id = $1 AND l.chat_id = c.id AND l.useq > $2))"""  # noqa: S608 - constants
"""NOT IN makes an index of a list of texts; a join, or pairs instead of texts, would compare all with all."""
_PAIRS: Final = """
    FROM json_each($1) p CROSS JOIN members m CROSS JOIN chats c
    WHERE m.user_id = json_extract(p.value, '$[0]') AND m.chat_id = json_extract(p.value, '$[1]')
    AND c.id = m.chat_id"""
"""CROSS JOIN fixes the order of the loops: the list outside, the primary keys inside."""
MEMBERSHIPS: Final = f"""
    SELECT m.user_id, c.id, c.head, c.head_at, m.seen_seq, (SELECT useq FROM users WHERE id = m.user_id)
    {_PAIRS}"""  # noqa: S608 - constants
HEADS_OF: Final = f"SELECT m.user_id, {sql.HEAD} {_PAIRS}"
CHATS_OF: Final = f"SELECT {sql.CHAT} {_PAIRS}"

STATE: Final = """
    SELECT (SELECT page_size FROM pragma_page_size), (SELECT page_count FROM pragma_page_count),
        (SELECT freelist_count FROM pragma_freelist_count), (SELECT user_version FROM pragma_user_version),
        COALESCE((SELECT bytes FROM file_usage WHERE owner_id = 0), 0)"""
"""Bytes of a page, pages, unused ones, the schema's number, and the bytes of everybody's files."""


@measures.cached("statements")
@lru_cache(maxsize=512)
def numbered(statement: str) -> str:
    """`$1` as `?1`, which takes its arguments by position."""
    return _PARAMETER.sub(r"?\1", statement)


@measures.cached("statements_sent_before")
@lru_cache(maxsize=32)
def sent_before(count: int) -> str:
    """Which of `count` (sender, client id) pairs are stored, or were and have been removed since.

    The time of what was removed is not kept: it is answered with one that is surely before it.
    """
    keys = ",".join(["(?,?)"] * count)
    return f"""
        WITH wanted (sender_id, client_id) AS (VALUES {keys})
        SELECT e.sender_id, e.client_id, e.chat_id, e.seq, e.at, e.body, e.extra, NULL
        FROM wanted w CROSS JOIN events e WHERE e.sender_id = w.sender_id AND e.client_id = w.client_id
        UNION ALL
        SELECT r.sender_id, r.client_id, r.chat_id, r.seq, c.created_at, '', NULL, r.origin
        FROM wanted w CROSS JOIN removed_messages r CROSS JOIN chats c
        WHERE r.sender_id = w.sender_id AND r.client_id = w.client_id AND c.id = r.chat_id"""  # noqa: S608 - `keys` are parameter marks


def padded(keys: Collection[tuple[int, bytes]]) -> list[object]:
    """The keys as flat arguments, repeated up to a power of two, so that few statements have to be prepared."""
    wanted = list(keys)
    size = 1 << (len(wanted) - 1).bit_length()
    wanted += [wanted[-1]] * (size - len(wanted))
    return [value for key in wanted for value in key]
