"""Looks at the settings' file, the data folder and the disk: who may read and write what, and how much is left."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from chatproto.findings import Finding, bad, good, notice
from chatserver import config
from chatserver.doctor.wording import megabytes, quoted, user_name
from chatserver.settings import Settings

_LOOKED_AT: Final = 1_000
"""Names in the data folder that are looked at, at most."""
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_FEW_INODES: Final = 0.05


def check_config(settings: Settings, file: Path | None) -> Iterator[Finding]:
    """The file of settings, and the files with secrets that they name."""
    if file is None:
        yield good("settings", "There is no file: they come from the environment, or have their defaults.")
    else:
        mode = file.stat().st_mode
        secrets = [name for name in sorted(config.SECRETS) if getattr(settings, name)]
        if mode & stat.S_IWOTH:
            yield bad("settings", f"Everybody may write to {file}.", f"Run: chmod o-w {quoted(file)}")
        elif secrets and mode & stat.S_IROTH:
            hint = f"Run: chmod o-r {quoted(file)}"
            yield bad("settings", f"Everybody may read {file}, which has {', '.join(secrets)}.", hint)
        else:
            yield good("settings", f"{file} can be used.")
    for name in sorted(config.SECRET_FILES):
        path = getattr(settings, name)
        if path is not None:
            yield from _secret_file(name, path)


def _secret_file(name: str, path: Path) -> Iterator[Finding]:
    mode = path.stat().st_mode
    if mode & stat.S_IRWXO:
        yield bad("secrets", f"Everybody may read {path} (setting '{name}').", f"Run: chmod o-rwx {quoted(path)}")
    else:
        yield good("secrets", f"{path} is not for everybody.")


def check_data(settings: Settings) -> Iterator[Finding]:
    """The data folder, and what lies in it."""
    folder = settings.data
    try:
        status = folder.stat()
    except FileNotFoundError:
        yield notice("data", f"{folder} is not there yet.", "'chatserver serve' makes it; or check 'data' and --data.")
        return
    if not stat.S_ISDIR(status.st_mode):
        yield bad("data", f"{folder} is not a folder.", "Name a folder with the setting 'data'.")
        return
    if not os.access(folder, os.R_OK | os.X_OK):
        hint = f"Run this as {user_name(status.st_uid)}: sudo -u {user_name(status.st_uid)} chatserver doctor"
        yield bad("data", f"{folder} belongs to {user_name(status.st_uid)}, and this user may not read it.", hint)
        return
    yield from _folder(folder, status)
    yield from _contents_of(folder, status.st_uid)


def _folder(folder: Path, status: os.stat_result) -> Iterator[Finding]:
    owner, me = status.st_uid, os.geteuid()
    if status.st_mode & _OTHERS:
        yield bad("data", f"Others may look into {folder}.", f"Run: chmod 700 {quoted(folder)}")
    elif me not in {0, owner}:
        hint = f"Run this as {user_name(owner)}: sudo -u {user_name(owner)} chatserver doctor"
        yield bad("data", f"{folder} belongs to {user_name(owner)}, not to this user, {user_name(me)}.", hint)
    else:
        yield good("data", f"{folder} is private to {user_name(owner)}.")
    if owner == 0:
        hint = "Give the server a user of its own, as docs/deployment.md does, and the folder to that user."
        yield notice("owner", f"{folder} belongs to root, so the server runs as root.", hint)
    elif me == 0:
        hint = f"Better: sudo -u {user_name(owner)} chatserver ...; what root makes the server may not be able to read."
        yield notice("user", "This command runs as root.", hint)


def _contents_of(folder: Path, owner: int) -> Iterator[Finding]:
    """Files that the server made, without going into the folders of files' content."""
    strange, open_to_others = [], []
    for count, entry in enumerate(os.scandir(folder)):
        if count == _LOOKED_AT:
            break
        status = entry.stat(follow_symlinks=False)
        if status.st_uid != owner:
            strange.append(entry.name)
        if stat.S_ISREG(status.st_mode) and status.st_mode & _OTHERS:
            open_to_others.append(entry.name)
    if strange:
        hint = f"Run: chown -R {user_name(owner)}: {quoted(folder)}"
        message = f"In {folder} belong to somebody else than {user_name(owner)}: {_some(strange)}."
        yield bad("ownership", message, hint)
    if open_to_others and folder.stat().st_mode & _OTHERS:
        hint = f"Run: chmod -R go-rwx {quoted(folder)}"
        yield bad("permissions", f"Others may read in {folder}: {_some(open_to_others)}.", hint)
    if not strange and not open_to_others:
        yield good("ownership", f"All that lies in {folder} belongs to {user_name(owner)} alone.")


def check_disk(settings: Settings) -> Iterator[Finding]:
    """Space, inodes, and whether anything can be written."""
    place = next(folder for folder in (settings.data, *settings.data.absolute().parents) if folder.exists())
    disk = os.statvfs(place)
    if disk.f_flag & os.ST_RDONLY:
        hint = "See why: dmesg | tail; after an error the system mounts a disk so. 'mount -o remount,rw' undoes it."
        yield bad("disk", f"The disk of {place} is read-only.", hint)
        return
    free, size = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
    message = f"{megabytes(free)} of {megabytes(size)} are free beside {place}."
    if free < settings.disk_free_min_bytes:
        yield bad("disk", message, "Free some space, or make the disk larger: messages may not be stored.")
    elif free < settings.disk_free_min_bytes + settings.file_reserve_bytes:
        yield notice("disk", message, "Uploads are refused so that messages can be stored: free some space.")
    else:
        yield good("disk", message)
    if disk.f_files and disk.f_favail < disk.f_files * _FEW_INODES:
        hint = "Remove small files; see: df -i, and du --inodes -d 3 / | sort -n | tail"
        yield bad("inodes", f"Only {disk.f_favail:,} of {disk.f_files:,} files can still be made.", hint)


def _some(names: list[str]) -> str:
    shown = ", ".join(sorted(names)[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
