"""Encryption of a push for its receiver (RFC 8291) and the server's signature on it (RFC 8292)."""

import base64
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chatproto.errors import ChatError
from chatserver.store.interfaces.push import PushRecord

_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the group of P-256 (FIPS 186-4, D.1.2.3)."""
_SIGNED_FOR_S: Final = 12 * 3_600
"""RFC 8292 section 2 allows at most 24 hours."""
AUTH_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Sealed:
    """What is posted to an endpoint, besides TTL, Urgency and Topic."""

    body: bytes
    authorization: str


class Signer:
    """Signs for one server (VAPID). The key is derived from a secret of the database, so it never changes with it."""

    def __init__(self, secret: bytes, contact: str) -> None:
        """`contact` is a `mailto:` or https address of the server's owner, or empty."""
        self._key = ec.derive_private_key(int.from_bytes(secret, "big") % (_ORDER - 1) + 1, ec.SECP256R1())
        self._contact = contact
        point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.public_key = to_base64url(point)
        """The uncompressed point, in Base64url: a browser's `applicationServerKey`."""

    def authorization(self, endpoint: str, now_s: int) -> str:
        """The header for a push to this endpoint, good for twelve hours."""
        parts = urlsplit(endpoint)
        claims: dict[str, str | int] = {"aud": f"{parts.scheme}://{parts.netloc}", "exp": now_s + _SIGNED_FOR_S}
        if self._contact:
            claims["sub"] = self._contact
        return f"vapid t={jwt.encode(claims, self._key, algorithm='ES256')}, k={self.public_key}"

    def seal(self, record: PushRecord, content: bytes, now_s: int) -> Sealed:
        """Encrypt with `aes128gcm` for the receiver alone. Takes about a millisecond of a core."""
        # Brings two HTTP clients with it, which take long to load and are not used here.
        from pywebpush import WebPusher  # noqa: PLC0415 - see above

        keys = {"p256dh": to_base64url(record.p256dh), "auth": to_base64url(record.auth)}
        encoded = WebPusher({"endpoint": record.endpoint, "keys": keys}).encode(content)
        return Sealed(encoded["body"], self.authorization(record.endpoint, now_s))


def read_keys(p256dh: str, auth: str) -> tuple[bytes, bytes]:
    """A receiver's keys as bytes. Raises `ChatError` with `pushKeysInvalid`."""
    try:
        point, secret = from_base64url(p256dh), from_base64url(auth)
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError:
        raise ChatError("pushKeysInvalid") from None
    if len(point) != 65 or len(secret) != AUTH_BYTES:
        raise ChatError("pushKeysInvalid")
    return point, secret


def to_base64url(data: bytes) -> str:
    """Without padding (RFC 7515 appendix C)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """With or without padding, either alphabet. Raises `ValueError`."""
    data = text.rstrip("=").translate(str.maketrans("-_", "+/"))
    return base64.b64decode(data + "=" * (-len(data) % 4), validate=True)
