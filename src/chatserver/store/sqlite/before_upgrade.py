"""Copies of the database that are kept before an upgrade changes its schema, so that the upgrade can be undone."""

import contextlib
import logging
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from chatserver.store.errors import StoreUnusableError
from chatserver.store.offline import HALF_RESTORED
from chatserver.store.sqlite.copying import copy_database, sync_folder

FOLDER: Final = "before-upgrade"
KEPT: Final = 2
_RESERVE_BYTES: Final = 64 * 1_048_576
"""Left free beside the copy, for the migration itself."""
_NAME: Final = re.compile(r"schema-(\d{1,9})-(\d{8}T\d{6}Z)\.db")
_TIME: Final = "%Y%m%dT%H%M%SZ"
_log = logging.getLogger("chatserver.store")


class Copy(NamedTuple):
    """A copy that was kept; `made` is the time in its name."""

    made: str
    schema: int
    path: Path

    def made_at(self) -> float:
        """Its time in seconds since 1970."""
        return datetime.strptime(self.made, _TIME).replace(tzinfo=UTC).timestamp()


def refuse_half_restored(data_dir: Path) -> None:
    """Raise `StoreUnusableError` for a folder in which a restore was interrupted."""
    if (data_dir / HALF_RESTORED).exists():
        raise StoreUnusableError(
            f"A restore into {data_dir} was interrupted. Remove everything in that folder and restore again."
        )


def keep_copy(path: Path, schema: int) -> None:
    """Copy the database `path`, which nobody changes now. Raises `StoreUnusableError` if there is no room."""
    folder = path.parent / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    _prune(folder, KEPT - 1)
    wal = path.with_name(path.name + "-wal")
    needed = path.stat().st_size + (wal.stat().st_size if wal.exists() else 0)
    free = shutil.disk_usage(folder).free
    if free < needed + _RESERVE_BYTES:
        raise _no_room(schema, folder, needed + _RESERVE_BYTES, free)
    target = folder / new_name(schema)
    target.unlink(missing_ok=True)
    partial = target.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    _log.info("keeping a copy of the database before its schema changes", extra={"copy": str(target)})
    copy_database(path, partial)
    partial.rename(target)
    sync_folder(folder)


def copies(data_dir: Path) -> list[Copy]:
    """All copies that are there, the newest first."""
    found = []
    with contextlib.suppress(FileNotFoundError):
        for path in (data_dir / FOLDER).iterdir():
            if match := _NAME.fullmatch(path.name):
                found.append(Copy(match.group(2), int(match.group(1)), path))
    return sorted(found, reverse=True)


def new_name(schema: int) -> str:
    """The name of a copy that is made now."""
    return f"schema-{schema}-{datetime.now(UTC).strftime(_TIME)}.db"


def _prune(folder: Path, keep: int) -> None:
    for partial in folder.glob("schema-*.partial"):  # of a process that was killed
        partial.unlink(missing_ok=True)
    for copy in copies(folder.parent)[keep:]:
        copy.path.unlink(missing_ok=True)


def _no_room(schema: int, folder: Path, needed: int, free: int) -> StoreUnusableError:
    needed, free = -(-needed // 1_048_576), free // 1_048_576
    return StoreUnusableError(
        f"This version changes the schema of the database (it is {schema}). Before that it keeps a copy, for which "
        f"{needed:,} MiB are needed in {folder} and {free:,} are free. Nothing was changed. Free some space; or keep a "
        "backup elsewhere and start once with CHATSERVER_BACKUP_BEFORE_MIGRATION=false."
    )
