"""Asks the index: which documents of some chats match a query, the newest or the best first."""

import sqlite3
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import nlargest
from pathlib import Path
from time import monotonic
from typing import Final, NamedTuple, Protocol, TypeVar

from chatproto.errors import ChatError
from chatproto.search_marks import Expression
from chatproto.search_query import SearchQuery
from chatproto.search_text import score
from chatserver.store import rows
from chatserver.store.interfaces.search import Place
from chatserver.store.sqlite import search_file
from chatserver.store.sqlite.search_file import one
from chatserver.store.sqlite.search_indexer import document_id

TIME_LIMIT_S: Final = 2.0
"""Seconds after which a search is given up."""
RANKED: Final = 200
"""The newest matches that are ranked when a search asks for the best."""
_RANKED_CHARS: Final = 4_096
"""Characters of a match that ranking looks at."""
_SEVERAL_CHATS: Final = 64
"""With more chats than these, all matches are listed first if they are few."""
_LISTED_MAX: Final = 10_000
"""Matches in all chats, up to which they are few."""
_LISTED_OWN_MAX: Final = 200_000
"""Matches in the chats that are searched, for a query that can only be listed."""
_BEGINNINGS_MAX: Final = 8
"""Words that a prefix may stand for if each chat is to be searched for them by itself."""
_PROGRESS_STEPS: Final = 10_000

_NUMBERS: Final = """
    SELECT json_group_array(json_array(chat_id, no)) FROM chats WHERE chat_id IN (SELECT value FROM json_each(?1))"""
_LIST: Final = """
    SELECT json_array(COUNT(*), json_group_array(id) FILTER (WHERE (id >> 36) IN (SELECT value FROM json_each(?3))))
    FROM (SELECT rowid AS id FROM words WHERE words MATCH ?1 LIMIT ?2)"""
_LIST_OWN: Final = """
    SELECT json_array(COUNT(*), json_group_array(id)) FROM (
        SELECT rowid AS id FROM words WHERE words MATCH ?1 AND (rowid >> 36) IN (SELECT value FROM json_each(?3))
        LIMIT ?2)"""
_SEEK: Final = """
    SELECT json_group_array(json((
        SELECT json_group_array(json_array(id, (SELECT at FROM docs WHERE docs.id = hit.id)))
        FROM (SELECT rowid AS id FROM words WHERE words MATCH ?1 AND rowid BETWEEN json_extract(r.value, '$[0]')
            AND json_extract(r.value, '$[1]') ORDER BY rowid DESC LIMIT ?3) hit)))
    FROM json_each(?2) r"""
_TIMES: Final = "SELECT json_group_array(json_array(id, at)) FROM docs WHERE id IN (SELECT value FROM json_each(?1))"
_TEXTS: Final = """
    SELECT json_group_array(json_array(id, substr(text, 1, ?2))) FROM docs
    WHERE id IN (SELECT value FROM json_each(?1))"""
_NEXT_WORD: Final = "SELECT json_group_array(term) FROM (SELECT term FROM temp.vocabulary WHERE term >= ?1 LIMIT 1)"


class ChatRange(NamedTuple):
    """The part of a chat to look at: seqs, both inclusive, and a time that no message there is later than."""

    chat_id: int
    first: int
    last: int
    until: int


@dataclass(frozen=True, slots=True)
class Candidates:
    """Places in the order asked for, and whether more follow."""

    places: list[Place]
    more: bool


T = TypeVar("T")
Hits = list[tuple[int, int]]
"""Document ids and times, the newest first."""


class _Source(Protocol):
    def newest(self, ranges: Sequence[tuple[int, int]], count: int) -> list[Hits]:
        """For each range of ids, its `count` newest matches."""
        ...


@dataclass(slots=True)
class _Stretch:
    """What of one chat has not been looked at: ids up to `high`, none of them later than `until`."""

    chat_id: int
    low: int
    high: int
    until: int


