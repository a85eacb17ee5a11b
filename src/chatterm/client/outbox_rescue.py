"""Read what can still be read of a damaged outbox: through SQLite as far as it goes, then from the bare pages."""

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from chatproto.errors import ErrorInfo
from chatterm.client.database import log_is_damaged, log_of
from chatterm.client.model import Attachment, Enclosed
from chatterm.client.outbox_file import settle

_STATES: Final = ("queued", "sending", "held", "failed")
# All columns, in the table's order: a file of an earlier version, which could not be brought up to date, has fewer.
_UPWARDS: Final = "SELECT * FROM messages NOT INDEXED WHERE row_id > ? ORDER BY row_id LIMIT 1"
_DOWNWARDS: Final = "SELECT * FROM messages NOT INDEXED WHERE row_id < ? ORDER BY row_id DESC LIMIT 1"
_INSERT: Final = "INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_EARLIER: Final = (9, 10)
"""Numbers of columns of earlier versions: before there was anything to enclose, and before there were files."""
_LATER_DEFAULTS: Final = (None, None, 0)
_WAL_HEADER_BYTES: Final = 32
_FRAME_HEADER_BYTES: Final = 24
_TABLE_LEAF: Final = 0x0D
_CARVED: Final = ErrorInfo(
    code="outboxRecovered",
    message="This message was found in a damaged outbox; it may be sent already, or discarded.",
    hint="Retry it, which never sends it twice, or discard it.",
)


class Rescued(NamedTuple):
    """One row of a damaged outbox, in the order of the table's columns."""

    row_id: int
    client_id: bytes
    target: str
    text: str
    created_at: int
    state: str
    attempts: int
    error: bytes | None
    blocks: int
    enclosed: bytes | None = None
    attached: bytes | None = None
    waits: int = 0


def read(path: Path) -> list[Rescued]:
    """Every row that can be read of the database at `path`, which is left as it is, ascending by row id.

    Rows that SQLite still finds keep their state. Rows that only the bare pages show may be old ones that
    were deleted, so they come back as failed: nothing is sent that somebody discarded.
    """
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".rescue-") as folder:
        copy = Path(folder) / "copy"
        shutil.copyfile(path, copy)
        if log_of(path).exists():
            shutil.copyfile(log_of(path), log_of(copy))
        carved = _from_pages(copy)
        log_read = not log_is_damaged(copy)
        found, whole = _from_sqlite(copy)
    if not (whole and log_read):
        error = msgspec.json.encode(_CARVED)
        known = {row.row_id for row in found.values()}
        for row in carved:
            if row.client_id not in found and row.row_id not in known:
                found[row.client_id] = row._replace(state="failed", error=error, blocks=0)
                known.add(row.row_id)
    return sorted(found.values())


def write(connection: sqlite3.Connection, rows: list[Rescued]) -> None:
    """Put rescued rows into a new outbox, in a transaction of the caller. What was in flight is queued again."""
    for row in rows:
        state = "queued" if row.state in ("sending", "held") else row.state
        connection.execute(_INSERT, row._replace(state=state))
    for target in {row.target for row in rows}:
        settle(connection, target)


def _from_sqlite(path: Path) -> tuple[dict[bytes, Rescued], bool]:
    """Rows from both ends of the table up to the first damage, and whether there was none."""
    found: dict[bytes, Rescued] = {}
    whole = True
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for query, end in ((_UPWARDS, -1), (_DOWNWARDS, 1 << 62)):
            try:
                for values in _walk(connection, query, end):
                    row = _checked(values)
                    if row is not None:
                        found[row.client_id] = row
                if whole:
                    break
            except (sqlite3.DatabaseError, UnicodeError):
                whole = False
    return found, whole


def _walk(connection: sqlite3.Connection, query: str, row_id: int) -> Iterator[tuple[Any, ...]]:
    # Row by row: a longer result is read one row ahead, and the last row before the damage would be lost.
    visited: set[int] = set()
    while (values := connection.execute(query, (row_id,)).fetchone()) is not None:
        row_id = values[0]
        if row_id in visited:
            raise sqlite3.DatabaseError("the table leads back to itself")
        visited.add(row_id)
        yield values


