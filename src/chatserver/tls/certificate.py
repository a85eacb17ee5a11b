"""A certificate with its key as they are in files: whether they can be used, for which names, and until when."""

import os
import ssl
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from chatserver.settings import Settings

if TYPE_CHECKING:
    from cryptography import x509

ACME_FOLDER: Final = "acme"
"""Folder in `data` for what the server gets by ACME."""
_CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""For TLS 1.2: forward secrecy and authenticated encryption only, as https://wiki.mozilla.org/Security/Server_Side_TLS
recommends ("intermediate"); those of TLS 1.3 are all like that."""
_FILE_MAX_BYTES: Final = 1 << 20
_OTHERS: Final = stat.S_IROTH | stat.S_IWOTH


class CertificateError(Exception):
    """A certificate cannot be used or obtained; the text says why and what to do."""

    def __init__(self, code: str, text: str) -> None:
        """`code` is stable, see docs/operations.md."""
        super().__init__(f"{text} ({code})")
        self.code = code


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate says; times are Unix times in seconds."""

    names: tuple[str, ...]
    """Host names and addresses (subjectAltName) it is for."""
    issuer: str
    not_before: float
    not_after: float
    self_signed: bool

    @property
    def ends(self) -> str:
        """When it expires, as people read it."""
        return f"{datetime.fromtimestamp(self.not_after, UTC):%Y-%m-%d %H:%M} UTC"

    def covers(self, name: str) -> bool:
        """Whether it is for this host name (RFC 9525: a wildcard stands for one whole label)."""
        return name in self.names or "*." + name.partition(".")[2] in self.names


@dataclass(frozen=True, slots=True)
class PairFiles:
    """Where a certificate (PEM, with its intermediates) and its key are; both may be one file."""

    certificate: Path
    key: Path

    def signature(self) -> tuple[tuple[int, ...], ...] | None:
        """Another one after each change; None if a file is missing."""
        try:
            stats = [os.stat(path) for path in (self.certificate, self.key)]  # noqa: PTH116 - follows links, as wanted
        except OSError:
            return None
        return tuple((found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size) for found in stats)

    @property
    def key_is_open(self) -> bool:
        """Whether every user of this machine may read or replace the key."""
        return bool(self.key.stat().st_mode & _OTHERS)


def files_of(settings: Settings) -> PairFiles | None:
    """The files that a server with these settings uses; None if it speaks no TLS."""
    if settings.tls_certificate is not None:
        return PairFiles(settings.tls_certificate, settings.tls_key or settings.tls_certificate)
    if settings.domain:
        path = settings.data / ACME_FOLDER / "certificate.pem"
        return PairFiles(path, path)
    return None


def certificate_in_use(settings: Settings) -> Certificate | None:
    """The certificate that a server with these settings uses; None if it speaks no TLS. Raises `CertificateError`."""
    files = files_of(settings)
    return read(files)[0] if files else None


def read(files: PairFiles) -> tuple[Certificate, ssl.SSLContext]:
    """The certificate, and a context that serves it. Raises `CertificateError`; an expired one is not an error."""
    before = files.signature()
    certificate = _checked(_content(files.certificate, "certificate"), _content(files.key, "key"), files)
    context = _context(files)
    if files.signature() != before:
        raise CertificateError("tlsChanging", f"{files.certificate} or its key is being written. Try again.")
    return certificate, context


def _context(files: PairFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    context.num_tickets = 1
    try:
        context.load_cert_chain(files.certificate, files.key, password=lambda: b"")
    except (OSError, ValueError) as error:
        raise CertificateError("tlsUnusable", f"OpenSSL does not take {files.certificate}: {error}.") from error
    return context


def _content(path: Path, what: str) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_FILE_MAX_BYTES)
    except FileNotFoundError as error:
        raise CertificateError("tlsMissing", f"There is no {what} at {path}. Correct the path.") from error
    except OSError as error:
        raise CertificateError(
            "tlsUnreadable",
            f"The {what} {path} cannot be read: {error.strerror}. Let the user that runs the server read it.",
        ) from error


def _checked(chain: bytes, key: bytes, files: PairFiles) -> Certificate:
    from cryptography import x509  # noqa: PLC0415 - only servers with TLS need it
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - likewise
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - likewise

    try:
        leaf = x509.load_pem_x509_certificates(chain)[0]
        described = _described(leaf)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CertificateError(
            "tlsCertificateInvalid",
            f"{files.certificate} holds no certificate in PEM form. Give the chain, the server's own first.",
        ) from error
    try:
        private = serialization.load_pem_private_key(key, None)
    except TypeError as error:
        raise CertificateError(
            "tlsKeyEncrypted", f"The key {files.key} is encrypted. Decrypt it: openssl pkey -in KEY -out NEW"
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CertificateError("tlsKeyInvalid", f"{files.key} holds no private key in PEM form.") from error
    if private.public_key() != leaf.public_key():
        raise CertificateError(
            "tlsMismatch",
            f"The key {files.key} does not belong to the first certificate in {files.certificate}. Use the pair that "
            "was made together, the server's own certificate first.",
        )
    return described


def _described(leaf: "x509.Certificate") -> Certificate:
    from cryptography import x509  # noqa: PLC0415 - as above

    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = [name.lower() for name in found.get_values_for_type(x509.DNSName)]
        names += [str(address) for address in found.get_values_for_type(x509.IPAddress)]
    except x509.ExtensionNotFound:
        names = []
    return Certificate(
        names=tuple(names),
        issuer=leaf.issuer.rfc4514_string(),
        not_before=leaf.not_valid_before_utc.timestamp(),
        not_after=leaf.not_valid_after_utc.timestamp(),
        self_signed=leaf.issuer == leaf.subject,
    )