class Finder:
    """A reading connection to the index. Not for concurrent use."""

    def __init__(self, index: Path, epoch: str) -> None:
        self._connection = search_file.open_index(index, epoch, writer=False)
        # A view on the index's own words, in which each can be found without reading where it occurs.
        self._connection.execute("CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab('main', 'words', 'instance')")
        self._connection.execute("PRAGMA query_only = ON")
        self._end = 0.0
        self._connection.set_progress_handler(lambda: monotonic() > self._end, _PROGRESS_STEPS)

    def close(self) -> None:
        self._connection.close()

    def newest(self, query: SearchQuery, ranges: Sequence[ChatRange], limit: int) -> Candidates:
        """The newest matches. Raises `searchTooBroad`."""
        found = self._bounded(lambda: self._newest(query, ranges, limit + 1))
        return Candidates([Place(at, chat_id, seq) for at, chat_id, seq in found[:limit]], len(found) > limit)

    def best(self, query: SearchQuery, ranges: Sequence[ChatRange], limit: int, after: Place | None) -> Candidates:
        """The best of the newest matches, behind the place where the page before ended. Raises `searchTooBroad`."""
        found = self._bounded(lambda: self._ranked(query, ranges))
        if after is not None:
            last = (after.score, after.at, after.chat_id, after.seq)
            found = [hit for hit in found if hit < last]
        places = [Place(at, chat_id, seq, points) for points, at, chat_id, seq in found[:limit]]
        return Candidates(places, len(found) > limit)

    def _bounded(self, work: Callable[[], T]) -> T:
        self._end = monotonic() + TIME_LIMIT_S
        try:
            return work()
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorname", "") == "SQLITE_INTERRUPT":
                raise ChatError("searchTooBroad") from None
            raise

    def _ranked(self, query: SearchQuery, ranges: Sequence[ChatRange]) -> list[tuple[int, int, int, int]]:
        found = self._newest(query, ranges, RANKED)
        numbers = self._numbers(ranges)
        ids = {document_id(numbers[hit[1]], hit[2]): hit for hit in found}
        texts = one(self._connection, _TEXTS, rows.to_json(list(ids)), _RANKED_CHARS)
        return sorted(((score(text.split(), query.wanted), *ids[each]) for each, text in texts), reverse=True)

    def _newest(self, query: SearchQuery, ranges: Sequence[ChatRange], count: int) -> list[tuple[int, int, int]]:
        """The `count` newest matches as time, chat and seq, the newest first."""
        numbers = self._numbers(ranges)
        stretches = [
            _Stretch(each.chat_id, document_id(known, each.first), document_id(known, each.last), each.until)
            for each in ranges
            if (known := numbers.get(each.chat_id)) is not None and each.first <= each.last
        ]
        expression, seekable = Expression(self._beginnings).of(query)
        if not stretches or expression is None:
            return []
        return _merged(self._source(expression, seekable, list(numbers.values())), stretches, count)

    def _source(self, expression: str, seekable: bool, numbers: Sequence[int]) -> _Source:
        if seekable:
            listed = len(numbers) > _SEVERAL_CHATS and self._listed(_LIST, expression, numbers, _LISTED_MAX)
            return listed or _Seeking(self._connection, expression)
        listed = self._listed(_LIST_OWN, expression, numbers, _LISTED_OWN_MAX)
        if listed is None:
            raise ChatError("searchTooBroad")
        return listed

    def _listed(self, statement: str, expression: str, numbers: Sequence[int], most: int) -> "_Listed | None":
        """None if there are more than `most` matches."""
        count, ids = one(self._connection, statement, expression, most + 1, rows.to_json(numbers))
        return None if count > most else _Listed(self._connection, sorted(ids))

    def _numbers(self, ranges: Sequence[ChatRange]) -> dict[int, int]:
        return dict(one(self._connection, _NUMBERS, rows.to_json([each.chat_id for each in ranges])))

    def _beginnings(self, beginning: str) -> list[str] | None:
        """The words that begin so; None if they are many."""
        words: list[str] = []
        start = beginning
        while found := one(self._connection, _NEXT_WORD, start):
            if not found[0].startswith(beginning):
                break
            if len(words) == _BEGINNINGS_MAX:
                return None
            words += found
            start = found[0] + "\x01"  # behind this word, and before all others
        return words


class _Seeking(_Source):
    """Asks FTS5 for each range: costs some tens of microseconds for a range, however common the words are."""

    def __init__(self, connection: sqlite3.Connection, expression: str) -> None:
        self._connection = connection
        self._expression = expression

    def newest(self, ranges: Sequence[tuple[int, int]], count: int) -> list[Hits]:
        found: list[Hits] = one(self._connection, _SEEK, self._expression, rows.to_json(ranges), count)
        return found


class _Listed(_Source):
    """All matches of the chats, asked for once."""

    def __init__(self, connection: sqlite3.Connection, ids: list[int]) -> None:
        self._connection = connection
        self._ids = ids

    def newest(self, ranges: Sequence[tuple[int, int]], count: int) -> list[Hits]:
        parts = []
        for low, high in ranges:
            end = bisect_right(self._ids, high)
            parts.append(self._ids[max(bisect_left(self._ids, low), end - count) : end][::-1])
        times = dict(one(self._connection, _TIMES, rows.to_json([each for part in parts for each in part])))
        return [[(each, times[each]) for each in part] for part in parts]


def _merged(source: _Source, stretches: list[_Stretch], count: int) -> list[tuple[int, int, int]]:
    """The newest of all stretches: looks at the liveliest chats first, and at none that cannot add anything."""
    found: list[tuple[int, int, int]] = []
    depth, width = 4, 32
    while stretches:
        stretches.sort(key=lambda stretch: stretch.until, reverse=True)
        oldest = found[-1][0] if len(found) == count else -1
        todo = [stretch for stretch in stretches[:width] if stretch.until >= oldest]
        if not todo:
            break
        ended = set()
        for stretch, hits in zip(todo, source.newest([(each.low, each.high) for each in todo], depth), strict=True):
            found += [(at, stretch.chat_id, each & search_file.SEQ_MASK) for each, at in hits]
            if len(hits) < depth:
                ended.add(stretch.chat_id)
            else:
                stretch.high, stretch.until = hits[-1][0] - 1, hits[-1][1] - 1
        stretches = [stretch for stretch in stretches if stretch.chat_id not in ended]
        found = nlargest(count, found)
        depth, width = min(depth * 2, count), width * 2
    return found
