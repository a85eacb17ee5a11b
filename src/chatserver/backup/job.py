"""What the server tells the process that makes its backups, and what that tells the server, as JSON."""

from pathlib import Path
from typing import Any

import msgspec

from chatserver.backup.catalog import Backup
from chatserver.settings import Settings


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done: whatever is due by these settings. `config_file` is where they come from, if from a file."""

    settings: Settings
    config_file: Path | None


class PlaceState(msgspec.Struct, frozen=True, kw_only=True):
    """How one place is after a round. Times are in seconds since 1970 UTC."""

    place: str
    newest: Backup | None
    due_at: float
    """When the next backup should be made."""
    made_s: float | None = None
    """Seconds that a backup took, if one was made, its verification included."""
    removed: int = 0
    error: str = ""
    """Why none was made although it was due."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of it: the places, or why it could not even begin."""

    places: list[PlaceState] = []
    error: str = ""


def encode_job(job: Job) -> bytes:
    """For the process's stdin."""
    return msgspec.json.encode(job, enc_hook=str)


def decode_job(data: bytes) -> Job:
    """What `encode_job` made."""
    return msgspec.json.decode(data, type=Job, dec_hook=_decode_path)


def _decode_path(kind: type, value: Any) -> Any:
    return Path(value) if kind is Path else value
