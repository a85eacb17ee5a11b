"""The headers of every answer: what keeps a browser from doing anything with it that was not meant."""

from collections.abc import Collection, Iterable
from typing import Final

Headers = list[tuple[bytes, bytes]]

SECURITY: Final[tuple[tuple[bytes, bytes], ...]] = (
    (b"x-content-type-options", b"nosniff"),
    # All answers are personal.
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
)
"""After the OWASP HTTP Headers cheat sheet. An answer that gives one of these itself keeps its own."""
HSTS: Final = (b"strict-transport-security", b"max-age=31536000")
"""RFC 6797; only over TLS, where alone it means anything."""

_EXPOSED: Final = b"X-Request-Id, Retry-After, ETag, Content-Disposition, Content-Range, Upload-Offset, Upload-Length"
_METHODS: Final = b"GET, HEAD, POST, PUT, PATCH, DELETE"
_PREFLIGHT_AGE_S: Final = b"600"


class Cors:
    """Which web origins may read answers: the exact ones allowed, and without cookies, which are not used at all."""

    def __init__(self, origins: Collection[str], request_headers: Iterable[str]) -> None:
        """`request_headers` are those that a page may send."""
        self._origins = {origin.encode() for origin in origins}
        self._request_headers = ", ".join(sorted(request_headers)).encode()

    def headers(self, origin: bytes | None, *, preflight: bool) -> Headers:
        """What the answer to a request from this origin carries (https://fetch.spec.whatwg.org/#http-cors-protocol)."""
        if not self._origins:
            return []
        headers = [(b"vary", b"Origin")]
        if origin in self._origins and origin is not None:
            headers += [
                (b"access-control-allow-origin", origin),
                (b"access-control-expose-headers", _EXPOSED),
            ]
            if preflight:
                headers += [
                    (b"access-control-allow-methods", _METHODS),
                    (b"access-control-allow-headers", self._request_headers),
                    (b"access-control-max-age", _PREFLIGHT_AGE_S),
                ]
        return headers
