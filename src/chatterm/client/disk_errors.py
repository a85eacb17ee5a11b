"""Failures of this machine's disk in words that say what to do.

Codes: `diskFull`, `notWritable`, `storageFailed`; from SQLite files also `storageBusy`, `cacheBroken`,
`outboxBroken`, `outboxNewer`, `outboxFull`, `outboxRecovered`, `clientIdConflict`; from the small files
`configBroken`, `accountUnknown`, `credentialsBroken`, `credentialsUnsafe`, `folderUnsafe`, `lockTimeout`.
"""

import errno
import os
from pathlib import Path
from typing import Final

from chatterm.client.errors import ClientError

_ROOM_BYTES: Final = 65_536
"""SQLite needs 32 KiB for the index of a write-ahead log, even to read."""


def disk_full(path: Path) -> ClientError:
    """There is no room for `path` to grow; what was asked for was not done, not even in part."""
    return ClientError(
        "diskFull",
        f"The disk is full: {path} could not be written, nothing was changed.",
        "Free some disk space and try again.",
        temporary=True,
    )


def is_full(folder: Path) -> bool:
    """Whether the disk of a folder has no room left: less than SQLite's smallest files need."""
    try:
        disk = os.statvfs(folder)
    except OSError:
        return False
    return disk.f_bavail * disk.f_frsize < _ROOM_BYTES


def not_writable(path: Path, detail: str) -> ClientError:
    """`path` cannot be written, now and until somebody changes that."""
    return ClientError(
        "notWritable",
        f"{path} cannot be written: {detail}.",
        "Check that the disk is writable and that the folder belongs to you, or set CHATTERM_HOME to another folder.",
    )


def from_os_error(error: OSError, path: Path) -> ClientError:
    """The same failure in words that say what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full(path)
    detail = error.strerror or type(error).__name__
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return not_writable(path, detail)
    return ClientError(
        "storageFailed", f"{path} could not be used: {detail}.", "Check the disk, or set CHATTERM_HOME to another one."
    )
