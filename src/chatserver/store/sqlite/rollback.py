"""Undoes an upgrade: puts the copy from before the last change of the schema in the database's place."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from chatserver.store.errors import StoreUnusableError
from chatserver.store.offline import RolledBack
from chatserver.store.sqlite import before_upgrade, database
from chatserver.store.sqlite.copying import copy_database, explained, sync_folder
from chatserver.store.sqlite.offline import OfflineSqlite, offline


def roll_back(data_dir: Path) -> RolledBack:
    """Put the newest copy of an older schema in place, with a new epoch; the database of now is kept beside it.

    The database is the old one or the new one at every moment. Raises `StoreUnusableError`, also while a server
    uses the folder, and `OSError`.
    """
    path = offline(data_dir).path
    lock = database.lock_for_serving(data_dir)
    try:
        now = _schema_of(path)
        copy = next((copy for copy in before_upgrade.copies(data_dir) if copy.schema < now), None)
        if copy is None:
            raise StoreUnusableError(
                f"There is no copy of an older schema than {now} in {data_dir / before_upgrade.FOLDER}. "
                "Restore a backup instead."
            )
        coming = path.with_name("chat.db.coming")
        coming.unlink(missing_ok=True)
        copy_database(copy.path, coming)
        OfflineSqlite(coming).renew(sign_out=False)
        aside = data_dir / before_upgrade.FOLDER / f"aside-{before_upgrade.new_name(now)}"
        os.link(path, aside)
        coming.rename(path)
        sync_folder(data_dir)
    finally:
        os.close(lock)
    return RolledBack(schema=copy.schema, made_at=copy.made, aside=aside)


def _schema_of(path: Path) -> int:
    """The schema, after everything was taken into the file itself, so that nothing beside it outlives it."""
    with explained(path), closing(sqlite3.connect(path, isolation_level=None)) as connection:
        schema = int(connection.execute("PRAGMA user_version").fetchone()[0])
        try:
            connection.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.OperationalError as error:
            raise StoreUnusableError(f"Another process uses {path}. End it first.") from error
    return schema
