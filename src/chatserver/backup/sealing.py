"""Encryption with a passphrase, in the format of age, so that `age --decrypt` opens what is written here.

https://age-encryption.org/v1: the passphrase gives a key by scrypt, that key opens the file's own key, and the content
is encrypted with ChaCha20-Poly1305 in chunks of 64 KiB whose last one is marked (STREAM): whoever changes, swaps or
cuts off a byte is found out, and memory does not grow with the file.
"""

import binascii
import hmac
import os
import re
from base64 import b64decode, b64encode
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from chatserver.backup.errors import BackupUnusableError
from chatserver.backup.places import Sink

MAGIC: Final = b"age-encryption.org/v1\n"
WORK_FACTOR: Final = 17
"""The scrypt cost N is 2 to this power: 128 MiB of memory and about half a second."""
_WORK_FACTOR_MAX: Final = 18
"""What `age` itself uses; more would let a hostile file take all memory."""
_CHUNK: Final = 65_536
_TAG: Final = 16
_NONCE: Final = 16
_HEADER_MAX: Final = 512
_LABEL: Final = b"age-encryption.org/v1/scrypt"
_STANZA: Final = re.compile(
    rb"age-encryption\.org/v1\n-> scrypt ([A-Za-z0-9+/]{22}) ([1-9][0-9]?)\n([A-Za-z0-9+/]{43})\n---"
)
_NOT_OPENED: Final = "The passphrase is not the one that this backup was encrypted with."
_DAMAGED: Final = "The backup is damaged: it was cut off or changed after it was encrypted. Use another backup."


class Readable(Protocol):
    """What an encrypted file is read from."""

    def read(self, size: int, /) -> bytes: ...

    def readline(self, size: int, /) -> bytes: ...


class SealingSink:
    """Encrypts what is written to it; `close` writes the end, without which the file counts as cut off."""

    def __init__(self, sink: Sink, passphrase: str, *, work_factor: int = WORK_FACTOR) -> None:
        file_key, salt, nonce = os.urandom(16), os.urandom(16), os.urandom(_NONCE)
        wrapped = ChaCha20Poly1305(_wrap_key(passphrase, salt, work_factor)).encrypt(bytes(12), file_key, None)
        header = MAGIC + b"-> scrypt %s %d\n%s\n---" % (_encode(salt), work_factor, _encode(wrapped))
        sink.write(header + b" " + _encode(_header_mac(file_key, header)) + b"\n" + nonce)
        self._sink = sink
        self._cipher = ChaCha20Poly1305(_derived(file_key, nonce, b"payload"))
        self._waiting = bytearray()
        self._count = 0

    def write(self, data: bytes | memoryview) -> int:
        """Take all of it."""
        self._waiting += data
        # A chunk is written only once more follows: the last one is marked, and may not be empty.
        while len(self._waiting) > _CHUNK:
            self._seal(bytes(self._waiting[:_CHUNK]), last=False)
            del self._waiting[:_CHUNK]
        return len(data)

    def close(self) -> None:
        """Write the last chunk; the sink stays open."""
        self._seal(bytes(self._waiting), last=True)

    def _seal(self, chunk: bytes, *, last: bool) -> None:
        self._sink.write(self._cipher.encrypt(_chunk_nonce(self._count, last=last), chunk, None))
        self._count += 1


class UnsealedFile:
    """Reads an encrypted file; every byte it gives is genuine. Raises `BackupUnusableError`."""

    def __init__(self, file: Readable, passphrase: str) -> None:
        """`file` stands at its beginning."""
        self._file = file
        header, mac = _read_header(file)
        found = _STANZA.fullmatch(header)
        if found is None:
            raise BackupUnusableError("The file is encrypted for keys, not with a passphrase: no backup is.")
        work_factor = int(found.group(2))
        if work_factor > _WORK_FACTOR_MAX:
            raise BackupUnusableError(f"The file asks for scrypt with 2^{work_factor} rounds: no backup does.")
        wrap = ChaCha20Poly1305(_wrap_key(passphrase, _decode(found.group(1)), work_factor))
        try:
            file_key = wrap.decrypt(bytes(12), _decode(found.group(3)), None)
        except InvalidTag:
            raise BackupUnusableError(_NOT_OPENED) from None
        if len(file_key) != 16 or not hmac.compare_digest(mac, _header_mac(file_key, header)):
            raise BackupUnusableError(_DAMAGED)
        self._cipher = ChaCha20Poly1305(_derived(file_key, _read_exactly(file, _NONCE), b"payload"))
        self._chunk = memoryview(b"")
        self._next = _read_exactly(file, _CHUNK + _TAG)
        self._count = 0
        self._ended = False

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes, empty at the end; never everything at once."""
        if not self._chunk and not self._ended:
            self._open_chunk()
        size = len(self._chunk) if size < 0 else size
        part, self._chunk = self._chunk[:size], self._chunk[size:]
        return bytes(part)

    def _open_chunk(self) -> None:
        sealed, self._next = self._next, _read_exactly(self._file, _CHUNK + _TAG)
        self._ended = not self._next
        try:
            chunk = self._cipher.decrypt(_chunk_nonce(self._count, last=self._ended), sealed, None)
        except InvalidTag:
            raise BackupUnusableError(_DAMAGED) from None
        if not chunk and self._count:
            raise BackupUnusableError(_DAMAGED)
        self._chunk = memoryview(chunk)
        self._count += 1


def _read_header(file: Readable) -> tuple[bytes, bytes]:
    """What the MAC covers, and the MAC."""
    header = b""
    for _ in range(4):
        header += (line := file.readline(_HEADER_MAX))
        if line.startswith(b"--- ") and line.endswith(b"\n"):
            return header[: len(header) - len(line) + 3], _decode(line[4:-1])
    raise BackupUnusableError("The file is encrypted for keys, or its header is damaged: no backup begins like this.")


def _read_exactly(file: Readable, size: int) -> bytes:
    """So many bytes, fewer only at the end of the file."""
    parts = []
    while size and (part := file.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _wrap_key(passphrase: str, salt: bytes, work_factor: int) -> bytes:
    return Scrypt(salt=_LABEL + salt, length=32, n=1 << work_factor, r=8, p=1).derive(passphrase.encode())


def _derived(file_key: bytes, salt: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=salt or None, info=purpose).derive(file_key)


def _header_mac(file_key: bytes, header: bytes) -> bytes:
    return hmac.digest(_derived(file_key, b"", b"header"), header, "sha256")


def _chunk_nonce(count: int, *, last: bool) -> bytes:
    return count.to_bytes(11, "big") + (b"\x01" if last else b"\x00")


def _encode(data: bytes) -> bytes:
    return b64encode(data).rstrip(b"=")


def _decode(text: bytes) -> bytes:
    try:
        data = b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise BackupUnusableError(_DAMAGED) from None
    if _encode(data) != text:  # another spelling of the same bytes
        raise BackupUnusableError(_DAMAGED)
    return data
