"""How many messages of others lie after the seen marker: derived from the cached log, and from the server's figure
only where the log has holes.
"""

import sqlite3
from typing import Final, NamedTuple

UNREAD_MAX: Final = 1_000
"""Counting ends here, on the server as well."""
_WINDOW: Final = 4_000
"""Rows looked at below a chat's head at most, whatever its length."""

_COUNT: Final = """
SELECT count(*), count(CASE WHEN text IS NOT NULL AND sender_id <> ?4 THEN 1 END)
FROM events WHERE chat_id = ?1 AND seq > ?2 AND seq <= ?3"""


class Marks(NamedTuple):
    """What a chat's unread count depends on, beside its cached events.

    `figure` is the server's count for (`figure_seen`, `figure_head`].
    """

    seen: int
    head: int
    figure: int
    figure_head: int
    figure_seen: int


def derive(connection: sqlite3.Connection, chat_id: int, marks: Marks, owner_id: int) -> tuple[int, bool]:
    """The unread count, at most `UNREAD_MAX`, and whether it is exact.

    A pure function of its arguments and of the cached events. Exact if (seen, head] is cached, or if the
    server's figure and the cached events after it say it all.
    """
    if marks.seen >= marks.head:
        return 0, True
    dense, others = _count(connection, chat_id, marks.seen, marks.head, owner_id)
    if dense or others >= UNREAD_MAX:
        return min(others, UNREAD_MAX), True
    if marks.seen >= marks.figure_head:
        return others, False
    base, sure = _figure(connection, chat_id, marks, owner_id)
    dense, beyond = _count(connection, chat_id, marks.figure_head, marks.head, owner_id)
    return min(base + beyond, UNREAD_MAX), sure and dense


def _figure(connection: sqlite3.Connection, chat_id: int, marks: Marks, owner_id: int) -> tuple[int, bool]:
    """What is left of the server's figure, now that `seen` may have moved since it was made."""
    if marks.seen <= marks.figure_seen:
        return marks.figure, True
    most = min(marks.figure, marks.figure_head - marks.seen)
    dense, read = _count(connection, chat_id, marks.figure_seen, marks.seen, owner_id)
    if marks.figure >= UNREAD_MAX:  # the figure stopped there: what was read cannot be taken from it
        return most, False
    return min(most, max(marks.figure - read, 0)), dense


def _count(connection: sqlite3.Connection, chat_id: int, after: int, last: int, owner_id: int) -> tuple[bool, int]:
    """Whether all of (after, last] is cached, and how many of its cached events are others' messages."""
    start = max(after, last - _WINDOW)
    cached, others = connection.execute(_COUNT, (chat_id, start, last, owner_id)).fetchone()
    return start == after and cached == last - after, others
