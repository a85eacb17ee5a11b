"""Which backups there are: read from their names and from the notes beside them, never from their content."""

import time
from typing import Final

import msgspec

from chatserver.backup.names import NOTE_SUFFIX, Note, parse_name
from chatserver.backup.places import Place, places
from chatserver.settings import Settings

_NOTE_MAX_BYTES: Final = 4_096


class Backup(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One backup in one place. Times are in seconds since 1970 UTC."""

    name: str
    place: str
    """`folder` or `s3`."""
    created_at: int
    bytes: int
    encrypted: bool
    verified_at: int | None = None
    """When it was read again and found whole; None: never, or nobody noted it."""
    problems: int = 0
    """Files that the server itself lacked when the backup was made."""

    def age_s(self) -> float:
        """Seconds since it was made; never below 0."""
        return max(0.0, time.time() - self.created_at)


def list_backups(settings: Settings) -> list[Backup]:
    """All backups in the places that the settings name, newest first. Raises `BackupError`."""
    found = [backup for place in places(settings) for backup in in_place(place)]
    return sorted(found, key=_by_age, reverse=True)


def newest_backup(settings: Settings) -> Backup | None:
    """The newest backup in any of the places; None if there is none. Raises `BackupError`."""
    return next(iter(list_backups(settings)), None)


def in_place(place: Place) -> list[Backup]:
    """All backups of one place, newest first. Raises `BackupError`."""
    sizes = dict(place.list())
    found = []
    for name, size in sizes.items():
        parsed = parse_name(name)
        if parsed is None:
            continue
        note = read_note(place, name) if name + NOTE_SUFFIX in sizes else None
        if note is None or note.bytes != size:  # then it is of another file
            note = Note(bytes=size, sha256="")
        found.append(
            Backup(
                name=name,
                place=place.kind,
                created_at=parsed[0],
                bytes=size,
                encrypted=parsed[1],
                verified_at=note.verified_at,
                problems=note.problems,
            )
        )
    return sorted(found, key=_by_age, reverse=True)


def write_note(place: Place, name: str, note: Note) -> None:
    """Say beside a backup what is known of it. Raises `BackupError`."""
    with place.writing(name + NOTE_SUFFIX) as sink:
        sink.write(msgspec.json.encode(note) + b"\n")


def read_note(place: Place, name: str) -> Note | None:
    """What was written beside a backup; None if there is nothing that can be read. Raises `BackupError`."""
    content = place.read(name + NOTE_SUFFIX, _NOTE_MAX_BYTES)
    try:
        return msgspec.json.decode(content, type=Note) if content is not None else None
    except msgspec.DecodeError:
        return None


def _by_age(backup: Backup) -> tuple[int, str]:
    return backup.created_at, backup.name
