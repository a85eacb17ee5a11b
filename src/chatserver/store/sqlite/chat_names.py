"""Titles of groups for who may read the database file anyway: one connection that cannot write."""

import os
import sqlite3
from collections.abc import Collection
from pathlib import Path
from typing import Final

from chatserver.store import rows
from chatserver.store.errors import StoreUnusableError
from chatserver.store.sqlite import database
from chatserver.store.sqlite.readers import ReaderPool

_TITLES: Final = "SELECT id, kind, title FROM chats WHERE id IN (SELECT value FROM json_each($1))"


class ChatNames:
    """See `chatserver.backends.open_chat_names`."""

    def __init__(self, readers: ReaderPool) -> None:
        self._readers = readers

    @classmethod
    async def open(cls, data_dir: Path) -> "ChatNames":
        path = data_dir / database.FILE_NAME
        if not os.access(path, os.R_OK):  # opening would make an empty one
            raise StoreUnusableError(f"There is no database in {data_dir} that this user may read. Check --data.")
        try:
            return cls(ReaderPool([await database.connect(path, writer=False)]))
        except sqlite3.Error as error:
            raise StoreUnusableError(
                f"The database {path} cannot be read: {error}. Check its owner and mode."
            ) from error

    async def names(self, chat_ids: Collection[int]) -> dict[int, str]:
        """The titles of groups; a direct chat is called that, whoever its members are."""
        found = await self._readers.all(_TITLES, rows.to_json(list(chat_ids)))
        return {chat_id: title if kind == "group" else "direct chat" for chat_id, kind, title in found}

    async def close(self) -> None:
        await self._readers.close()
