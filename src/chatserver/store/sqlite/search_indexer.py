"""Makes the index follow the logs: reads the events behind each chat's position and brings documents up to date."""

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from time import monotonic
from typing import Final, NamedTuple

from chatproto.search_marks import document_text
from chatserver.store import rows
from chatserver.store.sqlite import search_file, search_floors
from chatserver.store.sqlite.database import BUSY_TIMEOUT_MS
from chatserver.store.sqlite.search_file import SEQ_BITS, one

BATCH_EVENTS: Final = 128
"""Events in one step: two or three milliseconds of work, during one of which the interpreter does nothing else."""
_MERGE_SHARE: Final = 8
"""The index is merged into one piece once more than this part of it is new: that makes searches ten times faster."""
_MERGE_MIN: Final = 4_096
"""New documents for which a merge is not worth it."""
_WIPE_EVERY_S: Final = 900.0
_WIPE_PAUSE: Final = 200.0
"""A rewriting of the index for that alone comes at most so often, and after so many times what the last one took."""
_MERGE_PAGES: Final = 32
"""Pages merged in one step."""

_POSITIONS: Final = """
    SELECT json_group_array(json_array(chat_id, no, seq)) FROM chats
    WHERE chat_id IN (SELECT value FROM json_each(?1))"""
_HEADS: Final = "SELECT json_group_array(json_array(id, head)) FROM chats WHERE head > 0"
_ALL_FLOORS: Final = "SELECT json_group_array(json_array(id, floor)) FROM chats WHERE floor_rev > 0"
_FLOORS: Final = """
    SELECT json_group_array(json_array(id, floor)) FROM chats
    WHERE floor > 0 AND id IN (SELECT value FROM json_each(?1))"""
_BEHIND: Final = """
    SELECT json_group_array(json_extract(h.value, '$[0]')) FROM json_each(?1) h
    LEFT JOIN chats c ON c.chat_id = json_extract(h.value, '$[0]')
    WHERE COALESCE(c.seq, 0) < json_extract(h.value, '$[1]')"""
_EVENTS: Final = """
    SELECT json_group_array(json_array(chat_id, seq, target)) FROM (
        SELECT e.chat_id, e.seq, CASE e.kind WHEN 'message' THEN e.seq WHEN 'changed' THEN json_extract(e.body, '$.seq')
            ELSE 0 END AS target
        FROM json_each(?1) p CROSS JOIN events e
        WHERE e.chat_id = json_extract(p.value, '$[0]') AND e.seq > json_extract(p.value, '$[1]') LIMIT ?2)"""
_MESSAGES: Final = """
    SELECT json_group_array(json_array(
        e.chat_id, e.seq, e.at, e.sender_id, e.body, COALESCE(json_type(e.extra, '$.files') = 'array', 0)))
    FROM json_each(?1) p CROSS JOIN events e
    WHERE e.chat_id = json_extract(p.value, '$[0]') AND e.seq = json_extract(p.value, '$[1]') AND e.kind = 'message'"""
_MOVE: Final = """
    INSERT INTO chats (chat_id, seq)
    SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?1) WHERE true
    ON CONFLICT (chat_id) DO UPDATE SET seq = excluded.seq"""
_KNOWN: Final = """
    SELECT json_group_array(json_array(id, text)) FROM docs WHERE id IN (SELECT value FROM json_each(?1))"""
_ADD_DOCS: Final = """
    INSERT INTO docs (id, at, text)
    SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]') FROM json_each(?1)"""
_ADD_WORDS: Final = """
    INSERT INTO words (rowid, text)
    SELECT json_extract(value, '$[0]'), json_extract(value, '$[2]') FROM json_each(?1)"""
_COUNT: Final = "UPDATE size SET docs = docs + ?1, fresh = fresh + ?2"
_SIZE: Final = "SELECT json_array(docs, fresh) FROM size"


class _Change(NamedTuple):
    """An event, and the seq of the message that it is or changes (0: none)."""

    chat_id: int
    seq: int
    target: int


class _Document(NamedTuple):
    """A message as the index holds it."""

    id: int
    at: int
    text: str