def _checked(values: tuple[Any, ...]) -> Rescued | None:
    """The row, if its values are such as the outbox writes."""
    kinds = (int, bytes, str, str, int, str, int, bytes | None, int, bytes | None, bytes | None, int)
    if len(values) in _EARLIER:
        values = (*values, *_LATER_DEFAULTS[len(values) - len(kinds) :])
    if len(values) != len(kinds) or not all(isinstance(value, kind) for value, kind in zip(values, kinds, strict=True)):
        return None
    row = Rescued(*values)
    if len(row.client_id) != 16 or row.state not in _STATES or row.target[:2] not in ("c:", "u:", "e:"):
        return None
    if row.target[0] != "e" and not row.target[2:].isdecimal():
        return None
    if not (_is_json(row.enclosed, Enclosed) and _is_json(row.attached, tuple[Attachment, ...])):
        return None  # without what it replies to or carries, it would be another message
    if row.waits not in (0, 1, 2):
        return None
    return row if _is_json(row.error, ErrorInfo) else row._replace(error=None)


def _is_json(data: bytes | None, kind: Any) -> bool:
    try:
        return data is None or bool(msgspec.json.decode(data, type=kind))
    except (msgspec.DecodeError, UnicodeError):
        return False


def _from_pages(path: Path) -> list[Rescued]:
    """Rows on table leaf pages, https://www.sqlite.org/fileformat2.html section 1.6, the newest copy of each last."""
    data = path.read_bytes()
    size = int.from_bytes(data[16:18], "big")
    if size < 512 or size & (size - 1):
        size = 4096
    images = [(number + 1, data[number * size : (number + 1) * size]) for number in range(len(data) // size)]
    if log_of(path).exists():
        log = log_of(path).read_bytes()
        for start in range(_WAL_HEADER_BYTES, len(log) - size - _FRAME_HEADER_BYTES + 1, size + _FRAME_HEADER_BYTES):
            body = start + _FRAME_HEADER_BYTES
            images.append((int.from_bytes(log[start : start + 4], "big"), log[body : body + size]))
    pages = dict(images)
    rows: dict[bytes, Rescued] = {}
    for number, page in images:
        for row in _cells(page, 100 if number == 1 else 0, pages):
            rows[row.client_id] = row
    return list(rows.values())


def _cells(page: bytes, header: int, pages: dict[int, bytes]) -> Iterator[Rescued]:
    if page[header : header + 1] != bytes([_TABLE_LEAF]):
        return
    count = int.from_bytes(page[header + 3 : header + 5], "big")
    for index in range(min(count, len(page) // 4)):
        at = header + 8 + 2 * index
        # Damaged bytes may mean anything: whatever they do not make sense as is no row.
        with contextlib.suppress(IndexError, ValueError, OverflowError):
            row = _cell(page, int.from_bytes(page[at : at + 2], "big"), pages)
            if row is not None:
                yield row


def _cell(page: bytes, at: int, pages: dict[int, bytes]) -> Rescued | None:
    length, at = _varint(page, at)
    row_id, at = _varint(page, at)
    usable = len(page)
    local = length
    if length > usable - 35:
        least = (usable - 12) * 32 // 255 - 23
        local = least + (length - least) % (usable - 4)
        local = local if local <= usable - 35 else least
    if length > usable * len(pages):
        return None
    payload = page[at : at + local]
    following = int.from_bytes(page[at + local : at + local + 4], "big")
    while len(payload) < length:
        overflow = pages.get(following)
        if overflow is None:
            return None
        payload += overflow[4:]
        following = int.from_bytes(overflow[:4], "big")
    values = _record(payload[:length])
    return _checked((row_id, *values[1:]))


def _record(payload: bytes) -> list[Any]:
    """The values of a record, section 2.1 of the file format."""
    end, at = _varint(payload, 0)
    kinds = []
    while at < end:
        kind, at = _varint(payload, at)
        kinds.append(kind)
    values: list[Any] = []
    for kind in kinds:
        width = (kind - 12) // 2 if kind >= 12 else (0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0)[kind]
        piece = payload[at : at + width]
        if len(piece) < width:
            raise ValueError("the record ends early")
        if kind >= 12:
            values.append(piece if kind % 2 == 0 else piece.decode())
        elif kind in (8, 9):
            values.append(kind - 8)
        else:
            values.append(None if kind == 0 else int.from_bytes(piece, "big", signed=True))
        at += width
    return values


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for index in range(9):
        byte = data[at + index]
        if index == 8:
            return value << 8 | byte, at + 9
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + index + 1
    raise AssertionError("unreachable")
