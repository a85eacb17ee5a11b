"""One round of scheduled backups: make what is due in each place, verify it, and remove what is superfluous."""

import hashlib
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import msgspec

from chatserver import config
from chatserver.backup import making, restoring
from chatserver.backup.archive import read_all
from chatserver.backup.catalog import Backup, in_place, read_note, write_note
from chatserver.backup.errors import BackupError, BackupUnusableError
from chatserver.backup.folder import FolderPlace
from chatserver.backup.job import PlaceState
from chatserver.backup.names import NOTE_SUFFIX, Note, new_name
from chatserver.backup.places import Place, places
from chatserver.backup.scratch import scratch_in
from chatserver.backup.thinning import superfluous
from chatserver.settings import Settings
from chatserver.store.errors import StoreUnusableError

_COPY_BYTES: Final = 1_048_576


def hold_round(
    settings: Settings, config_file: Path | None, *, now: Callable[[], float] = time.time
) -> list[PlaceState]:
    """Do what is due. A place that fails does not keep the others from theirs. Raises `BackupError`."""
    passphrase = config.backup_passphrase(settings)
    return [_Round(settings, config_file, place, passphrase, now).hold() for place in places(settings)]


class _Round:
    """What is done for one place."""

    def __init__(
        self,
        settings: Settings,
        config_file: Path | None,
        place: Place,
        passphrase: str | None,
        now: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._config_file = config_file
        self._place = place
        self._passphrase = passphrase
        self._now = now

    def hold(self) -> PlaceState:
        """Make a backup if one is due, and thin out; failures are told, not raised."""
        began = time.monotonic()
        error, made_s, removed = "", None, 0
        newest: Backup | None = None
        try:
            newest = next(iter(in_place(self._place)), None)
            if self._due_at(newest) <= self._now() or not self._is_good(newest):
                self._back_up()
                made_s = time.monotonic() - began
                removed = self._thin_out()
                newest = next(iter(in_place(self._place)), None)
        except (BackupError, config.ConfigError, OSError, StoreUnusableError) as failure:
            error = str(failure)
        return PlaceState(
            place=self._place.kind,
            newest=newest,
            due_at=self._due_at(newest),
            made_s=made_s,
            removed=removed,
            error=error,
        )

    def _due_at(self, newest: Backup | None) -> float:
        if newest is None:
            return 0.0
        # A clock that was wrong must not keep backups from being made.
        return min(newest.created_at, self._now()) + self._settings.backup_interval_s

    def _is_good(self, newest: Backup | None) -> bool:
        """Whether the newest can be restored, as far as is known; makes up for a verification that was cut short.

        A backup that was made by hand, perhaps with another passphrase, has no note and is left alone.
        """
        if newest is None or newest.verified_at is not None or not self._settings.backup_verify:
            return True
        note = read_note(self._place, newest.name)
        if note is None or note.bytes != newest.bytes:
            return True
        try:
            self._read_again(newest.name)
        except BackupUnusableError:
            return False
        write_note(self._place, newest.name, msgspec.structs.replace(note, verified_at=int(self._now())))
        return True

    def _back_up(self) -> None:
        if not self._copy_from_folder():
            self._make()

    def _make(self) -> None:
        made_at = int(self._now())
        name = new_name(made_at, encrypted=self._passphrase is not None)
        room = lambda _: None  # noqa: E731 - a bucket has room
        if isinstance(self._place, FolderPlace):
            self._place.prepare()
            room = making.room_in(self._settings, self._place.folder)
        with self._scratch() as scratch, self._place.writing(name) as sink:
            made = making.make(
                self._settings,
                self._config_file,
                sink,
                scratch,
                made_at=made_at,
                passphrase=self._passphrase,
                room=room,
                report=_quiet,
            )
        note = Note(bytes=made.bytes, sha256=made.sha256, problems=made.problems)
        write_note(self._place, name, note)
        if self._settings.backup_verify:
            self._verify(name)
            write_note(self._place, name, msgspec.structs.replace(note, verified_at=int(self._now())))

    def _verify(self, name: str) -> None:
        try:
            self._read_again(name)
        except BackupUnusableError as error:
            # It would only displace those that can be restored.
            self._place.delete(name)
            self._place.delete(name + NOTE_SUFFIX)
            raise BackupUnusableError(
                f"The new backup cannot be restored and was removed: {error} The database or the disk may be damaged; "
                "older backups are kept."
            ) from error

    def _read_again(self, name: str) -> None:
        with self._scratch() as scratch, self._place.open(name) as file:
            restoring.verify(file, lambda: self._passphrase, scratch, _quiet)

    def _copy_from_folder(self) -> bool:
        """Copy a backup that another place has just got, so that both have the same; whether there was one."""
        if isinstance(self._place, FolderPlace) or self._settings.backup_dir is None:
            return False
        folder = FolderPlace(self._settings.backup_dir)
        newest = next(iter(in_place(folder)), None)
        if newest is None or self._due_at(newest) <= self._now():
            return False
        note = read_note(folder, newest.name)
        with folder.open(newest.name) as file, self._place.writing(newest.name) as sink:
            digest, size = hashlib.sha256(), 0
            for part in read_all(file, _COPY_BYTES):
                digest.update(part)
                size += len(part)
                sink.write(part)
            if note is not None and (note.bytes, note.sha256) != (size, digest.hexdigest()):
                raise BackupUnusableError(f"{newest.name} has changed since it was made. Look at the disk.")
        if note is not None:
            write_note(self._place, newest.name, note)
        return True

    def _thin_out(self) -> int:
        superfluous_ones = superfluous(in_place(self._place), self._settings)
        for backup in superfluous_ones:
            self._place.delete(backup.name)
            self._place.delete(backup.name + NOTE_SUFFIX)
        return len(superfluous_ones)

    def _scratch(self) -> AbstractContextManager[Path]:
        beside = self._place.folder if isinstance(self._place, FolderPlace) else self._settings.data
        return scratch_in(self._settings.backup_scratch_dir or beside)


def _quiet(_stage: str, _done: int, _total: int, /) -> None:
    """Nobody looks."""
