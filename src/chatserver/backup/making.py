"""Makes a backup: a copy of the database, then everything that it names, written in one pass."""

import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Final, Protocol

import msgspec

from chatserver import backends
from chatserver.backup import manifest
from chatserver.backup.archive import ArchiveWriter, read_all
from chatserver.backup.contents import ContentReader
from chatserver.backup.errors import BackupError, PlaceError
from chatserver.backup.folder import file_error
from chatserver.backup.lines import Lines
from chatserver.backup.manifest import Header
from chatserver.backup.places import Sink
from chatserver.backup.scratch import need_room
from chatserver.backup.sealing import SealingSink
from chatserver.files.keeping import ContentLock
from chatserver.services.files.contents import thumbnail_key
from chatserver.settings import Settings
from chatserver.store.offline import OfflineStore

_NOT_SETTINGS: Final = frozenset({"data", "backup_dir", "backup_scratch_dir", "backup_passphrase_file"})
"""Paths that name no file the server reads; the passphrase of a backup has no place in it."""


class Made(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A backup that was made. `sha256` is of the whole file, in hex."""

    header: Header
    bytes: int
    sha256: str
    problems: int
    """Stored files that were missing or damaged on the server."""
    first_problem: str = ""


class Report(Protocol):
    """Told what is being done, and how many bytes of how many are done."""

    def __call__(self, stage: str, done: int, total: int, /) -> None: ...


def make(
    settings: Settings,
    config_file: Path | None,
    sink: Sink,
    scratch: Path,
    *,
    made_at: int,
    passphrase: str | None,
    room: Callable[[int], None],
    report: Report,
) -> Made:
    """Write a backup of the server to `sink`, with the copy of its database in `scratch` meanwhile.

    `room` is asked before it begins whether so many bytes will do. Raises `BackupError`, `StoreUnusableError`.
    """
    with ContentLock(settings.data).keeping():
        store = _copied(settings, scratch, report)
        header = _described(store, settings, made_at)
        room(header.content_bytes + header.database_bytes // 2)
        tally = _Tally(sink)
        sealing = SealingSink(tally, passphrase) if passphrase is not None else None
        archive = _Archive(ArchiveWriter(sealing or tally, made_at=made_at), scratch, header, report)
        try:
            archive.write(store, settings, config_file)
        finally:
            archive.forget()
        if sealing is not None:
            sealing.close()
    return Made(
        header=header,
        bytes=tally.bytes,
        sha256=tally.digest.hexdigest(),
        problems=archive.problems.count,
        first_problem=archive.problems.first,
    )


def _copied(settings: Settings, scratch: Path, report: Report) -> OfflineStore:
    folder = scratch / "data"
    folder.mkdir(mode=0o700)
    live = backends.offline_store(settings.data)
    if live.schema() < backends.newest_schema():
        raise BackupError(
            f"The database in {settings.data} has an older schema than this chatserver. Make the backup with the "
            "version that serves it; or start this version first, which keeps a copy before it changes the schema."
        )
    need_room(scratch, live.size, "The copy of the database", reserve=_reserve(settings, scratch))
    try:
        return backends.copy_store(settings.data, folder, lambda done, total: report("database", done, total))
    except OSError as error:
        raise file_error(error, folder, "written") from error


def _reserve(settings: Settings, folder: Path) -> int:
    """What must stay free where `folder` is: the server needs it to store messages."""
    try:
        same = os.stat(folder).st_dev == os.stat(settings.data).st_dev  # noqa: PTH116 - two facts of one kind
    except OSError as error:
        raise file_error(error, folder, "used") from error
    return settings.file_reserve_bytes if same else 0


def room_in(settings: Settings, folder: Path) -> Callable[[int], None]:
    """What raises `NoRoomError` if a backup of so many bytes might not fit into `folder`."""
    return lambda size: need_room(folder, size, "The backup", reserve=_reserve(settings, folder))


def _described(store: OfflineStore, settings: Settings, made_at: int) -> Header:
    return Header(
        format=manifest.FORMAT,
        version=version("chatterm"),
        created_at=made_at,
        schema=store.schema(),
        epoch=store.epoch(),
        counts=store.counts(),
        database_bytes=store.size,
        content_bytes=store.content_bytes(),
        storage=settings.file_storage,
    )


class _Archive:
    """The members of one backup, in their order."""

    def __init__(self, writer: ArchiveWriter, scratch: Path, header: Header, report: Report) -> None:
        self._writer = writer
        self._header = header
        self._report = report
        self._done = 0
        self._sums = Lines(scratch)
        self.problems = Lines(scratch)

    def write(self, store: OfflineStore, settings: Settings, config_file: Path | None) -> None:
        self._add_bytes(manifest.HEADER, msgspec.json.format(msgspec.json.encode(self._header)) + b"\n")
        with store.path.open("rb") as file:
            self._add(manifest.DATABASE, self._header.database_bytes, self._counted(read_all(file)))
        for name, path in _small_files(settings, config_file):
            self._add_bytes(name, _small(path))
        with ContentReader(settings) as reader:
            for stored in store.contents():
                self._add_content(reader, stored.key, stored.size, stored.sha256)
                if stored.thumbnail_size:
                    self._add_content(reader, thumbnail_key(stored.key), stored.thumbnail_size, None)
        if self.problems.count:
            self._add(manifest.PROBLEMS, self.problems.bytes, self.problems.parts())
        self._writer.add(manifest.SUMS, self._sums.bytes, self._sums.parts())
        self._writer.close()

    def forget(self) -> None:
        self._sums.close()
        self.problems.close()

    def _add_content(self, reader: ContentReader, key: str, size: int, sha256: bytes | None) -> None:
        found = reader.open(key, size)
        if found is None:
            self.problems.add(f"missing {key}")
            return
        written = self._add(manifest.content_name(key), size, self._counted(found.parts()))
        if found.short or (sha256 is not None and written != sha256.hex()):
            self.problems.add(f"damaged {key}")

    def _add_bytes(self, name: str, content: bytes) -> None:
        self._add(name, len(content), [content])

    def _add(self, name: str, size: int, parts: Iterable[bytes]) -> str:
        sha256 = self._writer.add(name, size, parts)
        self._sums.add(f"{sha256}  {name}")
        return sha256

    def _counted(self, parts: Iterable[bytes]) -> Iterator[bytes]:
        total = self._header.database_bytes + self._header.content_bytes
        for part in parts:
            yield part
            self._done += len(part)
            self._report("backup", self._done, total)


class _Tally:
    """Counts and hashes what goes to a sink."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.bytes = 0
        self.digest = hashlib.sha256()

    def write(self, data: bytes, /) -> None:
        self.bytes += len(data)
        self.digest.update(data)
        self._sink.write(data)


def _small_files(settings: Settings, config_file: Path | None) -> Iterator[tuple[str, Path]]:
    """Names in the backup, and paths, of what the server made for itself and of what its owner wrote for it."""
    for folder in manifest.STATE_FOLDERS:
        for path in sorted((settings.data / folder).rglob("*")):
            if path.is_file() and not path.is_symlink():
                yield f"{manifest.STATE}{path.relative_to(settings.data).as_posix()}", path
    for name in manifest.STATE_FILES:
        if (settings.data / name).is_file():
            yield manifest.STATE + name, settings.data / name
    if config_file is not None:
        yield f"{manifest.CONFIG}{config_file.name}", config_file
    for field in msgspec.structs.fields(settings):
        path = getattr(settings, field.name)
        if isinstance(path, Path) and field.name not in _NOT_SETTINGS:
            yield f"{manifest.CONFIG}{field.name}/{path.name}", path


def _small(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise PlaceError(f"{path} is not a file. Correct the setting that names it.")
            content = file.read(manifest.SMALL_FILE_MAX_BYTES + 1)
    except OSError as error:
        raise file_error(error, path, "read") from error
    if len(content) > manifest.SMALL_FILE_MAX_BYTES:
        raise PlaceError(f"{path} is too large for a file of settings. Correct the setting that names it.")
    return content
