"""Searches the index of one account, newest or best first; the half of the finder that runs on a thread of its own."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from chatproto import limits
from chatproto.errors import ChatError
from chatproto.models import Message
from chatproto.rest import SearchHit
from chatproto.search_marks import Expression, document_text, mark_chat
from chatproto.search_query import SearchQuery, Sort, parse
from chatproto.search_snippets import matches, snippet_of
from chatproto.search_text import score
from chatterm.client import database, search_file
from chatterm.client.errors import ClientError
from chatterm.client.search_cache import SearchCache
from chatterm.client.search_file import SLOT_BITS
from chatterm.client.search_names import SearchNames

RANKED: Final = 200
"""The newest matches that are ranked when a search asks for the best; the server ranks as many."""
TIME_LIMIT_S: Final = 5.0
"""Seconds after which a search is given up."""
_RANKED_CHARS: Final = 4_096
_BEGINNINGS_MAX: Final = 64
"""Words that a prefix may stand for if each is to be looked up by itself; else FTS5 lists all their places first."""
_PROGRESS_STEPS: Final = 2_000
_CANDIDATES_MAX: Final = 1_000
_CANDIDATES: Final = """
SELECT d.id, d.chat_id, d.seq FROM (
    SELECT rowid AS id FROM words WHERE words MATCH ?1 AND rowid BETWEEN ?2 AND ?3 ORDER BY rowid DESC LIMIT ?4
) AS w CROSS JOIN docs AS d ON d.id = w.id"""
_NEXT_WORD: Final = "SELECT term FROM temp.vocabulary WHERE term >= ? LIMIT 1"


class SearchStopped(Exception):  # noqa: N818 - no error: whoever asked does not want to know any more
    """The answer is not wanted any more."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page ended. `before` is an id of the index; the other two are for pages of the best."""

    before: int
    score: int = 0
    until: int = 0


@dataclass(frozen=True, slots=True)
class SearchResults:
    """Hits in the order asked for. With a `cursor`, more may follow.

    `incomplete`: not all that is cached is indexed yet, so that hits may be missing; `until` is then the time
    (microseconds since 1970 UTC) before which they may be, 0 if that is not known. What will be indexed later is
    found behind `resume`.
    """

    hits: tuple[SearchHit, ...]
    cursor: Cursor | None = None
    incomplete: bool = False
    until: int = 0

    @property
    def resume(self) -> Cursor | None:
        """Where to go on once more is indexed; None: from the beginning."""
        return Cursor(self.until << SLOT_BITS) if self.until else None


@dataclass(frozen=True, slots=True)
class Asked:
    """One page of one search."""

    text: str
    sort: Sort
    limit: int
    before: Cursor | None = None


