"""Puts a backup in place: whole or not at all, with a new epoch, and never over anything."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from chatserver import backends
from chatserver.backup.contents import BucketKeeper, FolderKeeper, Nowhere
from chatserver.backup.errors import BackupError, PlaceError
from chatserver.backup.folder import file_error, told
from chatserver.backup.making import Report
from chatserver.backup.scratch import scratch_in, sweep
from chatserver.backup.unpacking import Ask, Unpacked, Unpacking, opened
from chatserver.files.disk import sync_folder
from chatserver.settings import Settings
from chatserver.store.offline import HALF_RESTORED

CONFIG_FOLDER: Final = "restored-config"
_IN_EVERY_DISK: Final = "lost+found"


class Restored(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What was put in place."""

    data: Path
    epoch: str
    """The new one."""
    config: Path | None
    """Where the files of the configuration are; None: the backup has none."""
    storage: str
    """Where the content of files is now: `disk` or `s3`."""
    content: Unpacked


def verify(file: BinaryIO, ask: Ask, scratch: Path, report: Report) -> Unpacked:
    """Read a backup as restoring would, with the database in `scratch`. Raises `BackupError`."""
    return Unpacking(opened(file, ask), scratch, report).run(Nowhere(), all_on_disk=False)


def restore(file: BinaryIO, ask: Ask, settings: Settings, *, sign_out: bool, report: Report) -> Restored:
    """Put a backup into the data folder of the settings, which must be empty or missing.

    The content of files goes where the settings say: into that folder or into the bucket. Raises `BackupError`; then
    the folder is as it was.
    """
    target = settings.data.resolve()
    _must_be_empty(target)
    with _work_folder(target) as work:
        with contextlib.ExitStack() as undo:
            (work / "data").mkdir(mode=0o700)
            on_disk = settings.file_storage == "disk"
            keeper: FolderKeeper | BucketKeeper = (
                FolderKeeper(work / "data") if on_disk else undo.enter_context(BucketKeeper(settings, work))
            )
            content = Unpacking(opened(file, ask), work, report).run(keeper, all_on_disk=on_disk)
        with told(work / "data", "written"):
            epoch = backends.offline_store(work / "data").renew(sign_out=sign_out)
        has_config = (work / "config").exists()
        if has_config:
            (work / "config").rename(work / "data" / CONFIG_FOLDER)
        for lock in (work / "data").glob("*.lock"):
            lock.unlink()
        report("place", 0, 1)
        _put(work / "data", target)
    return Restored(
        data=target,
        epoch=epoch,
        config=target / CONFIG_FOLDER if has_config else None,
        storage=settings.file_storage,
        content=content,
    )


def _must_be_empty(target: Path) -> None:
    try:
        sweep(target)
        entries = [path.name for path in target.iterdir()]
    except FileNotFoundError:
        return
    except OSError as error:
        raise file_error(error, target, "used") from error
    if HALF_RESTORED in entries:
        raise BackupError(f"A restore into {target} was interrupted. Remove everything in it and restore again.")
    others = [name for name in entries if name != _IN_EVERY_DISK]
    if others:
        raise BackupError(
            f"{target} is not empty: it has {others[0]!r}. Nothing was changed. Stop the server, move the folder "
            "away, and restore again; or choose another with --data."
        )


@contextlib.contextmanager
def _work_folder(target: Path) -> Iterator[Path]:
    """A folder on the file system of `target`: beside it, or in it if it is a mount point or its parent is not ours."""
    if not target.exists():
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise file_error(error, target.parent, "written") from error
    beside = not target.exists() or (not target.is_mount() and os.access(target.parent, os.W_OK | os.X_OK))
    with scratch_in(target.parent if beside else target) as work:
        yield work


def _put(data: Path, target: Path) -> None:
    """The last step: give the finished folder its place."""
    try:
        _give_to_owner(data, target)
        os.sync()  # tens of thousands of files at once; syncing each would take far longer
        if data.parent.parent == target:
            _move_up(data, target)
        else:
            data.rename(target)
            sync_folder(target.parent)
    except OSError as error:
        raise PlaceError(f"The backup cannot be put into {target}: {error.strerror}. {_left(target)}") from error


def _left(target: Path) -> str:
    """What there is to do after a failure of the last step."""
    if (target / HALF_RESTORED).exists():
        return "Remove everything in that folder, and restore again."
    return "Nothing was changed."


def _give_to_owner(data: Path, target: Path) -> None:
    """Files that root restores belong to whoever has the empty folder they are put into."""
    if os.geteuid() != 0 or not target.exists():
        return
    owner = target.stat()
    for folder, _, names in os.walk(data):
        for path in (folder, *(os.path.join(folder, name) for name in names)):  # noqa: PTH118 - as `os.walk` gives them
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _move_up(data: Path, target: Path) -> None:
    """Entry by entry; until the database is there, as the last, a mark keeps servers away."""
    mark = target / HALF_RESTORED
    mark.touch(mode=0o600)
    sync_folder(target)
    for entry in sorted(data.iterdir(), key=lambda path: path.name == "chat.db"):
        entry.rename(target / entry.name)
    sync_folder(target)
    mark.unlink()
    sync_folder(target)
    target.chmod(0o700)
