"""What the index for search reads of the cache, on a connection of its own."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from chatterm.client import cache_schema, database

_TEXT: Final = "at, sender_id, text, ifnull(json_array_length(CAST(body AS TEXT), '$.files'), 0) > 0"
_BELOW: Final = f"""
SELECT chat_id, seq, client_id IS NOT NULL, {_TEXT}
FROM events WHERE chat_id = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3"""  # noqa: S608 - own names
_THESE: Final = f"""
SELECT e.chat_id, e.seq, e.client_id IS NOT NULL, {_TEXT} FROM json_each(?1) AS k CROSS JOIN events AS e
WHERE e.chat_id = json_extract(k.value, '$[0]') AND e.seq = json_extract(k.value, '$[1]')"""  # noqa: S608 - own names


class Noted(NamedTuple):
    """A message that was added or changed since the index saw it, or with a time of its own, is gone from the cache."""

    number: int
    chat_id: int
    seq: int
    at: int | None


class EventText(NamedTuple):
    """What the index wants to know of an event; `text` is None for what has none, and for what was deleted."""

    chat_id: int
    seq: int
    is_message: bool
    at: int
    sender_id: int
    text: str | None
    has_files: bool


def gone(noted: Sequence[Noted]) -> list[EventText]:
    """Those of these messages that are gone from the cache, as the index takes what was deleted."""
    return [EventText(each.chat_id, each.seq, True, each.at, 0, None, False) for each in noted if each.at is not None]


class SearchSource:
    """A connection to the cache. Methods raise `ClientError` if the file fails. Belongs to the thread that made it."""

    def __init__(self, cache: Path) -> None:
        self._path = cache
        self._connection = database.connect(cache, cache_schema.FORMAT)

    def copy(self) -> str:
        """The name of this copy of the server's database; empty if no index follows it yet."""
        row = self._one("SELECT value FROM meta WHERE key = 'search'")
        return "" if row is None else str(row[0])

    def follow(self) -> str:
        """The name of this copy; from now on, what changes is noted. A copy that was dropped has another name."""
        known = self.copy()
        if known:
            return known
        with database.transaction(self._connection, self._path):
            name = os.urandom(8).hex()
            self._connection.execute("INSERT OR IGNORE INTO meta VALUES ('search', ?)", (name,))
        return self.copy()

    def chats(self) -> list[tuple[int, int, int]]:
        """Id, head, and the time of the head of each chat of which anything may be cached."""
        return self._all("SELECT id, head, head_at FROM chats WHERE head > 0")

    def noted(self, limit: int) -> list[Noted]:
        """What changed, the first first."""
        return [
            Noted(*row) for row in self._all("SELECT n, chat_id, seq, at FROM unindexed ORDER BY n LIMIT ?", (limit,))
        ]

    def forget(self, noted: Sequence[Noted]) -> None:
        """These changes are in the index."""
        if not noted:
            return
        with database.transaction(self._connection, self._path):
            self._connection.executemany("DELETE FROM unindexed WHERE n = ?", [(each.number,) for each in noted])

    def below(self, chat_id: int, seq: int, limit: int) -> list[EventText]:
        """The cached events of a chat before a seq, descending."""
        return [EventText(*row) for row in self._all(_BELOW, (chat_id, seq, limit))]

    def these(self, places: Sequence[tuple[int, int]]) -> list[EventText]:
        """Those of these events, given as chat and seq, that are cached."""
        return [EventText(*row) for row in self._all(_THESE, (json.dumps(places),))]

    def close(self) -> None:
        self._connection.close()

    def _one(self, query: str) -> Any:
        with database.reading(self._path):
            return self._connection.execute(query).fetchone()

    def _all(self, query: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
        with database.reading(self._path):
            return self._connection.execute(query, parameters).fetchall()
