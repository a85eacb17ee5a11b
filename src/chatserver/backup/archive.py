"""The file format: a plain tar of ordinary files, compressed with zstd, written and read in one pass.

`tar` and `zstd` open it. Behind the compressed data stands their SHA-256, in a frame that `zstd` skips (RFC 8878,
section 3.1.2), so that no flipped bit goes unnoticed, not even one that changes nothing. Only what is written here is
read: no links, no devices, no extended headers, no surprises.
"""

import hashlib
import sys
import tarfile
from collections.abc import Iterable, Iterator
from typing import Final, Protocol

from chatserver.backup.errors import BackupError, BackupUnusableError
from chatserver.backup.places import Sink

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_BLOCK: Final = 512
_PART: Final = 262_144
_OCTAL_MAX: Final = 8**11
"""Sizes from here on do not fit into the header of POSIX and are written as GNU tar does."""
_LEVEL: Final = 3
_WINDOW_LOG_MAX: Final = 23
"""The most that reading may take for the window: 8 MiB; level 3 needs 2."""
_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_SUM: Final = b"\x5c\x2a\x4d\x18" + (32).to_bytes(4, "little")
"""The beginning of a skippable frame of 32 bytes."""
_FOREIGN: Final = "The file is not a backup: it is neither compressed with zstd nor encrypted by age."
_DAMAGED: Final = "The backup is damaged: {}. Use another backup."


class Source(Protocol):
    """What the bytes of a backup are read from; `read` gives an empty part only at the end."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes."""
        ...


class ArchiveWriter:
    """Writes members one after the other; `close` completes the archive."""

    def __init__(self, sink: Sink, *, made_at: int) -> None:
        """`made_at`, in seconds since 1970 UTC, is the time of every member."""
        options: dict[int, int] = {
            zstd.CompressionParameter.compression_level: _LEVEL,
            zstd.CompressionParameter.checksum_flag: 1,
        }
        self._compressor = zstd.ZstdCompressor(options=options)
        self._sink = sink
        self._digest = hashlib.sha256()
        self._made_at = made_at

    def add(self, name: str, size: int, parts: Iterable[bytes]) -> str:
        """Write a member; its SHA-256 in hex. `parts` must come to exactly `size` bytes."""
        self._write(_header(name, size, self._made_at))
        digest, written = hashlib.sha256(), 0
        for part in parts:
            digest.update(part)
            written += len(part)
            self._write(part)
        assert written == size, f"{name} has {written} bytes instead of {size}"
        self._write(bytes(-size % _BLOCK))
        return digest.hexdigest()

    def close(self) -> None:
        """Write the end; the sink stays open."""
        self._write(bytes(2 * _BLOCK))
        self._pass_on(self._compressor.flush())
        self._sink.write(_SUM + self._digest.digest())

    def _write(self, data: bytes) -> None:
        if compressed := self._compressor.compress(data):
            self._pass_on(compressed)

    def _pass_on(self, compressed: bytes) -> None:
        self._digest.update(compressed)
        self._sink.write(compressed)


class Member:
    """One file of an archive, to be read once, before the next is asked for."""

    def __init__(self, name: str, size: int, content: "_Decompressed") -> None:
        self.name = name
        self.size = size
        self._content = content
        self._left = size
        self._digest = hashlib.sha256()

    def parts(self) -> Iterator[bytes]:
        """Its bytes, in small parts. Raises `BackupUnusableError` if they end early."""
        while self._left:
            part = self._content.exactly(min(_PART, self._left))
            self._left -= len(part)
            self._digest.update(part)
            yield part

    def content(self, most: int) -> bytes:
        """All of a small member."""
        if self.size > most:
            raise damaged(f"{self.name} has {self.size} bytes, more than it may have")
        return b"".join(self.parts())

    def sha256(self) -> str:
        """In hex, of what was read of it."""
        return self._digest.hexdigest()

    def finish(self) -> None:
        """Pass over what is left of it and the filling behind it."""
        for _ in self.parts():
            pass
        if any(self._content.exactly(-self.size % _BLOCK)):
            raise damaged(f"there is something behind {self.name}")


def read_archive(source: Source) -> Iterator[Member]:
    """The members of an archive, in their order, to its very end. Raises `BackupUnusableError`."""
    content = _Decompressed(source)
    while True:
        block = content.exactly(_BLOCK)
        if not any(block):
            content.must_end()
            return
        member = Member(*_parsed(block), content)
        yield member
        member.finish()


class _Decompressed:
    """The tar within; takes bounded memory, whatever the compressed bytes are."""

    def __init__(self, source: Source) -> None:
        self._source = source
        options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: _WINDOW_LOG_MAX}
        self._decompressor = zstd.ZstdDecompressor(options=options)
        self._digest = hashlib.sha256()
        self._fed = b""
        """What the decompressor was given last; how much of it is compressed data shows only at their end."""
        self._waiting = source.read(_PART)
        if not self._waiting.startswith(_MAGIC):
            raise BackupUnusableError(_FOREIGN)

    def exactly(self, size: int) -> bytes:
        """So many bytes. Raises `BackupUnusableError` if there are fewer."""
        parts = []
        while size:
            part = self._some(size)
            if not part:
                raise damaged("it ends early")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def must_end(self) -> None:
        """Nothing but zeros may follow, then the end of the file."""
        while part := self._some(_PART):
            if any(part):
                raise damaged("something follows its end")
        if not self._decompressor.eof:
            raise damaged("it ends early")
        behind = self._decompressor.unused_data
        self._digest.update(self._fed[: len(self._fed) - len(behind)])
        while len(behind) <= len(_SUM) + 32 and (part := self._source.read(_PART)):
            behind += part
        if behind != _SUM + self._digest.digest():
            raise damaged("its bytes are not those that were written")

    def _some(self, size: int) -> bytes:
        try:
            while not self._decompressor.eof:
                given = b""
                if self._decompressor.needs_input:
                    given, self._waiting = self._waiting or self._source.read(_PART), b""
                    if not given:
                        return b""
                    self._digest.update(self._fed)
                    self._fed = given
                if part := self._decompressor.decompress(given, size):
                    return part
        except zstd.ZstdError as error:
            raise damaged("its compressed data are wrong") from error
        return b""


def damaged(how: str) -> BackupUnusableError:
    """The error for an archive that is not as it was written."""
    return BackupUnusableError(_DAMAGED.format(how))


def _header(name: str, size: int, made_at: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode, info.mtime = size, 0o600, made_at
    try:
        header = info.tobuf(tarfile.USTAR_FORMAT if size < _OCTAL_MAX else tarfile.GNU_FORMAT, "utf-8", "strict")
    except (ValueError, UnicodeError) as error:
        raise BackupError(f"The name {name!r} does not fit into a tar archive: {error}. Rename the file.") from error
    assert len(header) == _BLOCK
    return header


def _parsed(block: bytes) -> tuple[str, int]:
    try:
        info = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
    except (tarfile.HeaderError, UnicodeError, ValueError) as error:
        raise damaged("a header is wrong") from error
    if info.type != tarfile.REGTYPE or info.size < 0:
        raise BackupUnusableError(f"The file is not a backup: {info.name[:100]!r} in it is not an ordinary file.")
    return info.name, info.size


def read_all(file: Source, size: int = _PART) -> Iterator[bytes]:
    """A file in parts, from where it stands."""
    while part := file.read(size):
        yield part
