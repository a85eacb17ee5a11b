"""The database file: where it lies, who may read it, which schema it has, and how connections to it are set up."""

import contextlib
import errno
import fcntl
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import aiosqlite

from chatserver.store.errors import SchemaTooNewError, StoreFullError, StoreInUseError, StoreUnusableError
from chatserver.store.migrations import Migration
from chatserver.store.sqlite import before_upgrade
from chatserver.store.sqlite.commit_clock import CommitClock
from chatserver.store.sqlite.errors import is_full

FILE_NAME: Final = "chat.db"
APPLICATION_ID: Final = 0x63686174
"""Marks the file as ours (SQLite's `PRAGMA application_id`): "chat" in ASCII."""
MIN_SQLITE: Final = (3, 37, 0)
"""The first version with STRICT tables."""
BUSY_TIMEOUT_MS: Final = 5_000


def prepare(
    data_dir: Path,
    migrations: Sequence[Migration],
    *,
    create: bool = True,
    serving: bool = False,
    copy_before_migration: bool = True,
) -> tuple[Path, int | None]:
    """Make the folder (0700), the file (0600) and the newest schema where they are missing.

    Returns the file's path and, with `serving`, the descriptor whose lock makes this process the folder's one
    server until it is closed. Before an older schema is changed, a copy is kept unless told otherwise (see
    `before_upgrade`). Safe to call from several processes at once. Raises `StoreUnusableError`,
    `StoreFullError`.
    """
    if sqlite3.sqlite_version_info < MIN_SQLITE:
        needed = ".".join(map(str, MIN_SQLITE))
        raise StoreUnusableError(f"SQLite {needed} or newer is needed; this Python has {sqlite3.sqlite_version}.")
    before_upgrade.refuse_half_restored(data_dir)
    path = data_dir / FILE_NAME
    if not create and not path.exists():
        raise StoreUnusableError(
            f"There is no database in {data_dir}. Check --data; 'chatserver serve' makes a new one."
        )
    try:
        _make_private_folder(data_dir)
        with _locked(data_dir / "open.lock"):
            _make_private_file(path)
            return path, _migrated(path, migrations, serving=serving, copy=copy_before_migration)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise _full(data_dir) from error
        raise StoreUnusableError(
            f"The data folder {data_dir} cannot be used: {error.strerror or error}. "
            "Choose another with --data, or make it writable for this user."
        ) from error
    except sqlite3.Error as error:
        if is_full(error):
            raise _full(data_dir) from error
        reason = str(error).rstrip(".")
        raise StoreUnusableError(
            f"The database {path} cannot be opened: {reason}. Restore it from a backup, or choose another --data."
        ) from error


def _full(data_dir: Path) -> StoreFullError:
    return StoreFullError(f"There is no room on the disk of {data_dir}. Free some space there, and try again.")


def _migrated(path: Path, migrations: Sequence[Migration], *, serving: bool, copy: bool) -> int | None:
    """The file with its newest schema, made only while no other server uses the old one."""
    with contextlib.ExitStack() as undo:
        connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_TIMEOUT_MS / 1000)
        undo.callback(connection.close)
        version = checked_version(connection, path, newest=len(migrations))
        lock = None
        if serving or version < len(migrations):
            lock = lock_for_serving(path.parent)
            undo.callback(os.close, lock)
        # Free pages can be given back in small steps; only possible before the first table is made, or by VACUUM.
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        if copy and 0 < version < len(migrations):
            before_upgrade.keep_copy(path, version)
        for migration in migrations[version:]:
            _apply(connection, migration)
        if serving:
            connection.close()
            undo.pop_all()
            return lock
    return None


def _make_private_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.stat()
    # An empty folder was made for us; one that holds other things keeps the mode its owner gave it.
    if status.st_uid == os.geteuid() and status.st_mode & 0o077 and not any(folder.iterdir()):
        folder.chmod(0o700)


def _make_private_file(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_NOFOLLOW, 0o600))
    except FileExistsError:
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def lock_for_serving(data_dir: Path) -> int:
    """Take the lock that one server at a time holds; the descriptor keeps it, and a killed process frees it.

    Raises `StoreInUseError`.
    """
    descriptor = os.open(data_dir / "serve.lock", os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise StoreInUseError(
            f"Another chatserver already serves {data_dir}. Stop it first, or choose another --data."
        ) from error
    return descriptor


def checked_version(connection: sqlite3.Connection, path: Path, newest: int) -> int:
    """The schema of a file that is ours, 0 for an empty one. Raises `StoreUnusableError`, `SchemaTooNewError`."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = connection.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone()[0]
    if application != APPLICATION_ID and (tables or version):
        raise StoreUnusableError(f"{path} is another program's database. Choose another --data.")
    if version > newest:
        raise SchemaTooNewError(
            f"The database {path} has schema {version}, and this chatserver knows {newest} at most. "
            "Use the version that last used this folder, or a newer one; or undo the upgrade: chatserver rollback."
        )
    return version


def _apply(connection: sqlite3.Connection, migration: Migration) -> None:
    """One migration in one transaction: applied whole or not at all."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in split_script(migration.script):
            connection.execute(statement)
        if migration.number == 1:
            connection.execute(
                "INSERT INTO meta (key, value) VALUES ('epoch', CAST(lower(hex(randomblob(16))) AS BLOB))"
            )
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {migration.number}")
        connection.execute("COMMIT")
    except BaseException:  # also when cancelled or interrupted: applied whole or not at all
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def split_script(script: str) -> Iterator[str]:
    """The statements of a script one by one: `executescript` would commit before it begins."""
    statement = ""
    for part in script.split(";")[:-1]:
        statement += part + ";"
        # Not every semicolon ends a statement: some stand in a comment or a text.
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


async def connect(path: Path, *, writer: bool, clock: CommitClock | None = None) -> aiosqlite.Connection:
    """A connection in autocommit mode; transactions are begun explicitly. Readers cannot write.

    `clock` is told how long its commits take.
    """
    options: dict[str, Any] = {} if clock is None else {"factory": clock.connection}
    connection = await aiosqlite.connect(path, isolation_level=None, timeout=BUSY_TIMEOUT_MS / 1000, **options)
    pragmas = ["foreign_keys = ON", "temp_store = MEMORY"]
    if writer:
        # FULL syncs the WAL at every commit, which is what makes an acknowledged write durable. A large group
        # commit dirties about a thousand pages; a checkpoint after each (SQLite's default) would double its cost.
        pragmas += ["synchronous = FULL", "wal_autocheckpoint = 4096"]
        # What was deleted or edited away must not be readable in the file; some builds of SQLite do this by default.
        pragmas += ["secure_delete = ON"]
        pragmas += ["cache_size = -16384", "journal_size_limit = 67108864"]
    else:
        pragmas += ["query_only = ON", "cache_size = -8192"]
    try:
        for pragma in pragmas:
            await connection.execute_fetchall(f"PRAGMA {pragma}")
    except BaseException:  # also when cancelled or interrupted, the connection's thread must end
        await connection.close()
        raise
    return connection
