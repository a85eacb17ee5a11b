"""Undoes an upgrade: puts the copy from before the last change of the schema in the database's place."""

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Final

from chatserver.store.errors import StoreUnusableError
from chatserver.store.offline import RolledBack
from chatserver.store.sqlite import before_upgrade, database
from chatserver.store.sqlite.copying import copy_database, explained, sync_folder
from chatserver.store.sqlite.offline import OfflineSqlite, offline

_RECENT_S: Final = 7 * 86_400
"""An upgrade is undone within days; an older copy is more likely meant by nobody."""


def roll_back(data_dir: Path, schema: int | None = None) -> RolledBack:
    """Put the newest copy of an older schema in place, with a new epoch; the database of now is kept beside it.

    A copy of more than 7 days ago is taken only if its `schema` is named. The database is the old one or the new one
    at every moment. Raises `StoreUnusableError`, also while a server uses the folder, and `OSError`.
    """
    path = offline(data_dir).path
    lock = database.lock_for_serving(data_dir)
    try:
        now = _schema_of(path)
        copy = _chosen(data_dir, now, schema)
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


def _chosen(data_dir: Path, now: int, schema: int | None) -> before_upgrade.Copy:
    """The copy to put in place. Raises `StoreUnusableError`."""
    older = [copy for copy in before_upgrade.copies(data_dir) if copy.schema < now and schema in {None, copy.schema}]
    if not older:
        which = f"an older schema than {now}" if schema is None else f"schema {schema}"
        raise StoreUnusableError(
            f"There is no copy of {which} in {data_dir / before_upgrade.FOLDER}. Restore a backup instead."
        )
    copy = older[0]
    days = (time.time() - copy.made_at()) / 86_400
    if schema is None and days * 86_400 > _RECENT_S:
        raise StoreUnusableError(
            f"The newest copy of an older schema than {now} was made {days:.0f} days ago: what was stored since would "
            "no longer be in the database. If the last upgrade did not change the schema, use the older version as it "
            f"is. If that copy is what you want, name its schema: chatserver rollback --schema {copy.schema}"
        )
    return copy


def _schema_of(path: Path) -> int:
    """The schema, after everything was taken into the file itself, so that nothing beside it outlives it."""
    with explained(path), closing(sqlite3.connect(path, isolation_level=None)) as connection:
        schema = int(connection.execute("PRAGMA user_version").fetchone()[0])
        try:
            connection.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.OperationalError as error:
            raise StoreUnusableError(f"Another process uses {path}. End it first.") from error
    return schema
