"""The files of an export, in a folder, a ZIP or a tar file: found by name, never outside of it, never without end."""

import gzip
import os
import stat
import tarfile
import tempfile
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Final

from chatserver.importing.model import ImportFailedError

ENTRIES_MAX: Final = 1_000_000
"""Names in one export."""
EXPANSION_MAX: Final = 200
"""How many times its own size the content of an archive may be: real exports stay below 50."""
EXPANSION_FREE: Final = 64 * 1_048_576
"""Bytes that an archive may always hold."""
_CHUNK: Final = 1_048_576


class Tree(ABC):
    """Files by their names, with `/` between folders; names are relative to where the export begins."""

    def __init__(self, sizes: dict[str, int]) -> None:
        self._sizes = sizes
        self._root = ""

    @abstractmethod
    def _open(self, name: str) -> IO[bytes]: ...

    def close(self) -> None:  # noqa: B027 - folders have nothing to close
        """Close what is open. Idempotent."""

    def enter(self, marker: str) -> bool:
        """Begin at the folder that holds this file, the one nearest to the top; whether there is one."""
        found = [name for name in self._sizes if name == marker or name.endswith("/" + marker)]
        if not found:
            return False
        self._root = min(found, key=lambda name: (name.count("/"), name)).removesuffix(marker)
        return True

    def names(self) -> Iterator[str]:
        """All names, in order."""
        return (name.removeprefix(self._root) for name in sorted(self._sizes) if name.startswith(self._root))

    def has(self, name: str) -> bool:
        """Whether there is a file of this name."""
        return self._root + name in self._sizes

    def size(self, name: str) -> int:
        """Bytes of a file."""
        return self._sizes[self._root + name]

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """A file to read. Raises `ImportFailedError` if it is damaged, also while it is read."""
        try:
            with self._open(self._root + name) as stream:
                yield stream
        except (OSError, EOFError, zipfile.BadZipFile, tarfile.TarError, zlib.error, NotImplementedError) as error:
            raise ImportFailedError(f"{name} cannot be read: {error}. Make the export again.") from error
        except RuntimeError as error:  # a ZIP with a password
            raise ImportFailedError(f"{name} cannot be read: {error}. Unpack the export first.") from error


class FolderTree(Tree):
    """A folder; links that lead out of it are not followed."""

    def __init__(self, folder: Path) -> None:
        super().__init__(dict(_walk(folder)))
        self._folder = folder

    def _open(self, name: str) -> IO[bytes]:
        descriptor = os.open(self._folder / name, os.O_RDONLY | os.O_NOFOLLOW)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError("it is not a file")
        return os.fdopen(descriptor, "rb")


class ZipTree(Tree):
    """A ZIP file."""

    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path)
        try:
            entries = [entry for entry in self._zip.infolist() if not entry.is_dir()]
            _check(path, [entry.filename for entry in entries], sum(entry.file_size for entry in entries))
        except BaseException:  # also when interrupted: nobody else could close it
            self._zip.close()
            raise
        super().__init__({entry.filename: entry.file_size for entry in entries})

    def _open(self, name: str) -> IO[bytes]:
        return self._zip.open(name)

    def close(self) -> None:
        self._zip.close()


class TarTree(Tree):
    """A tar file; a compressed one is unpacked once, to a file without a name that goes with this process."""

    def __init__(self, path: Path, scratch: Path | None) -> None:
        self._plain = tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115 - it lives as long as the tree
        try:
            _unpack(path, self._plain)
            self._tar = tarfile.open(fileobj=self._plain)  # noqa: SIM115 - it lives as long as the tree
            members = [member for member in self._tar.getmembers() if member.isfile()]
            _check(path, [member.name for member in members], sum(member.size for member in members))
        except BaseException:  # as above
            self._plain.close()
            raise
        self._members = {member.name: member for member in members}
        super().__init__({member.name: member.size for member in members})

    def _open(self, name: str) -> IO[bytes]:
        stream = self._tar.extractfile(self._members[name])
        assert stream is not None
        return stream

    def close(self) -> None:
        self._tar.close()
        self._plain.close()


class FileTree(Tree):
    """One file that is an export by itself."""

    def __init__(self, path: Path) -> None:
        super().__init__({path.name: path.stat().st_size})
        self._path = path

    def _open(self, name: str) -> IO[bytes]:
        return self._path.open("rb")


def open_tree(path: Path, scratch: Path | None = None) -> Tree:
    """The export at a path; `scratch` is a folder with room to unpack. Raises `ImportFailedError`."""
    try:
        if path.is_dir():
            return FolderTree(path)
        if zipfile.is_zipfile(path):
            return ZipTree(path)
        if _is_tar(path):
            return TarTree(path, scratch)
        if path.suffix in {".zip", ".tar", ".tgz", ".gz"}:
            raise ImportFailedError(f"{path} is no archive, or not all of it is there. Get the export again.")
        return FileTree(path)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ImportFailedError(f"{path} is damaged: {error}. Get the export again.") from error
    except OSError as error:
        raise ImportFailedError(f"{path} cannot be read: {error.strerror or error}. Check the path.") from error


def _is_tar(path: Path) -> bool:
    with path.open("rb") as stream:
        head = stream.read(262)
    return head[:2] == b"\x1f\x8b" or head[257:262] == b"ustar"


def _unpack(path: Path, target: IO[bytes]) -> None:
    size = path.stat().st_size
    with path.open("rb") as packed:
        is_gzip = packed.read(2) == b"\x1f\x8b"
    done = 0
    with gzip.open(path) if is_gzip else path.open("rb") as source:
        while part := source.read(_CHUNK):
            done += len(part)
            _check_expansion(path, size, done)
            target.write(part)
    target.seek(0)


def _check(path: Path, names: list[str], content: int) -> None:
    if len(names) > ENTRIES_MAX:
        raise ImportFailedError(f"{path} holds more than {ENTRIES_MAX} files. Unpack it, and import the folder.")
    for name in names:
        parts = PurePosixPath(name).parts
        if name.startswith("/") or ".." in parts or "\\" in name:
            raise ImportFailedError(f"{path} holds a file outside of its own folder: {name!r}. No export has that.")
    _check_expansion(path, path.stat().st_size, content)


def _check_expansion(path: Path, packed: int, content: int) -> None:
    if content > max(EXPANSION_FREE, packed * EXPANSION_MAX):
        raise ImportFailedError(f"{path} would be more than {EXPANSION_MAX} times its size. Unpack it, and look.")


def _walk(folder: Path) -> Iterator[tuple[str, int]]:
    count = 0
    for parent, folders, files in os.walk(folder):
        folders.sort()
        for file in files:
            path = Path(parent) / file
            status = path.lstat()
            if not stat.S_ISREG(status.st_mode):
                continue
            count += 1
            if count > ENTRIES_MAX:
                raise ImportFailedError(f"{folder} holds more than {ENTRIES_MAX} files. Name the export's own folder.")
            yield path.relative_to(folder).as_posix(), status.st_size