class Indexer:
    """Owns the writing connection to the index and a reading one to the database. Not for concurrent use.

    Positions move in the transaction that brings the documents up to date: a step is done whole or not at all,
    and the next one goes on behind it, in this process or another.
    """

    def __init__(self, index: Path, database: Path, epoch: str) -> None:
        self._index = search_file.open_index(index, epoch, writer=True)
        self._merging = False
        self._merge_began = self._wipe_after = 0.0
        try:
            uri = f"{database.absolute().as_uri()}?mode=ro"
            timeout = BUSY_TIMEOUT_MS / 1000
            self._source = sqlite3.connect(
                uri, uri=True, isolation_level=None, timeout=timeout, check_same_thread=False
            )
        except BaseException:  # also when interrupted, the file must not stay open
            self._index.close()
            raise

    def close(self) -> None:
        self._index.close()
        self._source.close()

    def lagging(self) -> list[int]:
        """Chats whose logs reach further than the index."""
        behind = self._behind(self._source.execute(_HEADS).fetchone()[0])
        return behind + search_floors.behind(self._index, one(self._source, _ALL_FLOORS))

    def catch_up(self, heads: Sequence[tuple[int, int]], seconds: float) -> bool:
        """Index these chats up to these seqs; False if that takes longer."""
        end = monotonic() + seconds
        wanted = rows.to_json(heads)
        while behind := self._behind(wanted):
            if monotonic() > end:
                return False
            self.step(behind)
        return True

    def step(self, chat_ids: Sequence[int]) -> set[int]:
        """Index the next events of these chats, the first chats first; returns those that are up to date now."""
        self._index.execute("BEGIN IMMEDIATE")
        try:
            floors = one(self._source, _FLOORS, rows.to_json(chat_ids))
            if floors and search_floors.follow(self._index, floors, BATCH_EVENTS):
                self._index.execute("COMMIT")
                return set()
            numbers = {row[0]: row[2] for row in one(self._index, _POSITIONS, rows.to_json(chat_ids))}
            self._source.execute("BEGIN")
            positions = [(chat_id, numbers.get(chat_id, 0)) for chat_id in chat_ids]
            changes = [_Change(*row) for row in one(self._source, _EVENTS, rows.to_json(positions), BATCH_EVENTS)]
            self._apply(changes)
            self._index.execute("COMMIT")
        finally:
            for connection in (self._source, self._index):
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        if len(changes) < BATCH_EVENTS:
            return set(chat_ids)
        # The last chat that was reached may have more; the chats behind it were not reached.
        return set(chat_ids[: chat_ids.index(changes[-1].chat_id)])

    def _apply(self, changes: Sequence[_Change]) -> None:
        """Make the documents what the messages are in this snapshot, and move the positions."""
        if not changes:
            return
        reached = {change.chat_id: change.seq for change in changes}
        self._index.execute(_MOVE, (rows.to_json(list(reached.items())),))
        numbers = {row[0]: row[1] for row in one(self._index, _POSITIONS, rows.to_json(list(reached)))}
        targets = dict.fromkeys((change.chat_id, change.target) for change in changes if change.target)
        found = one(self._source, _MESSAGES, rows.to_json(list(targets)))
        documents = [
            _Document(document_id(numbers[chat_id], seq), at, document_text(sender_id, text, has_files=bool(has_files)))
            for chat_id, seq, at, sender_id, text, has_files in found
        ]
        # A message that is new to the index has no document yet; only one that was changed may.
        changed = {
            document_id(numbers[change.chat_id], change.target) for change in changes if 0 < change.target < change.seq
        }
        self._replace(changed, documents)

    def _replace(self, changed: Iterable[int], documents: Iterable[_Document]) -> None:
        known: dict[int, str] = dict(one(self._index, _KNOWN, rows.to_json(list(changed))))
        added = sorted(document for document in documents if known.get(document.id) != document.text)
        same = {document.id for document in documents} - {document.id for document in added}
        removed = rows.to_json([known_id for known_id in known if known_id not in same])
        if known:
            search_floors.remove(self._index, removed)
        # In ascending id: FTS5 begins a new piece of index whenever an id is lower than the one before.
        fresh = rows.to_json(added)
        self._index.execute(_ADD_DOCS, (fresh,))
        self._index.execute(_ADD_WORDS, (fresh,))
        self._index.execute(_COUNT, (len(added) - len(known) + len(same & known.keys()), len(added)))

    def merge_step(self) -> bool:
        """Bring a little more of the index into one piece; False if there is nothing more to do for now."""
        if not self._merging:
            docs, fresh = one(self._index, _SIZE)
            if fresh < max(_MERGE_MIN, docs // _MERGE_SHARE) and not self._wipe_is_due():
                return False
            self._index.execute("UPDATE size SET fresh = 0")
            self._merge_began = monotonic()
        before = self._index.total_changes
        # A negative number puts all pieces on one level first, from where they are merged into one.
        pages = _MERGE_PAGES if self._merging else -_MERGE_PAGES
        self._index.execute("INSERT INTO words (words, rank) VALUES ('merge', ?1)", (pages,))
        # FTS5's own sign: less than two changes mean that there was nothing to merge.
        self._merging = self._index.total_changes - before >= 2
        if not self._merging:
            search_floors.wiped(self._index)
            self._wipe_after = monotonic() + max(_WIPE_EVERY_S, _WIPE_PAUSE * (monotonic() - self._merge_began))
        return self._merging

    def _wipe_is_due(self) -> bool:
        """Whether words of removed messages are left in pieces of the index, and it is time to rewrite them."""
        return monotonic() >= self._wipe_after and search_floors.needs_wiping(self._index)

    def free_pages(self) -> int:
        """Pages of the index's file that hold nothing."""
        return int(self._index.execute("PRAGMA freelist_count").fetchone()[0])

    def give_back(self, most: int) -> int:
        """Give at most so many free pages back to the disk; how many were."""
        free, total = self.free_pages(), int(self._index.execute("PRAGMA page_count").fetchone()[0])
        wanted = min(most, free - search_file.kept_free(total))
        if wanted <= 0:
            return 0
        # As a script: it gives a row without columns for each page, at the first of which `execute` would stop.
        self._index.executescript(f"PRAGMA incremental_vacuum({wanted})")
        return free - self.free_pages()

    def empty_log(self) -> bool:
        """Empty the write-ahead log; False if a search is in the way."""
        self._index.execute("PRAGMA busy_timeout = 0")
        try:
            return not self._index.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        finally:
            self._index.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")

    def _behind(self, heads: str) -> list[int]:
        found: list[int] = one(self._index, _BEHIND, heads)
        return found


def document_id(chat_number: int, seq: int) -> int:
    """The id of a message's document."""
    return (chat_number << SEQ_BITS) | seq
