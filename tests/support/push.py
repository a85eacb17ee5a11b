"""A push service and its receivers: HTTPS on loopback, checks the server's signature, and decrypts what arrives."""

import asyncio
import base64
import contextlib
import datetime
import ipaddress
import secrets
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import http_ece
import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from chatproto import codec
from chatproto.rest import PushMessage
from tests.support.server import WAIT_S


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unbase64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _point(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


@dataclass
class Receiver:
    """An app or browser with an endpoint at the push service."""

    path: str = field(default_factory=lambda: f"/push/{secrets.token_hex(8)}")
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(16))

    def request(self, url: str, name: str = "phone") -> dict[str, Any]:
        """The body that registers it."""
        keys = {"p256dh": base64url(_point(self.key)), "auth": base64url(self.secret)}
        return {"endpoint": url + self.path, "keys": keys, "name": name}

    def decrypt(self, body: bytes) -> PushMessage:
        plain = http_ece.decrypt(body, private_key=self.key, auth_secret=self.secret, version="aes128gcm")
        return codec.decode_body(plain, PushMessage)


@dataclass
class Arrived:
    """One request to the push service."""

    path: str
    headers: dict[str, str]
    body: bytes

    def claims(self, audience: str, application_server_key: str) -> dict[str, Any]:
        """What the server has signed; fails unless it is signed with that key for that audience."""
        scheme, _, rest = self.headers["authorization"].partition(" ")
        assert scheme == "vapid"
        parts = dict(part.strip().split("=", 1) for part in rest.split(","))
        assert parts["k"] == application_server_key
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), unbase64url(parts["k"]))
        claims: dict[str, Any] = jwt.decode(parts["t"], key, algorithms=["ES256"], audience=audience)
        return claims


class PushService:
    """Answers 201 unless told otherwise; what arrives can be awaited."""

    def __init__(self) -> None:
        self.url = ""
        self.answers: deque[tuple[int, dict[str, str]]] = deque()
        """Statuses and headers of the next answers."""
        self._arrived: asyncio.Queue[Arrived] = asyncio.Queue()

    async def next(self) -> Arrived:
        async with asyncio.timeout(WAIT_S):
            return await self._arrived.get()

    @property
    def count(self) -> int:
        """Requests nobody has taken yet."""
        return self._arrived.qsize()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                line, *rest = head.split("\r\n")
                headers = {
                    name.lower(): value.strip() for name, _, value in (each.partition(":") for each in rest if each)
                }
                body = await reader.readexactly(int(headers["content-length"]))
                status, extra = self.answers.popleft() if self.answers else (201, {})
                more = "".join(f"{name}: {value}\r\n" for name, value in extra.items())
                writer.write(f"HTTP/1.1 {status} Done\r\nContent-Length: 0\r\n{more}\r\n".encode())
                await writer.drain()
                await self._arrived.put(Arrived(line.split(" ")[1], headers, body))
        writer.close()


@contextlib.asynccontextmanager
async def push_service(folder: Path, host: str = "localhost") -> AsyncIterator[PushService]:
    """A push service that calls itself `host`; its CA is `ca.pem` in the folder."""
    service = PushService()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*await asyncio.to_thread(_certificate, folder, host))
    listening = await asyncio.start_server(service.serve, "127.0.0.1", 0, ssl=context)
    service.url = f"https://{host}:{listening.sockets[0].getsockname()[1]}"
    async with listening:
        yield service


def _certificate(folder: Path, host: str) -> tuple[Path, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a CA of the tests")])
    ca = (
        _builder(ca_name, ca_key)
        .issuer_name(ca_name)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    names: list[x509.GeneralName] = [x509.DNSName(host), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    own = (
        _builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)]), key)
        .issuer_name(ca_name)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(ca.public_bytes(pem))
    (folder / "own.pem").write_bytes(own.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "own.pem", folder / "key.pem"


def _builder(name: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


Resolving = Callable[[str, int], Any]


def resolving(*answers: list[str]) -> Resolving:
    """A resolver that gives these answers one after the other, and the last one for ever."""
    waiting = deque(answers)

    async def resolve(_host: str, _port: int) -> list[str]:
        return waiting.popleft() if len(waiting) > 1 else waiting[0]

    return resolve
