"""Makes the index for search follow the cache, a bounded step at a time."""

import sqlite3
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from chatproto.search_marks import has_link, mark_chat, marks
from chatproto.search_text import fold
from chatterm.client import database, search_file, search_source
from chatterm.client.errors import ClientError
from chatterm.client.search_file import SLOT_BITS, SLOTS, WIPES_AT_ONCE
from chatterm.client.search_source import EventText, SearchSource

BATCH: Final = 96
"""Events in one step: about two milliseconds of work."""
_HAS_FILES, _HAS_LINK = 1, 2
_MERGE_SHARE: Final = 8
"""The index is merged into one piece once more than this part of it is new: searches are then quicker."""
_MERGE_MIN: Final = 4_096
"""New documents for which a merge is not worth it."""
_MERGE_PAGES: Final = 16
_WIPE_EVERY_S: Final = 900
"""Without FTS5's own wiping, what was deleted leaves the index at most this often, because all of it is rewritten."""

_KNOWN: Final = "SELECT id, chat_id, seq, sender_id, has, text FROM docs WHERE id BETWEEN ? AND ?"


class _Document(NamedTuple):
    id: int
    chat_id: int
    seq: int
    sender_id: int
    has: int
    text: str


class Progress(NamedTuple):
    """How far the index follows.

    `noted`: changes wait to be indexed. `until`: messages before this time (microseconds since 1970 UTC) may be
    missing; 0: none are.
    """

    noted: bool
    until: int

    @property
    def complete(self) -> bool:
        return not self.noted and not self.until


