"""Backups as processes that can be killed: as an owner makes one, and as the server has one made."""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from chatserver.backup.job import Job, Outcome, encode_job
from chatserver.backup.names import NOTE_SUFFIX, parse_name
from chatserver.settings import Settings
from tests.support.forking import forker

_DAY_S = 86_400


class RunningBackup(NamedTuple):
    """A backup under way."""

    kill: Callable[[], None]
    """SIGKILL."""
    ended: Callable[[], Coroutine[Any, Any, tuple[int, str]]]
    """Wait for its end: the exit code, and why it failed, if it says so."""


def start_by_hand(data: Path, folder: Path, complaints: Path) -> RunningBackup:
    """`chatserver backup` into a folder."""
    folder.mkdir(exist_ok=True)
    with Path(os.devnull).open("r+b") as nothing, complaints.open("wb") as err:
        words = ("backup", str(folder), "--data", str(data))
        child = forker().start("chatserver", words, dict(os.environ), (nothing, nothing, err))

    async def ended() -> tuple[int, str]:
        code = await child.ended()
        return code, complaints.read_text() if code else ""

    return RunningBackup(child.kill, ended)


async def start_scheduled(data: Path, folder: Path, passphrase: Path) -> RunningBackup:
    """What the server starts when a backup is due, with few backups to keep, encrypted."""
    settings = Settings(
        data=data,
        backup_dir=folder,
        backup_passphrase_file=passphrase,
        backup_keep_last=2,
        backup_keep_daily=3,
        backup_keep_weekly=1,
        backup_keep_monthly=0,
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "chatserver.backup.worker"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )

    async def ended() -> tuple[int, str]:
        said, complaints = await process.communicate(encode_job(Job(settings=settings, config_file=None)))
        if process.returncode:
            return process.returncode, complaints.decode()
        outcome = msgspec.json.decode(said, type=Outcome)
        return 0, outcome.error + "".join(place.error for place in outcome.places)

    return RunningBackup(process.kill, ended)


def pass_a_day(folder: Path) -> dict[Path, Path]:
    """Let the names of all backups in a folder tell of the day before, so that the next one is due; old and new."""
    renamed = {}
    for path in sorted(folder.glob("chat-*")):
        if (parsed := parse_name(path.name)) is None:
            continue
        _, _, rest = path.name.partition("Z-")
        renamed[path] = path.with_name(f"chat-{_time_of(parsed[0] - _DAY_S)}-{rest}")
        path.rename(renamed[path])
        note = path.with_name(path.name + NOTE_SUFFIX)
        if note.exists():
            note.rename(path.with_name(renamed[path].name + NOTE_SUFFIX))
    return renamed


def _time_of(at: int) -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(at))
