"""Access and refresh tokens: how they are made and read; no storage, no clock of their own.

An access token is a JWT (RFC 7519), HMAC-SHA-256, valid for minutes and checked without the database. A refresh
token is opaque: the session's id, 32 bytes and a tag that proves this server made it. Each refresh token has
exactly one successor, derived with a secret of the database, so that a lost answer can be given again.
"""

import binascii
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Any, Final, NamedTuple

import jwt

from chatproto import limits
from chatproto.errors import ChatError

ISSUER: Final = "chatserver"
AUDIENCE: Final = "chatterm"
_ALGORITHM: Final = "HS256"
_KIND: Final = "access"
_CLAIMS: Final = ("iss", "aud", "exp", "iat", "sub", "sid", "kind")
_ACCESS_MAX_CHARS: Final = 1_024
_ID_BYTES: Final = 6
_RANDOM_BYTES: Final = 32
_TAG_BYTES: Final = 16


class Identity(NamedTuple):
    """Who an access token speaks for. `expires_at` is in microseconds since 1970 UTC."""

    user_id: int
    session_id: int
    expires_at: int


class AccessTokens:
    """Makes and reads access tokens with one pinned algorithm; what a token's header asks for is ignored."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def make(self, user_id: int, session_id: int, *, now_us: int, ttl_s: int) -> tuple[str, int]:
        """A token and when it expires, in microseconds."""
        issued = now_us // 1_000_000
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "iat": issued,
            "exp": issued + ttl_s,
            "sub": str(user_id),
            "sid": session_id,
            "kind": _KIND,
        }
        return jwt.encode(claims, self._key, algorithm=_ALGORITHM), (issued + ttl_s) * 1_000_000

    def read(self, token: str, *, now_us: int) -> Identity:
        """The identity in a genuine token. Raises `tokenExpired` or `tokenInvalid`."""
        if len(token) > _ACCESS_MAX_CHARS:
            raise ChatError("tokenInvalid")
        try:
            # Times are compared here instead of in the library, which reads the system's clock.
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key,
                algorithms=[_ALGORITHM],
                issuer=ISSUER,
                audience=AUDIENCE,
                options={"require": list(_CLAIMS), "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
        except (jwt.InvalidTokenError, UnicodeError):
            raise ChatError("tokenInvalid") from None
        subject, session_id, expires = claims["sub"], claims["sid"], claims["exp"]
        numbers = (session_id, expires, claims["iat"])
        if claims["kind"] != _KIND or any(type(number) is not int or number < 0 for number in numbers):
            raise ChatError("tokenInvalid")
        if not (isinstance(subject, str) and subject.isascii() and subject.isdigit()):
            raise ChatError("tokenInvalid")
        if now_us >= expires * 1_000_000:
            raise ChatError("tokenExpired")
        return Identity(int(subject), session_id, expires * 1_000_000)


class RefreshTokens:
    """Makes and reads refresh tokens. Only `digest` of a token is ever stored."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def first(self, session_id: int, random: bytes) -> str:
        """The first token of a session, from 32 random bytes."""
        return self._token(session_id, random)

    def successor(self, token: str) -> str:
        """The one token that replaces this one: always the same."""
        return self._token(self.session_of(token), self._mac(b"successor", token.encode()))

    def session_of(self, token: str) -> int:
        """The session of a token that this server made, whether still good or not. Raises `tokenInvalid`."""
        try:
            raw = urlsafe_b64decode(token)
        except (binascii.Error, ValueError):
            raise ChatError("tokenInvalid") from None
        body, tag = raw[:-_TAG_BYTES], raw[-_TAG_BYTES:]
        if len(body) != _ID_BYTES + _RANDOM_BYTES or not hmac.compare_digest(tag, self._tag(body)):
            raise ChatError("tokenInvalid")
        session_id = int.from_bytes(body[:_ID_BYTES], "big")
        if not 1 <= session_id <= limits.ID_MAX or self._encode(raw) != token:
            raise ChatError("tokenInvalid")
        return session_id

    @staticmethod
    def digest(token: str) -> bytes:
        """SHA-256 of a token; enough, because tokens are random and long."""
        return sha256(token.encode()).digest()

    def _token(self, session_id: int, random: bytes) -> str:
        body = session_id.to_bytes(_ID_BYTES, "big") + random
        return self._encode(body + self._tag(body))

    def _tag(self, body: bytes) -> bytes:
        return self._mac(b"tag", body)[:_TAG_BYTES]

    def _mac(self, purpose: bytes, data: bytes) -> bytes:
        return hmac.digest(self._key, purpose + b"\0" + data, "sha256")

    @staticmethod
    def _encode(raw: bytes) -> str:
        return urlsafe_b64encode(raw).decode()