class Reader:
    """Connections to cache and index. Belongs to one thread, but for `stop` events that others may set."""

    def __init__(self, cache: Path, index: Path) -> None:
        self._cache = SearchCache.open(cache)
        self._names = SearchNames(self._cache)
        self._path = index
        self._open: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._stop = threading.Event()
        self._end = 0.0

    def close(self) -> None:
        self._cache.close()
        self._close_index()

    def search(self, asked: Asked, stop: threading.Event) -> SearchResults:
        """One page. Raises `ChatError` (`searchInvalid`, `searchTooBroad`), `ClientError`, or `SearchStopped`."""
        self._stop, self._end = stop, time.monotonic() + TIME_LIMIT_S
        query, chats, without = self._names.query(parse(asked.text, time.time_ns() // 1_000))
        index = self._index()
        if index is None:
            return SearchResults((), incomplete=True)
        try:
            with database.reading(self._path):
                marks = ([mark_chat(each) for each in sorted(part or ())] for part in (chats, without))
                also, never = marks
                words = Expression(self._beginnings, [also] if also else [], never).of(query)[0]
                found = _Search(self, query, words)
                hits, cursor = found.newest(asked) if asked.sort == "newest" else found.best(asked)
                until = search_file.missing_before(index)
        except ClientError:
            self._close_index()  # what makes the index writes it anew if it must; here it is only opened again
            raise
        missing = until > (query.since or 0)
        return SearchResults(hits, cursor, incomplete=missing, until=until if missing else 0)

    def suggest(self, name: str, beginning: str, limit: int) -> list[tuple[str, str]]:
        """See `SearchNames.suggest`."""
        return self._names.suggest(name, beginning, limit)

    def candidates(self, words: str, first: int, last: int, count: int) -> list[tuple[int, int, int]]:
        """Id, chat and seq of the newest documents within these ids, at most so many."""
        self._check()
        return self._rows(_CANDIDATES, (words, first, last, count))

    def messages(self, places: list[tuple[int, int]]) -> dict[tuple[int, int], Message]:
        return self._cache.messages_at(places)

    def _check(self) -> None:
        """Raises `SearchStopped` or `searchTooBroad` if this search should end."""
        if self._stop.is_set():
            raise SearchStopped
        if time.monotonic() > self._end:
            raise ChatError("searchTooBroad")

    def _rows(self, statement: str, given: tuple[Any, ...]) -> list[Any]:
        try:
            return [] if self._open is None else self._open.execute(statement, given).fetchall()
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorname", "") == "SQLITE_INTERRUPT":
                self._check()
                raise ChatError("searchTooBroad") from None
            raise

    def _beginnings(self, beginning: str) -> list[str] | None:
        """The words that begin so; None if they are many."""
        words: list[str] = []
        start = beginning
        while True:
            self._check()
            rows = self._rows(_NEXT_WORD, (start,))
            if not rows or not rows[0][0].startswith(beginning):
                return words
            if len(words) == _BEGINNINGS_MAX:
                return None
            words.append(rows[0][0])
            start = rows[0][0] + "\x01"  # behind this word, and before all others

    def _index(self) -> sqlite3.Connection | None:
        """The index of this copy of the cache, as it is on disk now."""
        copy = self._cache.copy()
        if self._open is not None:
            with suppress(sqlite3.DatabaseError):
                if search_file.identity(self._path) == self._file and search_file.is_of(self._open, copy):
                    return self._open
            self._close_index()
        connection = search_file.existing_index(self._path, copy) if copy else None
        if connection is not None:
            connection.execute("CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab('main', 'words', 'instance')")
            connection.execute("PRAGMA query_only = ON")
            connection.set_progress_handler(self._should_end, _PROGRESS_STEPS)
            self._open = connection
            self._file = search_file.identity(self._path)
        return connection

    def _should_end(self) -> bool:
        return self._stop.is_set() or time.monotonic() > self._end

    def _close_index(self) -> None:
        if self._open is not None:
            with suppress(sqlite3.Error):
                self._open.close()
            self._open = None


class _Search:
    """One query on an open index."""

    def __init__(self, reader: Reader, query: SearchQuery, words: str | None) -> None:
        """`words` is the query in FTS5's language, None if nothing can match."""
        self._reader = reader
        self._query = query
        self._words = words
        self._first = (query.since or 0) << SLOT_BITS
        before = limits.TIME_MAX + 1 if query.before is None else query.before
        self._last = (before << SLOT_BITS) - 1

    def newest(self, asked: Asked) -> tuple[tuple[SearchHit, ...], Cursor | None]:
        """The newest matches behind the place where the page before ended."""
        last = self._last if asked.before is None else min(self._last, asked.before.before - 1)
        hits: list[SearchHit] = []
        place = 0
        for found, message, chat_id in self._matches(last, asked.limit + 1):
            if len(hits) == asked.limit:
                return tuple(hits), Cursor(place)
            hits.append(self._hit(chat_id, message))
            place = found
        return tuple(hits), None

    def best(self, asked: Asked) -> tuple[tuple[SearchHit, ...], Cursor | None]:
        """The best of the newest matches."""
        cursor = asked.before
        last = self._last if cursor is None else min(self._last, cursor.until)
        ranked: list[tuple[int, int, int, Message]] = []
        for place, message, chat_id in self._matches(last, RANKED):
            ranked.append((self._score(message), place, chat_id, message))
            if len(ranked) == RANKED:
                break
        until = max((place for _, place, _, _ in ranked), default=0) if cursor is None else cursor.until
        ranked.sort(key=lambda each: each[:2], reverse=True)
        if cursor is not None:
            ranked = [each for each in ranked if each[:2] < (cursor.score, cursor.before)]
        page = ranked[: asked.limit]
        more = Cursor(page[-1][1], page[-1][0], until) if len(ranked) > asked.limit else None
        return tuple(self._hit(chat_id, message) for _, _, chat_id, message in page), more

    def _score(self, message: Message) -> int:
        text = document_text(message.sender_id, message.text, has_files=bool(message.files))
        return score(text[:_RANKED_CHARS].split(), self._query.wanted)

    def _hit(self, chat_id: int, message: Message) -> SearchHit:
        snippet, spans = snippet_of(message.text, self._query.wanted)
        return SearchHit(chat_id=chat_id, message=message, snippet=snippet, matches=spans)

    def _matches(self, last: int, count: int) -> Iterator[tuple[int, Message, int]]:
        """Id, message and chat of what matches as it is now, the newest first; read in pieces of about `count`."""
        while self._words is not None and last >= self._first:
            rows = self._reader.candidates(self._words, self._first, last, count)
            messages = self._reader.messages([(chat_id, seq) for _, chat_id, seq in rows])
            for place, chat_id, seq in rows:
                message = messages.get((chat_id, seq))
                # What the index knows may be older than the message.
                if message is not None and matches(self._query, message):
                    yield place, message, chat_id
            if len(rows) < count:
                return
            last = rows[-1][0] - 1
            count = min(count * 2, _CANDIDATES_MAX)
