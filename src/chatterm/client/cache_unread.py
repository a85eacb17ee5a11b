"""How many messages of others lie after the seen marker, and how many of them mention the owner: derived from the
cached log, and from the server's figures only where the log has holes.
"""

import sqlite3
from typing import Final, NamedTuple

UNREAD_MAX: Final = 1_000
"""Counting ends here, on the server as well."""
_WINDOW: Final = 4_000
"""Rows looked at below a chat's head at most, whatever its length."""

_COUNT: Final = """
SELECT count(*), count(CASE WHEN text IS NOT NULL AND sender_id <> ?4 THEN 1 END), total(mention)
FROM events WHERE chat_id = ?1 AND seq > ?2 AND seq <= ?3"""
# Messages of others that were changed after ?5, and those of them that were deleted: it is always the last change.
_CHANGED: Final = """
SELECT count(*), count(*) - count(text)
FROM events WHERE chat_id = ?1 AND seq > ?2 AND seq <= ?3 AND rev > ?5 AND sender_id <> ?4"""


class Marks(NamedTuple):
    """What a chat's unread counts depend on, beside its cached events.

    `figure` and `mentions` are the server's counts for (`figure_seen`, `figure_head`].
    """

    seen: int
    head: int
    figure: int
    mentions: int
    figure_head: int
    figure_seen: int


Span = tuple[int, int]
"""The events after the first seq, up to the second."""


class Counts(NamedTuple):
    """Unread messages and those among them that mention the owner; each at most `UNREAD_MAX`."""

    unread: int
    mentions: int
    exact: bool


class _Counted(NamedTuple):
    dense: bool
    others: int
    mentions: int
    changed: int = 0
    deleted: int = 0


def derive(connection: sqlite3.Connection, chat_id: int, marks: Marks, owner_id: int) -> Counts:
    """The unread counts and whether they are exact.

    A pure function of its arguments and of the cached events. Exact if (seen, head] is cached, or if the
    server's figures and the cached events after them say it all.
    """
    if marks.seen >= marks.head:
        return Counts(0, 0, exact=True)
    whole = _count(connection, chat_id, (marks.seen, marks.head), owner_id)
    if whole.dense or whole.others >= UNREAD_MAX:
        return _capped(whole.others, whole.mentions, exact=True)
    if marks.seen >= marks.figure_head:
        return _capped(whole.others, whole.mentions, exact=False)
    base = _figure(connection, chat_id, marks, owner_id)
    beyond = _count(connection, chat_id, (marks.figure_head, marks.head), owner_id)
    return _capped(base.unread + beyond.others, base.mentions + beyond.mentions, exact=base.exact and beyond.dense)


def _capped(unread: int, mentions: int, *, exact: bool) -> Counts:
    unread = min(unread, UNREAD_MAX)
    return Counts(unread, min(mentions, unread), exact)


def _figure(connection: sqlite3.Connection, chat_id: int, marks: Marks, owner_id: int) -> Counts:
    """What is left of the server's figures, now that `seen` may have moved and messages been deleted since."""
    after = max(marks.seen, marks.figure_seen)
    rest = _count(connection, chat_id, (after, marks.figure_head), owner_id, marks.figure_head)
    figure, mentions, sure = marks.figure, marks.mentions, not rest.changed
    most = marks.figure_head - after
    if marks.seen > marks.figure_seen:
        read = _count(connection, chat_id, (marks.figure_seen, marks.seen), owner_id, marks.figure_head)
        sure = sure and read.dense and not read.changed
        if figure < UNREAD_MAX:
            figure -= read.others + read.deleted
            mentions -= read.mentions
    if marks.figure >= UNREAD_MAX:  # the figure stopped there: what was read cannot be taken from it
        return Counts(min(figure, most), max(0, mentions), exact=marks.seen <= marks.figure_seen and sure)
    return Counts(min(most, max(0, figure - rest.deleted)), max(0, mentions), sure)


def _count(
    connection: sqlite3.Connection, chat_id: int, span: Span, owner_id: int, since: int | None = None
) -> _Counted:
    """What is cached of a span: whether all of it, others' messages, mentions of the owner.

    With `since` also how many of others' messages there were changed, and deleted, after that seq.
    """
    after, last = span
    start = max(after, last - _WINDOW)
    looked_at = (chat_id, start, last, owner_id)
    cached, others, mentions = connection.execute(_COUNT, looked_at).fetchone()
    dense = start == after and cached == last - after
    if since is None:
        return _Counted(dense, others, int(mentions))
    return _Counted(dense, others, int(mentions), *connection.execute(_CHANGED, (*looked_at, since)).fetchone())
