"""Reads a backup to its end, believing nothing: what restoring and verifying have in common."""

import contextlib
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from chatserver import backends
from chatserver.backup import manifest
from chatserver.backup.archive import Member, Source, damaged, read_archive
from chatserver.backup.contents import Keeper, write_file
from chatserver.backup.errors import BackupUnusableError, NoRoomError
from chatserver.backup.folder import file_error, told
from chatserver.backup.lines import Lines
from chatserver.backup.making import Report
from chatserver.backup.manifest import Header
from chatserver.backup.scratch import need_room
from chatserver.backup.sealing import MAGIC, UnsealedFile
from chatserver.services.files.contents import thumbnail_key
from chatserver.store.errors import StoreFullError, StoreUnusableError
from chatserver.store.offline import Counts, OfflineStore

_SHOWN: Final = 3


class Unpacked(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What was found in a backup that is whole. `contents` are stored files and thumbnails."""

    header: Header
    counts: Counts
    contents: int
    content_bytes: int
    small_files: int
    problems: int
    """Stored files that were missing or damaged already when the backup was made."""
    first_problem: str = ""


Ask = Callable[[], str | None]
"""Gives the passphrase of a backup that is encrypted; None if there is none."""


def opened(file: BinaryIO, ask: Ask) -> Source:
    """The archive in a file that may be encrypted. Raises `BackupUnusableError`."""
    start = _Peeked(file)
    if start.peek(len(MAGIC)) != MAGIC:
        return start
    passphrase = ask()
    if passphrase is None:
        raise BackupUnusableError("The backup is encrypted. Give its passphrase with --passphrase-file.")
    return UnsealedFile(start, passphrase)


class Unpacking:
    """One reading of one backup. The database lies in `folder`/data afterwards, as new as this version has it."""

    def __init__(self, source: Source, folder: Path, report: Report) -> None:
        self._members = read_archive(source)
        self._folder = folder
        self._report = report
        self._sums = Lines(folder)
        self._problems = Lines(folder)
        self._done = self._contents = 0
        self._small: set[str] = set()
        self._admitted = False

    def run(self, keeper: Keeper, *, all_on_disk: bool) -> Unpacked:
        """Read it all; content goes to `keeper`, within `folder` if `all_on_disk`.

        Raises `BackupUnusableError` unless every byte is as it was written and nothing contradicts anything else,
        `NoRoomError` before anything is written if it would not fit.
        """
        try:
            return self._unpacked(keeper, all_on_disk=all_on_disk)
        finally:
            self._sums.close()
            self._problems.close()

    def _unpacked(self, keeper: Keeper, *, all_on_disk: bool) -> Unpacked:
        header = self._header()
        self._total = header.database_bytes + header.content_bytes
        need_room(self._folder, header.database_bytes + (header.content_bytes if all_on_disk else 0), "The backup")
        store = self._database(header)
        with told(store.path, "written"):
            counts = self._checked(store, header)
        with contextlib.closing(_expected(store)) as expected:
            self._rest(expected, keeper)
        return Unpacked(
            header=header,
            counts=counts,
            contents=self._contents,
            content_bytes=self._done - header.database_bytes,
            small_files=len(self._small),
            problems=self._problems.count,
            first_problem=self._problems.first,
        )

    def _header(self) -> Header:
        member = self._next(manifest.HEADER)
        content = member.content(manifest.HEADER_MAX_BYTES)
        self._take(member)
        try:
            number = msgspec.json.decode(content, type=_FormatOnly).format
            if number > manifest.FORMAT:
                raise BackupUnusableError(f"The backup has format {number}. Upgrade chatserver to read it.")
            header = msgspec.json.decode(content, type=Header)
        except msgspec.DecodeError as error:
            raise damaged(f"{manifest.HEADER} cannot be read") from error
        newest = backends.newest_schema()
        if header.schema > newest:
            raise BackupUnusableError(
                f"The backup was made by chatserver {header.version[:40]} and has schema {header.schema}; this version "
                f"knows {newest} at most. Upgrade chatserver to the version that made it, or a newer one."
            )
        if min(header.schema - 1, header.database_bytes, header.content_bytes) < 0:
            raise damaged(f"{manifest.HEADER} has numbers that cannot be")
        return header

    def _database(self, header: Header) -> OfflineStore:
        member = self._next(manifest.DATABASE)
        if member.size != header.database_bytes:
            raise damaged("the database has another size than the backup says")
        folder = self._folder / "data"
        folder.mkdir(mode=0o700, exist_ok=True)
        write_file(self._folder / manifest.DATABASE, self._counted(member))
        self._take(member)
        return backends.offline_store(folder)

    def _checked(self, store: OfflineStore, header: Header) -> Counts:
        self._report("check", 0, 1)
        complaints = store.damage()
        if not complaints:
            try:
                if (store.schema(), store.epoch()) != (header.schema, header.epoch):
                    raise damaged("the database is another one than the backup says")
                store.migrate()
                complaints = store.contradictions()
            except StoreFullError as error:
                raise NoRoomError(str(error)) from error
            except StoreUnusableError as error:
                complaints = [str(error)]
        if complaints:
            raise BackupUnusableError(f"The database in the backup is damaged: {' '.join(complaints[:_SHOWN])}")
        counts = store.counts()
        if counts != header.counts:
            raise damaged("the database does not hold as much as the backup says")
        self._report("check", 1, 1)
        return counts

    def _rest(self, expected: Iterator["_Expected"], keeper: Keeper) -> None:
        for member in self._members:
            if member.name.startswith(manifest.CONTENT):
                self._content(member, expected, keeper)
            elif member.name in {manifest.PROBLEMS, manifest.SUMS}:
                self._missing(expected, None)
                if self._ending(member):
                    break
            else:
                self._small_file(member)
        else:
            raise damaged(f"{manifest.SUMS} is not in it")
        if next(self._members, None) is not None:
            raise damaged("something follows its end")

    def _content(self, member: Member, expected: Iterator["_Expected"], keeper: Keeper) -> None:
        key = member.name.rpartition("/")[2]
        if member.name != manifest.content_name(key):
            raise damaged("a file is in the wrong place")
        wanted = self._missing(expected, key)
        if wanted is None or member.size != wanted.size:
            raise damaged(f"the database knows no file {key} of {member.size} bytes")
        keeper.keep(key, self._counted(member))
        self._take(member)
        self._contents += 1
        if wanted.sha256 is not None and member.sha256() != wanted.sha256.hex():
            self._problems.add(f"damaged {key}")

    def _missing(self, expected: Iterator["_Expected"], until: str | None) -> "_Expected | None":
        """Note what the database names and the backup lacks, up to a key or the end; what it says of that key."""
        for wanted in expected:
            if wanted.key == until:
                return wanted
            self._problems.add(f"missing {wanted.key}")
        return None

    def _ending(self, member: Member) -> bool:
        """Compare what the backup says of itself with what was found; whether that was the last of it."""
        lines = self._problems if member.name == manifest.PROBLEMS else self._sums
        said = lines.sha256()
        if member.size != lines.bytes:
            raise self._not_whole()
        for _ in member.parts():
            pass
        if member.sha256() != said:
            raise self._not_whole()
        if lines is self._sums:
            if self._problems.count and not self._admitted:
                raise damaged(f"it lacks files that the database names, such as: {self._problems.first}")
            return True
        self._take(member)
        self._admitted = True
        return False

    def _not_whole(self) -> BackupUnusableError:
        return damaged("its content is not what its checksums say")

    def _small_file(self, member: Member) -> None:
        if not manifest.is_small_file(member.name) or len(self._small) == manifest.SMALL_FILES_MAX:
            raise BackupUnusableError(f"The file is not a backup: {member.name[:100]!r} does not belong into one.")
        if member.name in self._small:
            raise damaged(f"{member.name} is in it twice")
        self._small.add(member.name)
        path = self._folder / member.name
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise file_error(error, path.parent, "written") from error
        write_file(path, [member.content(manifest.SMALL_FILE_MAX_BYTES)])
        self._take(member)

    def _next(self, name: str) -> Member:
        member = next(self._members, None)
        if member is None or member.name != name:
            raise BackupUnusableError(f"The file is not a backup of chatserver: {name} is not where it should be.")
        return member

    def _take(self, member: Member) -> None:
        self._sums.add(f"{member.sha256()}  {member.name}")

    def _counted(self, member: Member) -> Iterator[bytes]:
        for part in member.parts():
            self._done += len(part)
            self._report("read", self._done, self._total)
            yield part


class _FormatOnly(msgspec.Struct):
    format: int


class _Expected(msgspec.Struct, frozen=True):
    key: str
    size: int
    sha256: bytes | None


def _expected(store: OfflineStore) -> Generator[_Expected, None, None]:
    """What a backup of this database should hold, in its order."""
    for stored in store.contents():
        yield _Expected(stored.key, stored.size, stored.sha256)
        if stored.thumbnail_size:
            yield _Expected(thumbnail_key(stored.key), stored.thumbnail_size, None)


class _Peeked:
    """A file whose beginning is looked at before it is read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._start = b""

    def peek(self, size: int) -> bytes:
        while len(self._start) < size and (part := self._file.read(size - len(self._start))):
            self._start += part
        return self._start

    def read(self, size: int, /) -> bytes:
        if self._start:
            part, self._start = self._start[:size], self._start[size:]
            return part
        return self._file.read(size)

    def readline(self, size: int, /) -> bytes:
        line = b""
        while len(line) < size and not line.endswith(b"\n") and (byte := self.read(1)):
            line += byte
        return line
