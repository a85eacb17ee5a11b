"""Looks at the backups that the settings ask for: whether there are any, how old, checked, and where."""

from collections.abc import Iterator
from pathlib import Path

from chatproto.findings import Finding, bad, good, notice
from chatserver.backup.catalog import newest_backup
from chatserver.backup.errors import BackupError
from chatserver.doctor.wording import duration, megabytes, quoted
from chatserver.settings import Settings


def check_backups(settings: Settings) -> Iterator[Finding]:
    """The newest one; nothing but a notice if there are to be none."""
    if settings.backup_dir is None and not settings.backup_s3_bucket:
        yield notice("backups", "None are made.", "Set 'backup_dir' or 'backup_s3_bucket'; see docs/backups.md.")
        return
    try:
        newest = newest_backup(settings)
    except BackupError as error:
        yield bad("backups", str(error), "The server's user must be able to read and write there.")
        return
    if newest is None:
        place = "FILE" if settings.backup_dir is None else quoted(settings.backup_dir)
        hint = f"The running server makes one; or: chatserver backup {place}"
        yield notice("backups", "There is none yet.", hint)
        return
    age = newest.age_s()
    message = f"The newest, {newest.name} ({megabytes(newest.bytes)}), is {duration(age)} old."
    if age > 2 * settings.backup_interval_s:
        yield bad("backups", message, "See why in the log: journalctl -u chatserver | grep -i backup")
    elif newest.problems:
        yield bad("backups", f"{message} {newest.problems} files were missing.", "Run: chatserver doctor --deep")
    else:
        yield good("backups", message)
    if newest.verified_at is None and settings.backup_verify and age > settings.backup_interval_s / 2:
        yield notice(
            "verification", "The newest backup was not read again.", f"Run: chatserver verify {newest.place}:newest"
        )
    yield from _place(settings)


def _place(settings: Settings) -> Iterator[Finding]:
    """Whether the loss of the machine or its disk takes the backups with it."""
    if settings.backup_s3_bucket:
        if settings.backup_passphrase_file is None:
            hint = "Set 'backup_passphrase_file', and keep the passphrase elsewhere, too."
            yield notice("encryption", "Backups in the bucket are not encrypted: its provider can read them.", hint)
        return
    folder = settings.backup_dir
    if folder is not None and _disk(folder) == _disk(settings.data):
        hint = "Copy them elsewhere, or set 'backup_s3_bucket'; docs/backups.md tells how."
        yield notice("backup place", f"{folder} is on the same disk as the data, and is lost with it.", hint)


def _disk(folder: Path) -> int:
    return next(each for each in (folder, *folder.absolute().parents) if each.exists()).stat().st_dev
