"""The outbox: messages that the server has not confirmed yet, on disk before anything else happens to them."""

import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from chatproto.errors import ErrorInfo
from chatterm.client import outbox_file, outbox_rows
from chatterm.client.database import reading, transaction
from chatterm.client.errors import ClientError
from chatterm.client.model import NOTHING_ENCLOSED, Attachment, Enclosed, OutboxRow, OutboxState, Target
from chatterm.client.outbox_rows import (
    COLUMNS,
    NEW_ID,
    PAUSED,
    UPLOADING,
    by_id,
    decode,
    encode_attached,
    find,
    parse_target,
    target_key,
    waits_for,
)

if TYPE_CHECKING:
    from chatterm.client.spool import Spool

ROWS_MAX: Final = 100_000

# First in, first out for each target: nothing overtakes a message whose outcome is open, or whose files are
# on their way.
_TAKE: Final = f"""
SELECT {COLUMNS} FROM messages AS m WHERE state = 'queued' AND NOT waits
AND NOT EXISTS (SELECT 1 FROM messages AS s WHERE s.target = m.target AND s.state = 'sending')
AND NOT EXISTS (
    SELECT 1 FROM messages AS w
    WHERE w.target = m.target AND w.row_id < m.row_id AND w.waits AND w.waits = {UPLOADING} AND w.state = 'queued'
)
ORDER BY row_id LIMIT ?"""  # noqa: S608 - only this module's own column list is put in

T = TypeVar("T")

_INSERT: Final = f"""
INSERT INTO messages (client_id, target, text, created_at, state, enclosed, attached, waits)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
RETURNING {COLUMNS}"""  # noqa: S608 - as above


def now_us() -> int:
    """Microseconds since 1970 UTC."""
    return time.time_ns() // 1_000


