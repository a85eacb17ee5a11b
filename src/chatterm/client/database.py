"""SQLite files of the client: opened, made whole before they get their name, and set aside when broken."""

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, Literal

from msgspec import Struct, field

from chatproto.errors import ErrorInfo
from chatterm.client.disk_errors import disk_full, from_os_error, is_full, not_writable
from chatterm.client.errors import ClientError
from chatterm.client.files import ensure_private_folder, locked, sync_folder

_SQLITE_MIN: Final = (3, 37, 0)
"""The first with STRICT tables; UPSERT without a target and RETURNING are older."""
BUSY_TIMEOUT_S: Final = 10.0
_BROKEN: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_READ_ONLY: Final = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}
_MISTAKES: Final = (sqlite3.ProgrammingError, sqlite3.IntegrityError)
"""The caller's or this package's own fault, not the storage's: a closed connection, another thread's, a constraint."""
_WAL_LIMIT_BYTES: Final = 16_777_216
_SIZE_MIN: Final = 512
"""Bytes of the smallest page, and so of the smallest database."""
_LOG_HEADER_BYTES: Final = 32
_CHECK_BYTES: Final = 4_194_304
"""Files up to this size are checked page by page at every opening; in larger ones damage shows when it is met."""


class Format(Struct, frozen=True):
    """One kind of database file. `application_id` tells it from all others, `version` counts its schemas."""

    application_id: int
    version: int
    schema: str
    synchronous: Literal["NORMAL", "FULL"]
    check: bool = False
    """Whether pages are checked at opening (files that hold the only copy of something)."""
    upgrades: Mapping[int, str] = field(default_factory=dict)
    """SQL that leads from an earlier version to the next one; a file of a version without it cannot be used."""


class UnusableError(Exception):
    """The file is no database of this format, or a damaged one.

    `version` is given if it is of this format, but of another version; `newer`: of a newer one.
    """

    def __init__(self, reason: str, *, version: int | None = None, newer: bool = False) -> None:
        self.reason = reason
        self.version = version
        self.newer = newer
        super().__init__(reason)


def connect(path: Path, kind: Format) -> sqlite3.Connection:
    """Open an existing file. Raises `FileNotFoundError`, `UnusableError` or `ClientError`."""
    if sqlite3.sqlite_version_info < _SQLITE_MIN:
        raise ClientError(
            "storageFailed",
            f"This Python has SQLite {sqlite3.sqlite_version}, which is too old.",
            f"Use a Python with SQLite {'.'.join(map(str, _SQLITE_MIN))} or newer.",
        )
    _check_before_opening(path, kind)
    try:
        connection = _plain(path)
        try:
            _check(connection, path, kind)
            # WAL: readers never wait for the writer. The mode itself is in the file since `create`.
            connection.execute(f"PRAGMA synchronous = {kind.synchronous}")
            connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT_BYTES}")
        except BaseException:  # also when cancelled or interrupted: nobody else closes it
            connection.close()
            raise
    except UnicodeDecodeError as error:  # even SQLite's words about the damage are damaged
        raise UnusableError("its schema makes no sense") from error
    except sqlite3.Error as error:
        if _primary(error) in _BROKEN or _primary(error) == sqlite3.SQLITE_ERROR:  # such as an unknown file format
            raise UnusableError(str(error)) from error
        if _primary(error) == sqlite3.SQLITE_CANTOPEN and not path.exists():  # set aside just now, by another process
            raise FileNotFoundError(path) from error
        raise storage_error(error, path) from error
    return connection


def _plain(path: Path) -> sqlite3.Connection:
    # mode=rw: a file that is missing is not made, `create` does that.
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        timeout=BUSY_TIMEOUT_S,
        isolation_level=None,
        cached_statements=128,
        uri=True,
    )


def _check_before_opening(path: Path, kind: Format) -> None:
    """Meet the two damages that SQLite would hide: it deletes the log of an empty file, and a log it cannot read."""
    if path.stat().st_size < _SIZE_MIN:
        raise UnusableError("it is empty, or was cut off")
    if kind.check and log_is_damaged(path):
        raise UnusableError("its log is damaged")


def log_is_damaged(path: Path) -> bool:
    """Whether the log of a database begins in a way that makes SQLite ignore all that is in it."""
    try:
        with log_of(path).open("rb") as file:
            header = file.read(_LOG_HEADER_BYTES)
    except FileNotFoundError:
        return False
    return len(header) == _LOG_HEADER_BYTES and not _is_log_header(header)


