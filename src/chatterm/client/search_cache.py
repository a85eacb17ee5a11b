"""What a search reads of the cache beside the index, on a connection of its own."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from chatproto.models import Message
from chatterm.client import cache_events, cache_schema, database
from chatterm.client.cache_events import EventRow
from chatterm.client.cache_read import CacheQueries
from chatterm.client.database import damaged, storage_error

_THESE: Final = f"""
SELECT e.chat_id, {cache_events.COLUMNS} FROM json_each(?1) AS k CROSS JOIN events AS e
WHERE e.chat_id = json_extract(k.value, '$[0]') AND e.seq = json_extract(k.value, '$[1]')
AND e.client_id IS NOT NULL"""  # noqa: S608 - own names


class SearchCache(CacheQueries):
    """Reads of any length; belongs to the thread that opened it. Methods raise `ClientError`."""

    @classmethod
    def open(cls, path: Path) -> "SearchCache":
        """Open a cache that exists. Raises `ClientError`."""
        try:
            return cls(database.connect(path, cache_schema.FORMAT), path)
        except (FileNotFoundError, database.UnusableError) as error:
            raise storage_error(damaged(str(error)), path) from error

    def copy(self) -> str:
        """The name of this copy of the server's database that an index follows; empty if none does."""
        return str(self._meta("search", ""))

    def names_since(self, rev: int) -> list[tuple[int, str]]:
        """Id and name of the users after a rev."""
        return self._all("SELECT id, display_name FROM users WHERE rev > ?", (rev,))

    def titles(self) -> list[tuple[int, str]]:
        """Id and title of the groups."""
        return self._all("SELECT id, title FROM chats WHERE kind = 'group' AND title <> ''")

    def direct_chats(self, user_ids: Sequence[int]) -> list[int]:
        """The direct chats with these users."""
        query = "SELECT id FROM chats WHERE peer_id IN (SELECT value FROM json_each(?)) ORDER BY id"
        return [chat_id for (chat_id,) in self._all(query, (json.dumps(list(user_ids)),))]

    def messages_at(self, places: Sequence[tuple[int, int]]) -> dict[tuple[int, int], Message]:
        """Those of these places, given as chat and seq, that are cached messages."""
        found: dict[tuple[int, int], Message] = {}
        for chat_id, *row in self._all(_THESE, (json.dumps(places),)):
            try:
                found[chat_id, row[0]] = cache_events.made_message(chat_id, EventRow(*row))
            except (msgspec.DecodeError, UnicodeError) as error:
                raise storage_error(damaged(f"event {chat_id}-{row[0]} makes no sense"), self._path) from error
        return found
