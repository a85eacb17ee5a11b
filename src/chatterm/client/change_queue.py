"""Changes of messages that the server has not confirmed yet, on disk before anything else happens to them."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from chatproto.errors import ErrorInfo
from chatproto.frames import Delete, Edit, Pin, React
from chatterm.client import database
from chatterm.client.errors import ClientError
from chatterm.client.model import ChangeState, MessageChange, PendingChange

ROWS_MAX: Final = 10_000
_BROKEN_MAX: Final = 10
FORMAT: Final = database.Format(
    application_id=0x43544348,  # "CTCH"
    version=1,
    schema="""
    CREATE TABLE changes (
        row_id INTEGER PRIMARY KEY AUTOINCREMENT,
        epoch TEXT NOT NULL,
        chat_id INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        what TEXT NOT NULL,
        frame BLOB NOT NULL,
        created_at INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('queued', 'failed')),
        error BLOB,
        UNIQUE (chat_id, seq, what)
    ) STRICT
    """,
    synchronous="FULL",
    check=True,
)
_COLUMNS: Final = "row_id, frame, created_at, state, error"
_INSERT: Final = f"""
INSERT OR REPLACE INTO changes (epoch, chat_id, seq, what, frame, created_at, state)
VALUES (?, ?, ?, ?, ?, ?, 'queued') RETURNING {_COLUMNS}"""  # noqa: S608 - own names
_OTHER_DATABASE: Final = ErrorInfo(
    code="serverRestored",
    message="The server's database is another one than when this was changed.",
    hint="Look at the message, and change it again if you still want to.",
)


class ChangeQueue:
    """The changes of one account; any number of processes may add, the holder of the `SenderLock` settles.

    Every change of the file is durable (fsync) when its method returns, and raises `ClientError` otherwise. Of one
    message there is at most one change of each kind, the last one asked for; a deletion replaces all others.
    Order is `row_id`. An instance belongs to the thread that opened it.
    """

    def __init__(self, path: Path, clock: Callable[[], int]) -> None:
        """Use `ChangeQueue.open`."""
        self._path = path
        self._clock = clock
        self._connection, self.problem = database.open_or_begin_anew(path, FORMAT, _told, keep=_BROKEN_MAX)

    @classmethod
    def open(cls, path: Path, *, clock: Callable[[], int] = lambda: time.time_ns() // 1_000) -> "ChangeQueue":
        """Open the file, making it if missing. `clock` gives microseconds since 1970 UTC. Raises `ClientError`.

        A damaged file is set aside, and `problem` says so.
        """
        return cls(path, clock)

    problem: ErrorInfo | None
    """What happened to the file while it was opened, for the user to know."""

    def add(self, change: MessageChange, epoch: str) -> PendingChange:
        """Queue a change made with the server's database `epoch` in view. Raises `changesFull`."""
        place = (change.chat_id, change.seq)
        with database.transaction(self._connection, self._path):
            if self._connection.execute("SELECT count(*) FROM changes").fetchone()[0] >= ROWS_MAX:
                raise ClientError(
                    "changesFull", f"{ROWS_MAX:,} changes wait to be sent already.", "Connect first, so that they go."
                )
            if isinstance(change, Delete):
                self._connection.execute("DELETE FROM changes WHERE chat_id = ? AND seq = ?", place)
            values = (epoch, *place, _what(change), msgspec.json.encode(change), self._clock())
            row = self._connection.execute(_INSERT, values).fetchone()
            return _made(row)

    def next(self) -> PendingChange | None:
        """The change to send next, the oldest one queued."""
        return self._one("WHERE state = 'queued' ORDER BY row_id LIMIT 1")

    def rows(self) -> list[PendingChange]:
        """All changes in the order of sending; at most `ROWS_MAX`."""
        query = f"SELECT {_COLUMNS} FROM changes ORDER BY row_id"  # noqa: S608 - own names
        with database.reading(self._path):
            return [_made(row) for row in self._connection.execute(query)]

    def drop(self, row_id: int) -> bool:
        """The server has it, or nobody wants it any more; False if it is gone or was replaced since. Idempotent."""
        with database.transaction(self._connection, self._path):
            return self._connection.execute("DELETE FROM changes WHERE row_id = ?", (row_id,)).rowcount > 0

    def refuse(self, row_id: int, error: ErrorInfo) -> None:
        """The server refused it for good: it stays, failed, until it is retried or dropped."""
        with database.transaction(self._connection, self._path):
            self._connection.execute(
                "UPDATE changes SET state = 'failed', error = ? WHERE row_id = ?", (msgspec.json.encode(error), row_id)
            )

    def retry(self, row_id: int, epoch: str) -> bool:
        """Queue a failed change again, in its old place and now for this `epoch`; False if there is no such row."""
        with database.transaction(self._connection, self._path):
            return (
                self._connection.execute(
                    "UPDATE changes SET state = 'queued', error = NULL, epoch = ? WHERE row_id = ?", (epoch, row_id)
                ).rowcount
                > 0
            )

    def refuse_others(self, epoch: str) -> int:
        """Fail what was queued with another database in view: its messages may be others now; how many."""
        with database.transaction(self._connection, self._path):
            return self._connection.execute(
                "UPDATE changes SET state = 'failed', error = ? WHERE state = 'queued' AND epoch <> ?",
                (msgspec.json.encode(_OTHER_DATABASE), epoch),
            ).rowcount

    def data_version(self) -> int:
        """A number that differs from the last one if another connection changed the file; costs microseconds."""
        with database.reading(self._path):
            return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        """Idempotent."""
        self._connection.close()

    def _one(self, where: str) -> PendingChange | None:
        with database.reading(self._path):
            row = self._connection.execute(f"SELECT {_COLUMNS} FROM changes {where}").fetchone()  # noqa: S608 - own names
            return None if row is None else _made(row)


def _what(change: MessageChange) -> str:
    """What of a message it changes: a later change of the same replaces an earlier one."""
    match change:
        case Edit():
            return "text"
        case Delete():
            return "existence"
        case React(emoji=emoji):
            return f"reaction {emoji}"
        case Pin():
            return "pin"


def _made(row: tuple[int, bytes, int, str, bytes | None]) -> PendingChange:
    row_id, frame, created_at, state, error = row
    try:
        change: MessageChange = msgspec.json.decode(frame, type=MessageChange)
        info = None if error is None else msgspec.json.decode(error, type=ErrorInfo)
        return PendingChange(row_id, change, created_at, ChangeState(state), info)
    except ValueError as problem:
        raise database.damaged(f"change {row_id} makes no sense") from problem


def _told(reason: database.UnusableError, broken: Path) -> ErrorInfo:
    return ClientError(
        "storageFailed",
        f"Edits, deletions and reactions that were not sent yet could not be read ({reason}).",
        f"The old file is kept as {broken}; look at the messages, and change them again.",
    ).info()