def _is_log_header(header: bytes) -> bool:
    """Whether the checksum is right, https://www.sqlite.org/fileformat2.html section 4.2."""
    order: Literal["big", "little"] = "big" if header[3] & 1 else "little"
    words = [int.from_bytes(header[at : at + 4], order) for at in range(0, 24, 4)]
    first = second = 0
    for at in range(0, 6, 2):
        first = (first + words[at] + second) & 0xFFFFFFFF
        second = (second + words[at + 1] + first) & 0xFFFFFFFF
    return header[:3] == b"\x37\x7f\x06" and header[24:] == first.to_bytes(4, "big") + second.to_bytes(4, "big")


def _check(connection: sqlite3.Connection, path: Path, kind: Format) -> None:
    application_id = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if application_id != kind.application_id:
        raise UnusableError("it is another program's database, or empty")
    if version != kind.version:
        raise UnusableError(
            f"it has schema {version}, this program has {kind.version}", version=version, newer=version > kind.version
        )
    if _suspect(path).exists():
        raise UnusableError("damage was met while it was in use")
    if kind.check and path.stat().st_size <= _CHECK_BYTES:
        result = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if result != "ok":
            raise UnusableError(str(result))


def create(path: Path, kind: Format, fill: Callable[[sqlite3.Connection], None] | None = None) -> None:
    """Make a new file under another name, with its schema and what `fill` adds, and then give it its name.

    So a kill at any moment leaves the whole file or none. Only under the lock of `open_or_create`.
    """
    new = path.with_name(f"{path.name}.new")
    try:
        for stale in (new, _side(new, "-wal"), _side(new, "-shm")):
            stale.unlink(missing_ok=True)
        # SQLite would create it with the umask's mode; its -wal and -shm inherit this one.
        os.close(os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
        with contextlib.closing(_plain(new)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(
                f"BEGIN; {kind.schema};"
                f"PRAGMA application_id = {kind.application_id}; PRAGMA user_version = {kind.version}; COMMIT"
            )
            if fill is not None:
                with transaction(connection, new):
                    fill(connection)
        # An old file's log would be taken for the new one's.
        _side(path, "-wal").unlink(missing_ok=True)
        _side(path, "-shm").unlink(missing_ok=True)
        new.replace(path)
        sync_folder(path.parent)
    except sqlite3.Error as error:
        raise storage_error(error, path) from error
    except OSError as error:
        raise from_os_error(error, path) from error


def _connect_upgraded(path: Path, kind: Format) -> sqlite3.Connection:
    """`connect`, after bringing a file of an earlier version up to date. Only under the lock of `open_or_create`."""
    try:
        return connect(path, kind)
    except UnusableError as error:
        if error.version not in kind.upgrades:
            raise
    # What else is wrong with the file is met and told when it is opened again.
    with contextlib.suppress(sqlite3.Error, UnicodeDecodeError), contextlib.closing(_plain(path)) as connection:
        connection.execute("PRAGMA synchronous = FULL")
        while (version := connection.execute("PRAGMA user_version").fetchone()[0]) in kind.upgrades:
            connection.executescript(
                f"BEGIN IMMEDIATE; {kind.upgrades[version]}; PRAGMA user_version = {version + 1}; COMMIT"
            )
    return connect(path, kind)


def open_or_create(path: Path, kind: Format, repair: Callable[[UnusableError | None], None]) -> sqlite3.Connection:
    """Open a file, making it first if it is missing or unusable; several processes may do so at once.

    `repair` is called with the reason (None: missing) while a lock keeps the other processes away, and must
    leave a usable file.
    """
    with contextlib.suppress(FileNotFoundError, UnusableError):
        return connect(path, kind)
    ensure_private_folder(path.parent)
    with exclusively(path):
        try:
            return _connect_upgraded(path, kind)
        except FileNotFoundError:
            repair(None)
        except UnusableError as error:
            repair(error)
        try:
            return connect(path, kind)
        except (FileNotFoundError, UnusableError) as error:
            raise ClientError(
                "storageFailed", f"{path} was made anew and still cannot be used: {error}.", "Check the disk."
            ) from error


def open_or_begin_anew(
    path: Path,
    kind: Format,
    told: Callable[[UnusableError, Path], ErrorInfo],
    *,
    keep: int,
    drop_earlier: bool = False,
) -> tuple[sqlite3.Connection, ErrorInfo | None]:
    """Open a file that may be lost, making it if missing; one that cannot be used is renamed to `.broken-N` first.

    At most `keep` broken files stay. With `drop_earlier`, a whole file of an earlier version is deleted instead, and
    that is no problem to be told: it can be made anew, and must not stay behind with what it holds. `told` puts the
    reason, and where the old file is, into words. Raises `ClientError`.
    """
    problem: ErrorInfo | None = None

    def repair(reason: UnusableError | None) -> None:
        nonlocal problem
        if drop_earlier and reason is not None and reason.version is not None and not reason.newer:
            remove_files(path)
        elif reason is not None:
            broken = broken_name(path, keep)
            remove_files(broken)
            move_files(path, broken)
            problem = told(reason, broken)
        create(path, kind)

    return open_or_create(path, kind, repair), problem


@contextlib.contextmanager
def exclusively(path: Path) -> Iterator[None]:
    """While inside, no other process makes, moves or repairs this file; many may use it."""
    with locked(path.with_name(f"{path.name}.lock")):
        yield


def move_files(path: Path, to: Path) -> None:
    """Rename a database with its write-ahead log; the log first, so that a kill in between loses neither."""
    try:
        wal = log_of(path)
        if wal.exists():
            wal.replace(log_of(to))
        path.replace(to)
        _side(path, "-shm").unlink(missing_ok=True)
        _suspect(path).unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise from_os_error(error, path) from error


def log_of(path: Path) -> Path:
    """The write-ahead log of a database; between checkpoints the newest commits are only there."""
    return _side(path, "-wal")


def remove_files(path: Path) -> None:
    """Delete a database with all that belongs to it. Idempotent."""
    for name in (path, _side(path, "-wal"), _side(path, "-shm")):
        name.unlink(missing_ok=True)


def broken_name(path: Path, limit: int) -> Path:
    """The first free name `.broken-N` up to `limit`, else the one that was written longest ago."""
    names = [path.with_name(f"{path.name}.broken-{number}") for number in range(1, limit + 1)]
    for name in names:
        if not name.exists():
            return name
    return min(names, key=lambda name: name.stat().st_mtime_ns)


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    """One write transaction, whole or not at all. Raises `ClientError` for every failure of the storage."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:  # also when cancelled or interrupted: whole or not at all
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    except _MISTAKES:
        raise
    except UnicodeDecodeError as error:
        raise storage_error(damaged("it holds text that is no UTF-8"), path) from error
    except sqlite3.Error as error:
        raise storage_error(error, path) from error


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Give failures of a read the words of `storage_error`."""
    try:
        yield
    except _MISTAKES:
        raise
    except UnicodeDecodeError as error:
        raise storage_error(damaged("it holds text that is no UTF-8"), path) from error
    except sqlite3.Error as error:
        raise storage_error(error, path) from error


def storage_error(error: sqlite3.Error, path: Path) -> ClientError:
    """A failure of SQLite in words that say what to do. Damage is noted, so that the next opening looks for it."""
    primary = _primary(error)
    if primary == sqlite3.SQLITE_FULL or (primary == sqlite3.SQLITE_IOERR and is_full(path.parent)):
        return disk_full(path)
    if primary in _READ_ONLY:
        return not_writable(path, str(error))
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return ClientError(
            "storageBusy", f"{path} is kept busy by another chatterm.", "Try again in a moment.", temporary=True
        )
    if primary in _BROKEN:
        with contextlib.suppress(OSError):  # without the note, damage is still found when it is met again
            _suspect(path).touch(0o600)
        code = f"{path.stem}Broken" if path.stem in ("cache", "outbox") else "storageFailed"
        return ClientError(code, f"{path} is damaged: {error}.", "Start chatterm again; it sets the file aside.")
    return ClientError("storageFailed", f"{path} could not be used: {error}.", "Check the disk, then try again.")


def damaged(detail: str) -> sqlite3.DatabaseError:
    """What a stored value deserves that this program cannot have written; for use inside `reading`, `transaction`."""
    error = sqlite3.DatabaseError(detail)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def _primary(error: sqlite3.Error) -> int:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:  # raised by Python's module itself, which has no other way to say that text is no UTF-8
        return sqlite3.SQLITE_CORRUPT if "UTF-8" in str(error) else sqlite3.SQLITE_ERROR
    if code == sqlite3.SQLITE_ERROR and "no such" in str(error):
        return sqlite3.SQLITE_CORRUPT  # the statements are fixed: only a damaged schema lacks their tables and columns
    # The low byte of an extended result code, https://www.sqlite.org/rescode.html
    return int(code) & 0xFF


def _side(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _suspect(path: Path) -> Path:
    return _side(path, ".suspect")
