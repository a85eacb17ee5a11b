"""A real SMTP server for tests, on a free port of the loopback interface, that keeps what it takes."""

import asyncio
import contextlib
import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from email.policy import default
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

USER, SECRET = "chat", "mail secret"


@dataclass
class Mailbox:
    """What has arrived; the first `replies` are given before anything is taken."""

    port: int = 0
    mails: asyncio.Queue[Message] = field(default_factory=asyncio.Queue)
    replies: list[str] = field(default_factory=list)
    refused: asyncio.Queue[str] = field(default_factory=asyncio.Queue)

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        if self.replies:
            reply = self.replies.pop(0)
            self.refused.put_nowait(reply)
            return reply
        content = envelope.content
        assert isinstance(content, bytes)
        mail = message_from_bytes(content, policy=default)
        mail["X-Login"] = str(session.authenticated)
        mail["X-Tls"] = str(session.ssl is not None)
        self.mails.put_nowait(mail)
        return "250 OK"

    async def next(self) -> Message:
        async with asyncio.timeout(15):
            return await self.mails.get()


def _authenticate(_server: SMTP, _session: Session, _envelope: Envelope, _kind: str, data: Any) -> AuthResult:
    right = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), SECRET.encode())
    return AuthResult(success=right)


@contextlib.asynccontextmanager
async def smtp_server(certificate: Path | None = None, *, implicit_tls: bool = False) -> AsyncIterator[Mailbox]:
    """An SMTP server; with a certificate (and key) it insists on encryption and a login."""
    box = Mailbox()
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    starttls = context is not None and not implicit_tls
    loop = asyncio.get_running_loop()

    def protocol() -> SMTP:
        return SMTP(
            box,
            hostname="localhost",
            loop=loop,
            tls_context=context if starttls else None,
            require_starttls=starttls,
            auth_required=starttls,
            authenticator=_authenticate,
        )

    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=context if implicit_tls else None)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()


def make_certificate(file: Path) -> Path:
    """A self-signed certificate for 127.0.0.1 with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return file
