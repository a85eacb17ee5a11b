"""Codes that are given to people: random passwords, invitations and reset codes, and how the typed ones are read."""

import secrets
from hashlib import sha256
from typing import Final

_READABLE: Final = "abcdefghijkmnpqrstuvwxyz23456789"
"""No letters that look like digits: 32 characters, 5 bits each."""


def new_code() -> str:
    """Twenty random characters, 100 bits, in groups that can be read out."""
    return "-".join("".join(secrets.choice(_READABLE) for _ in range(5)) for _ in range(4))


def code_hash(code: str) -> bytes:
    """SHA-256 of a code as it is stored: enough, because codes are random and long. Case, blanks and hyphens go."""
    return sha256("".join(code.replace("-", " ").split()).casefold().encode("utf-8", "surrogatepass")).digest()
