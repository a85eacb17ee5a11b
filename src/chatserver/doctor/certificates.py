"""Looks at certificates: those in the files, and what the running server really shows to a client."""

import time
from collections.abc import Iterator
from typing import Final

from chatproto.findings import Finding, bad, good, notice
from chatserver.doctor.reaching import local_url, served_certificate
from chatserver.doctor.wording import quoted
from chatserver.ops.whereabouts import find
from chatserver.settings import Settings
from chatserver.tls.certificate import Certificate, CertificateError, certificate_in_use, files_of

_SOON_DAYS: Final = 14
_VERY_SOON_DAYS: Final = 3


def check_certificates(settings: Settings) -> Iterator[Finding]:
    """The file, then the running server; nothing if the server speaks no TLS."""
    files = files_of(settings)
    if files is None:
        return
    try:
        certificate = certificate_in_use(settings)
    except CertificateError as error:
        yield _unusable(settings, error)
        return
    assert certificate is not None, "there are files"
    yield _expiry(settings, certificate)
    missing = [name for name in settings.domain if not certificate.covers(name)]
    if missing:
        hint = "Get one with all names; with 'domain' the server does: journalctl -u chatserver | grep -i acme"
        yield bad("certificate names", f"It is not for {', '.join(missing)}, but for {_names(certificate)}.", hint)
    if files.key_is_open:
        yield bad("certificate key", f"Everybody may read {files.key}.", f"Run: chmod o-rwx {quoted(files.key)}")
    yield from _served(settings, certificate)


def _unusable(settings: Settings, error: CertificateError) -> Finding:
    if settings.domain and error.code == "tlsMissing":
        hint = "The server gets one when it starts; if it does not: journalctl -u chatserver | grep -i acme"
        return notice("certificate", "There is none yet.", hint)
    return bad("certificate", str(error), "The running server goes on with the old one, until it is restarted.")


def _expiry(settings: Settings, certificate: Certificate) -> Finding:
    left = (certificate.not_after - time.time()) / 86_400
    message = f"For {_names(certificate)}, from {certificate.issuer}, until {certificate.ends}."
    renew = "See why it is not renewed: journalctl -u chatserver | grep -i acme" if settings.domain else "Renew it."
    if left <= 0:
        return bad("certificate", f"It has expired. {message}", renew)
    if certificate.not_before > time.time():
        return bad("certificate", f"It is not valid yet. {message}", "Check the clock: timedatectl")
    if left < _VERY_SOON_DAYS:
        return bad("certificate", f"It expires in {left:.1f} days. {message}", renew)
    if left < _SOON_DAYS:
        return notice("certificate", f"It expires in {left:.0f} days. {message}", renew)
    return good("certificate", message)


def _served(settings: Settings, certificate: Certificate) -> Iterator[Finding]:
    here = find(settings.data)
    if here is None or not here.url.startswith("https:"):
        return
    name = settings.domain[0] if settings.domain else certificate.names[0] if certificate.names else "localhost"
    try:
        shown, distrust = served_certificate(local_url(here.url), name)
    except OSError as error:
        yield bad("served certificate", f"{here.url} ends a TLS handshake: {error.strerror or error}.", "See its log.")
        return
    if distrust:
        hint = "Clients must be given the CA, as docs/operations.md tells; or get one that is known: setting 'domain'."
        message = f"A client of this machine does not trust it: {distrust}."
        state = notice if certificate.self_signed or not settings.domain else bad
        yield state("served certificate", message, hint)
    else:
        yield good("served certificate", f"A client that asks for {name} trusts it.")
    if _ends(shown) != int(certificate.not_after):
        hint = "Let it read the files: systemctl reload chatserver"
        yield bad("served certificate", "The running server shows another one than is in the file.", hint)


def _ends(der: bytes) -> int:
    from cryptography import x509  # noqa: PLC0415 - only where there is a certificate

    return int(x509.load_der_x509_certificate(der).not_valid_after_utc.timestamp())


def _names(certificate: Certificate) -> str:
    shown = ", ".join(certificate.names[:5])
    return shown or "no name"
