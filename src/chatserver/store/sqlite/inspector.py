"""Looks at the database file without changing it, whether a server has it open, has crashed, or never ran."""

import contextlib
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from chatserver.store import migrations
from chatserver.store.interfaces.inspection import InspectionError, StoredContent
from chatserver.store.sqlite import search_file
from chatserver.store.sqlite.database import APPLICATION_ID, BUSY_TIMEOUT_MS, FILE_NAME

_COMPLAINTS: Final = 5
_PROBES: Final = 200
_BATCH: Final = 500


class SqliteInspector:
    """See `Inspector`."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        """Raises `InspectionError` if it is no database of this program."""
        self._path = path
        self._connection = connection
        self.newest_schema = len(migrations.load("sqlite"))
        self.schema = int(self._one("PRAGMA user_version"))
        if self._one("PRAGMA application_id") != APPLICATION_ID:
            raise InspectionError("it is no database of chatserver's")

    def damage(self, *, deep: bool) -> list[str]:
        kind = "integrity_check" if deep else "quick_check"
        found = [str(row[0]) for row in self._all(f"PRAGMA {kind}({_COMPLAINTS})")]
        if found == ["ok"]:
            found = []
        if deep and not found:
            for table, _, parent, _ in self._all("PRAGMA foreign_key_check")[:_COMPLAINTS]:
                found.append(f"a row of {table} names one of {parent} that is not there")
        return found

    def epoch(self) -> str:
        rows = self._all("SELECT value FROM meta WHERE key = 'epoch'")
        return bytes(rows[0][0]).decode("ascii", "replace") if rows else ""

    def newest_event_at(self) -> int | None:
        newest = self._one("SELECT MAX(head_at) FROM chats WHERE head > 0")
        return int(newest) if newest is not None else None

    def contents(self, sample: int | None) -> Iterator[StoredContent]:
        if sample is None:
            yield from self._all_contents()
            return
        last = self._one("SELECT MAX(rowid) FROM blobs")
        if last is None:
            return
        seen = set()
        for _ in range(min(sample, _PROBES)):
            row = self._contents_from(random.randint(1, last), 1)[0]  # noqa: S311 - a sample, not a secret
            if row[0] not in seen:
                seen.add(row[0])
                yield StoredContent(row[1], row[2], row[3])

    def _all_contents(self) -> Iterator[StoredContent]:
        start = 0
        while rows := self._contents_from(start, _BATCH):
            for row in rows:
                yield StoredContent(row[1], row[2], row[3])
            start = rows[-1][0] + 1

    def _contents_from(self, start: int, count: int) -> list[Any]:
        statement = "SELECT rowid, key, size, sha256 FROM blobs WHERE rowid >= ? ORDER BY rowid LIMIT ?"
        return self._all(statement, start, count)

    def unindexed(self) -> int | None:
        path = self._path.with_name(search_file.FILE_NAME)
        if not path.exists():
            return None
        with contextlib.closing(_open(path)) as index:
            known: dict[int, int] = dict(_rows(index, "SELECT chat_id, seq FROM chats"))
        heads: list[tuple[int, int]] = self._all("SELECT id, head FROM chats")
        return sum(max(0, head - known.get(chat, 0)) for chat, head in heads)

    def log_bytes(self) -> int:
        return _size(_log_of(self._path))

    def _one(self, statement: str) -> Any:
        return self._all(statement)[0][0]

    def _all(self, statement: str, *values: object) -> list[Any]:
        return _rows(self._connection, statement, *values)


@contextlib.contextmanager
def inspect(data_dir: Path) -> Iterator[SqliteInspector]:
    """The database in a data folder, to be looked at. Raises `InspectionError`."""
    path = data_dir / FILE_NAME
    with contextlib.closing(_open(path)) as connection:
        yield SqliteInspector(path, connection)


def _open(path: Path) -> sqlite3.Connection:
    """A connection that cannot write. Without a log beside the file nobody has it open, and it is read as it is: an
    ordinary reader would make a log, which may belong to the wrong user or not be possible.
    """
    try:
        with path.open("rb"):
            pass
        mode = "mode=ro" if _log_of(path).exists() else "mode=ro&immutable=1"
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True, timeout=BUSY_TIMEOUT_MS / 1000)
    except OSError as error:
        raise InspectionError(error.strerror or str(error)) from error
    except sqlite3.Error as error:
        raise InspectionError(str(error)) from error
    return connection


def _rows(connection: sqlite3.Connection, statement: str, *values: object) -> list[Any]:
    try:
        return connection.execute(statement, values).fetchall()
    except sqlite3.Error as error:
        raise InspectionError(str(error)) from error


def _log_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