class Indexer:
    """Owns the writing connection to the index. Belongs to the thread that made it.

    A step is done whole or not at all, and the next one goes on behind it, in this process or another. Methods raise
    `ClientError`; an index that turns out to be damaged is made anew with the next step.
    """

    def __init__(self, path: Path, cache: Path) -> None:
        """Opens the cache, which must exist; the index with the first step."""
        self._path = path
        self._source = SearchSource(cache)
        self._open: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._merging = False

    def close(self) -> None:
        self._source.close()
        self._close_index()

    def step(self) -> bool:
        """Bring the index a little closer to the cache; whether there is more to do."""
        copy = self._source.follow()
        try:
            connection = self._index(copy)
            with database.transaction(connection, self._path):
                noted = self._source.noted(BATCH)
                done = len(noted)
                there = self._source.these([(each.chat_id, each.seq) for each in noted])
                self._apply(connection, [*search_source.gone(noted), *there])
                if done < BATCH:
                    done += self._look_back(connection, BATCH - done)
            if search_file.identity(self._path) == self._file:  # else it went into an index that is gone
                self._source.forget(noted)
        except ClientError as error:
            self._failed(error)
            raise
        return done >= BATCH

    def follow(self, seconds: float) -> Progress:
        """Go on, what changed before what is old, for about at most so long; then how far it follows."""
        end = time.monotonic() + seconds
        while self.step() and time.monotonic() < end:
            pass
        return self.progress()

    def progress(self) -> Progress:
        """How far the index follows now."""
        with database.reading(self._path):
            return Progress(bool(self._source.noted(1)), search_file.missing_before(self._index(self._source.follow())))

    def merge_step(self) -> bool:
        """Bring a little more of the index into one piece if that is due; whether there is more to do."""
        connection = self._index(self._source.follow())
        try:
            with database.transaction(connection, self._path):
                if not self._merging and not self._merge_is_due(connection):
                    return False
                before = connection.total_changes
                # A negative number puts all pieces on one level first, from where they are merged into one.
                pages = _MERGE_PAGES if self._merging else -_MERGE_PAGES
                connection.execute("INSERT INTO words (words, rank) VALUES ('merge', ?)", (pages,))
                # FTS5's own sign: less than two changes mean that there was nothing to merge.
                self._merging = connection.total_changes - before >= 2
        except ClientError as error:
            self._failed(error)
            raise
        return self._merging

    def _merge_is_due(self, connection: sqlite3.Connection) -> bool:
        docs, fresh, removed, merged_at = connection.execute(
            "SELECT docs, fresh, removed, merged_at FROM size"
        ).fetchone()
        now = int(time.time())
        wipe = removed and not (0 <= now - merged_at < _WIPE_EVERY_S)
        if not wipe and fresh < max(_MERGE_MIN, docs // _MERGE_SHARE):
            return False
        connection.execute("UPDATE size SET fresh = 0, removed = 0, merged_at = ?", (now,))
        return True

    # --- the file

    def _index(self, copy: str) -> sqlite3.Connection:
        """The index of this copy of the cache; one that was just made has everything to do."""
        if self._open is not None and not self._is_current(self._open, copy):
            self._close_index()
        if self._open is None:
            connection = search_file.open_index(self._path, copy)
            try:
                self._plan(connection)
            except BaseException:  # also when interrupted, the file must not stay open
                connection.close()
                raise
            self._open = connection
            self._file = search_file.identity(self._path)
            self._merging = False
        return self._open

    def _is_current(self, connection: sqlite3.Connection, copy: str) -> bool:
        with database.reading(self._path):
            return search_file.identity(self._path) == self._file and search_file.is_of(connection, copy)

    def _plan(self, connection: sqlite3.Connection) -> None:
        """Note once which chats are to be read from their ends."""
        with database.transaction(connection, self._path):
            if connection.execute("SELECT 1 FROM meta WHERE key = 'planned'").fetchone() is None:
                chats = [(chat_id, head + 1, at) for chat_id, head, at in self._source.chats()]
                connection.executemany("INSERT INTO todo VALUES (?, ?, ?)", chats)
                connection.execute("INSERT INTO meta VALUES ('planned', '1')")

    def _failed(self, error: ClientError) -> None:
        """A damaged index is given up; what it held is in the cache."""
        self._close_index()
        if error.code == "storageFailed" and "damaged" in error.message:
            search_file.remove_index(self._path)

    def _close_index(self) -> None:
        if self._open is not None:
            with suppress(sqlite3.Error):
                self._open.close()
            self._open = None

    # --- documents

    def _look_back(self, connection: sqlite3.Connection, limit: int) -> int:
        """Read on where the newest messages are that have not been looked at; how many events were read."""
        left = limit
        while left > 0:
            row = connection.execute("SELECT chat_id, seq FROM todo ORDER BY at DESC LIMIT 1").fetchone()
            if row is None:
                break
            chat_id, seq = row
            events = self._source.below(chat_id, seq, left)
            self._apply(connection, events)
            if len(events) < left:
                connection.execute("DELETE FROM todo WHERE chat_id = ?", (chat_id,))
            else:
                last = events[-1]
                connection.execute("UPDATE todo SET seq = ?, at = ? WHERE chat_id = ?", (last.seq, last.at, chat_id))
            left -= max(1, len(events))
        return limit - max(0, left)

    def _apply(self, connection: sqlite3.Connection, events: Sequence[EventText]) -> None:
        """Make the documents of these events what the events are."""
        changes = _Changes()
        messages = {(each.chat_id, each.seq): each for each in events if each.is_message}
        for event in sorted(messages.values(), key=lambda each: each.at):
            first = event.at << SLOT_BITS
            rows = connection.execute(_KNOWN, (first, first + SLOTS - 1)).fetchall()
            changes.take(event, [_Document(*row) for row in rows])
        changes.write(connection)


class _Changes:
    """Documents to be removed from the index, and to be added to it."""

    def __init__(self) -> None:
        self._removed: list[_Document] = []
        self._added: list[_Document] = []
        self._taken: set[int] = set()

    def take(self, event: EventText, at_that_time: Sequence[_Document]) -> None:
        """Compare a message with its document, which is among those of its microsecond if there is one."""
        known = next((each for each in at_that_time if (each.chat_id, each.seq) == (event.chat_id, event.seq)), None)
        document = None if event.text is None else _made(event, event.text, self._place(event, known, at_that_time))
        if known == document:
            return
        if known is not None:
            self._removed.append(known)
        if document is not None:
            self._added.append(document)
            self._taken.add(document.id)

    def _place(self, event: EventText, known: _Document | None, at_that_time: Sequence[_Document]) -> int | None:
        if known is not None:
            return known.id
        first = event.at << SLOT_BITS
        used = {each.id for each in at_that_time} | {
            each.id for each in self._added if each.id >> SLOT_BITS == event.at
        }
        return next((place for place in range(first, first + SLOTS) if place not in used), None)

    def write(self, connection: sqlite3.Connection) -> None:
        """Change the index, in ascending id: FTS5 begins a new piece whenever an id is lower than the one before."""
        removed, added = sorted(self._removed), sorted(self._added)
        connection.executemany(
            "INSERT INTO words (words, rowid, text) VALUES ('delete', ?, ?)",
            [(each.id, _words(each)) for each in removed],
        )
        connection.executemany("DELETE FROM docs WHERE id = ?", [(each.id,) for each in removed])
        connection.executemany("INSERT INTO docs VALUES (?, ?, ?, ?, ?, ?)", added)
        connection.executemany(
            "INSERT INTO words (rowid, text) VALUES (?, ?)", [(each.id, _words(each)) for each in added]
        )
        connection.execute(
            "UPDATE size SET docs = docs + ?, fresh = fresh + ?, removed = removed OR ?",
            (len(added) - len(removed), len(added), bool(removed) and not WIPES_AT_ONCE),
        )


def _made(event: EventText, text: str, place: int | None) -> _Document | None:
    if place is None:
        return None
    has = (_HAS_FILES if event.has_files else 0) | (_HAS_LINK if has_link(text) else 0)
    return _Document(place, event.chat_id, event.seq, event.sender_id, has, fold(text))


def _words(document: _Document) -> str:
    """What FTS5 holds of a document."""
    has = document.has
    more = marks(document.sender_id, has_files=bool(has & _HAS_FILES), has_link=bool(has & _HAS_LINK))
    return " ".join([document.text, *more, mark_chat(document.chat_id)])