class Outbox:
    """The outbox of one account; implements `OutboxReader`.

    Any number of processes may open it and append; only the holder of the `SenderLock` takes and settles.
    Every change is durable (fsync) when its method returns, applied whole or not at all, and raises
    `ClientError` (`diskFull`, `notWritable`, `storageBusy`, `outboxBroken`, `storageFailed`) otherwise.
    Order is `row_id`. A row is HELD exactly while an earlier row to its target is FAILED with one of
    `outbox_rows.BLOCKING`. An instance belongs to the thread that opened it.
    """

    def __init__(self, path: Path, clock: Callable[[], int]) -> None:
        """Use `Outbox.open`."""
        self._path = path
        self._clock = clock
        self._connection, self.problem = outbox_file.open_file(path)
        self._identity = _identity(path)
        self.progress: dict[str, tuple[int, float]] = {}
        """Bytes sent and their rate for copies that are being uploaded; `rows` tells them."""

    @classmethod
    def open(cls, path: Path, *, clock: Callable[[], int] = now_us) -> "Outbox":
        """Open the outbox, making it if missing. `clock` gives microseconds since 1970 UTC.

        A damaged file is set aside, what can be read of it goes into a new one, and `problem` says so: show
        it. Raises `ClientError`, also `outboxNewer` for a file of a newer version, which is left alone.
        """
        return cls(path, clock)

    problem: ErrorInfo | None
    """What happened to the file while it was opened, for the user to know."""

    def append(
        self,
        target: Target,
        text: str,
        client_id: bytes | None = None,
        *,
        enclosed: Enclosed = NOTHING_ENCLOSED,
        attached: Sequence[Attachment] = (),
    ) -> OutboxRow:
        """Queue a message; durable on return. `text` is normalised; the files of `attached` are in the spool.

        Idempotent by `client_id`. Raises `ClientError`, also `outboxFull`, or `clientIdConflict` if the id is
        another message's.
        """
        client_id = os.urandom(16) if client_id is None else client_id
        while True:
            row = self._append(target_key(target), text, client_id, enclosed, tuple(attached))
            # If the file was set aside meanwhile, the row is in a file that nobody reads any more.
            if not self._moved():
                return row

    def take(self, limit: int, max_bytes: int) -> list[OutboxRow]:
        """The next rows to send, oldest first, now SENDING and their `attempts` counted.

        At most `limit`, and at most `max_bytes` of UTF-8 text but always one row. Left out are targets that
        have a row in SENDING, and what is behind a row with files to the same target: the server may have dropped
        them, and while they are uploaded again nothing may overtake that row.
        """
        with self._transaction() as connection:
            rows: list[tuple[Any, ...]] = []
            with_files: set[str] = set()
            for row in connection.execute(_TAKE, (limit,)):
                target, text, attached = row[2], row[3], row[9]
                if target in with_files:
                    continue
                max_bytes -= len(text.encode())
                if rows and max_bytes < 0:
                    break
                rows.append(row)
                if attached is not None:
                    with_files.add(target)
            connection.executemany(
                "UPDATE messages SET state = 'sending', attempts = attempts + 1 WHERE row_id = ?",
                [(row[0],) for row in rows],
            )
            return [decode((*row[:5], "sending", row[6] + 1, *row[7:])) for row in rows]

    def finish(
        self,
        *,
        sent: Iterable[bytes] = (),
        refused: Iterable[tuple[bytes, ErrorInfo]] = (),
        requeue: Iterable[bytes] = (),
    ) -> None:
        """Apply the answers to a batch in one durable step. Ids that are not there are ignored: idempotent.

        `sent` rows leave the outbox, `refused` ones become FAILED for good (errors must not be temporary),
        `requeue` ones are tried again under the same client id.
        """
        gone: list[Attachment] = []
        with self._transaction() as connection:
            for client_id in sent:
                gone += outbox_rows.delete(connection, client_id)
            touched = {outbox_rows.requeue(connection, client_id) for client_id in requeue}
            touched |= {outbox_rows.refuse(connection, client_id, error) for client_id, error in refused}
            # A failed row may have been among the sent ones: a late answer to an earlier attempt.
            touched |= {
                key for (key,) in connection.execute("SELECT DISTINCT target FROM messages WHERE state = 'held'")
            }
            _settle_all(connection, touched)
        if gone:
            self.spool.remove(gone)

    def sent(self, client_id: bytes) -> None:
        """The server has it: the row leaves the outbox. Store its event in the cache first."""
        self.finish(sent=(client_id,))

    def refused(self, client_id: bytes, error: ErrorInfo) -> None:
        """The server refused it for good: FAILED; with an error of `outbox_rows.BLOCKING`, later rows of its
        target are HELD.
        """
        self.finish(refused=((client_id, error),))

    def requeue_sending(self) -> int:
        """All SENDING rows are QUEUED again under the same client ids, their outcome being unknown; how many.

        For the sender only: at start, and when the connection closes before the answer.
        """
        with self._transaction() as connection:
            rows = connection.execute("SELECT client_id FROM messages WHERE state = 'sending'").fetchall()
            _settle_all(connection, {outbox_rows.requeue(connection, client_id) for (client_id,) in rows})
        return len(rows)

    def retry(self, client_id: bytes) -> OutboxRow | None:
        """Queue a FAILED row again in its old place; None if there is no such row.

        A HELD row is retried by retrying what holds it. After `clientIdConflict` the row has a new client id.
        Other rows are returned as they are.
        """
        with self._transaction() as connection:
            row = find(connection, client_id)
            if row is None:
                return None
            if row.state is OutboxState.HELD:
                again = connection.execute(
                    "SELECT client_id FROM messages WHERE target = ? AND blocks AND row_id < ?",
                    (target_key(row.target), row.row_id),
                ).fetchall()
            else:
                again = [(client_id,)] if row.state is OutboxState.FAILED else []
            for (blocker,) in again:
                outbox_rows.revive(connection, blocker)
            outbox_file.settle(connection, target_key(row.target))
            return by_id(connection, row.row_id)

    def discard(self, client_id: bytes) -> bool:
        """Drop a FAILED row, or a QUEUED or HELD one that was never attempted.

        False if there is no such row, or if it may already be sent.
        """
        with self._transaction() as connection:
            row = find(connection, client_id)
            if row is None or row.state is OutboxState.SENDING:
                return False
            if row.state is not OutboxState.FAILED and row.attempts > 0:
                return False
            gone = outbox_rows.delete(connection, client_id)
            outbox_file.settle(connection, target_key(row.target))
        if gone:
            self.spool.remove(gone)
        return True

    @property
    def spool(self) -> "Spool":
        """Where the copies of files lie."""
        from chatterm.client.spool import Spool  # noqa: PLC0415 - few messages have files

        return Spool(self._path.with_name("spool"))

    def change(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do something of `outbox_uploads` or `outbox_edits` in one durable step."""
        with self._transaction() as connection:
            return work(connection)

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Ask for something of `outbox_uploads`."""
        with reading(self._path):
            return work(self._database())

    def rebind(self, old: Target, chat_id: int) -> int:
        """Direct rows for a person to the chat that this person turned out to have; how many. Order is kept."""
        new = target_key(Target(chat_id=chat_id))
        with self._transaction() as connection:
            changed = connection.execute(
                "UPDATE messages SET target = ? WHERE target = ?", (new, target_key(old))
            ).rowcount
            if changed:
                outbox_file.settle(connection, new)
        return int(changed)

    def rows(self, targets: Sequence[Target] | None = None, limit: int = 500) -> list[OutboxRow]:
        """Unsent rows in the order of sending, all or those to any of `targets`."""
        where, keys = "", [target_key(target) for target in targets or ()]
        if targets is not None:
            where = f"WHERE target IN ({', '.join('?' * len(keys))})"
        with reading(self._path):
            found = self._database().execute(
                f"SELECT {COLUMNS} FROM messages {where} ORDER BY row_id LIMIT ?",  # noqa: S608 - own names only
                (*keys, limit),
            )
            rows = [decode(row) for row in found]
        return [_with_progress(row, self.progress) if row.attached else row for row in rows] if self.progress else rows

    def row(self, client_id: bytes) -> OutboxRow | None:
        """The row with this client id, None once it is sent or discarded."""
        with reading(self._path):
            return find(self._database(), client_id)

    def counts(self) -> tuple[int, int]:
        """(queued, failed): rows that will be sent without help or are paused, and rows that wait for a retry."""
        with reading(self._path):
            counted = self._database().execute("SELECT state, count(*) FROM messages GROUP BY state").fetchall()
        by_state = dict(counted)
        queued = by_state.get("queued", 0) + by_state.get("sending", 0)
        return queued, by_state.get("failed", 0) + by_state.get("held", 0)

    def paused(self) -> int:
        """How many of the queued rows wait because the upload of their files is paused."""
        query = f"SELECT count(*) FROM messages WHERE waits AND waits = {PAUSED} AND state = 'queued'"  # noqa: S608 - own names only
        with reading(self._path):
            return int(self._database().execute(query).fetchone()[0])

    def failed_targets(self, limit: int = 500) -> list[Target]:
        """To whom messages wait for a retry (FAILED, HELD), each once."""
        query = "SELECT DISTINCT target FROM messages WHERE state IN ('failed', 'held') LIMIT ?"
        with reading(self._path):
            found = self._database().execute(query, (limit,)).fetchall()
        return [parse_target(str(key)) for (key,) in found]

    def data_version(self) -> int:
        """A number that differs from the last one if another connection changed the outbox; costs microseconds."""
        with reading(self._path):
            return int(self._database().execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        """Idempotent."""
        self._connection.close()

    def _append(
        self, key: str, text: str, client_id: bytes, enclosed: Enclosed, attached: tuple[Attachment, ...]
    ) -> OutboxRow:
        with self._transaction() as connection:
            known = find(connection, client_id)
            if known is not None:
                if (target_key(known.target), known.text, known.enclosed, known.attached) != (
                    key,
                    text,
                    enclosed,
                    attached,
                ):
                    raise ClientError(
                        NEW_ID, "Another message in the outbox has this client id.", "Send it under a new one."
                    )
                return known
            _check_room(connection)
            blocked = connection.execute("SELECT 1 FROM messages WHERE target = ? AND blocks", (key,)).fetchone()
            more = None if enclosed == NOTHING_ENCLOSED else msgspec.json.encode(enclosed)
            inserted = connection.execute(
                _INSERT,
                (
                    client_id,
                    key,
                    text,
                    self._clock(),
                    "held" if blocked else "queued",
                    more,
                    encode_attached(attached),
                    waits_for(attached),
                ),
            )
            return decode(inserted.fetchone())

    def _database(self) -> sqlite3.Connection:
        """The connection to the file that has the outbox's name now."""
        if self._moved():
            self._connection.close()
            self._connection, problem = outbox_file.open_file(self._path)
            self._identity = _identity(self._path)
            self.problem = problem or self.problem
        return self._connection

    def _moved(self) -> bool:
        return _identity(self._path) != self._identity

    def _transaction(self) -> "_Transaction":
        return _Transaction(self._database(), self._path)


class _Transaction:
    """`database.transaction` that hands out its connection."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._inner = transaction(connection, path)

    def __enter__(self) -> sqlite3.Connection:
        self._inner.__enter__()
        return self._connection

    def __exit__(self, *exception: Any) -> bool | None:
        return self._inner.__exit__(*exception)


def _with_progress(row: OutboxRow, progress: Mapping[str, tuple[int, float]]) -> OutboxRow:
    told = ((file, progress.get(file.spool, (0, 0.0))) for file in row.attached)
    attached = tuple(msgspec.structs.replace(file, sent=sent, rate=rate) for file, (sent, rate) in told)
    return msgspec.structs.replace(row, attached=attached)


def _settle_all(connection: sqlite3.Connection, keys: Iterable[str | None]) -> None:
    for key in keys:
        if key is not None:
            outbox_file.settle(connection, key)


def _check_room(connection: sqlite3.Connection) -> None:
    # The span of row ids bounds the count without counting.
    span = connection.execute("SELECT ifnull(max(row_id) - min(row_id) + 1, 0) FROM messages").fetchone()[0]
    if span >= ROWS_MAX and connection.execute("SELECT count(*) FROM messages").fetchone()[0] >= ROWS_MAX:
        raise ClientError(
            "outboxFull",
            f"{ROWS_MAX:,} messages are waiting to be sent; no more are taken.",
            "Connect to the server, or discard some with 'chatterm outbox'.",
        )


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
