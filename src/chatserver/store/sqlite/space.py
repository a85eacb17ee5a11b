"""The space of the database's files: free pages go back to the disk, and write-ahead logs are emptied, step by step.

See https://www.sqlite.org/pragma.html#pragma_incremental_vacuum and `wal_checkpoint` there.
"""

from abc import ABC, abstractmethod
from pathlib import Path

import aiosqlite

from chatserver.store.sqlite import database
from chatserver.store.sqlite.search_file import kept_free
from chatserver.store.sqlite.search_index import SearchIndex
from chatserver.store.sqlite.writer import GroupCommitWriter


class SpaceArea(ABC):
    """See `chatserver.store.interfaces.space.SpaceStore`."""

    @property
    @abstractmethod
    def _files(self) -> "tuple[Path, GroupCommitWriter, SearchIndex]":
        """The database's file, who writes it, and the index beside it."""

    async def free_pages(self) -> int:
        _, writer, index = self._files
        return await writer.when_idle(_free_pages) + await index.free_pages()

    async def give_back(self, most: int) -> int:
        _, writer, index = self._files

        async def step(connection: aiosqlite.Connection) -> int:
            free, total = await _free_pages(connection), await _number(connection, "page_count")
            wanted = min(most, free - kept_free(total))
            if wanted <= 0:
                return 0
            # As a script: it gives a row without columns for each page, at the first of which `execute` would stop.
            await connection.executescript(f"PRAGMA incremental_vacuum({wanted})")
            return free - await _free_pages(connection)

        return await writer.when_idle(step) or await index.give_back(most)

    async def empty_log(self) -> bool:
        path, writer, index = self._files
        await _copy_log(path)
        return await writer.when_idle(_truncate_log) and await index.empty_log()


async def _copy_log(path: Path) -> None:
    """Bring what the log holds into the file, beside those who write: then little is left for the last step."""
    connection = await database.connect(path, writer=True)
    try:
        await connection.execute_fetchall("PRAGMA wal_checkpoint(PASSIVE)")
    finally:
        await connection.close()


async def _truncate_log(connection: aiosqlite.Connection) -> bool:
    # Whoever reads an earlier state keeps the log from being emptied; nobody who sends shall wait for them.
    await connection.execute_fetchall("PRAGMA busy_timeout = 0")
    try:
        return not await _number(connection, "wal_checkpoint(TRUNCATE)")
    finally:
        await connection.execute_fetchall(f"PRAGMA busy_timeout = {database.BUSY_TIMEOUT_MS}")


async def _free_pages(connection: aiosqlite.Connection) -> int:
    return await _number(connection, "freelist_count")


async def _number(connection: aiosqlite.Connection, pragma: str) -> int:
    return int(next(iter(await connection.execute_fetchall(f"PRAGMA {pragma}")))[0])
