"""What a file is, told by its first bytes and never by what its sender says."""

import codecs
import re
from typing import Final

HEAD_BYTES: Final = 8_192
"""How much of a file is looked at."""
UNKNOWN: Final = "application/octet-stream"
_IMAGES: Final = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp"),
)
IMAGES: Final = frozenset(media_type for _, media_type in _IMAGES)
"""The formats that are taken for images; every other one is a file like any."""
_KNOWN: Final = ((b"%PDF-", "application/pdf"), (b"PK\x03\x04", "application/zip"))
"""Told here because the data base has several answers to them."""
_TRUSTED_BYTES: Final = 4
"""Shorter signatures than this are found in too much else."""
_CONTROL: Final = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_SAFE: Final = re.compile(r"(?:application|audio|font|image|model|video)/[a-z0-9][a-z0-9.+-]{0,100}")
_ACTIVE: Final = re.compile(r"xml|html|script|flash|java")
"""Types that a browser might run or that hold others which it would."""


def media_type(head: bytes) -> str:
    """The type of a file that begins with `head`: an image's, `text/plain`, a well-known one, or `UNKNOWN`.

    Never a type with content that a browser runs.
    """
    for signature, kind in _IMAGES:
        if signature.match(head):
            return kind
    for start, kind in _KNOWN:
        if head.startswith(start):
            return kind
    if _is_text(head):
        return "text/plain"
    return _looked_up(head)


def _is_text(head: bytes) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        text = decoder.decode(head, final=len(head) < HEAD_BYTES)  # the last character may be cut in two
    except UnicodeDecodeError:
        return False
    return bool(text) and not _CONTROL.search(text)


def _looked_up(head: bytes) -> str:
    import puremagic  # noqa: PLC0415 - reads its data base, which a server without such files need not

    try:
        matches = puremagic.magic_string(head)
    except (puremagic.PureError, ValueError):
        return UNKNOWN
    for match in matches:
        kind = match.mime_type.lower()
        if len(match.byte_match) >= _TRUSTED_BYTES and _SAFE.fullmatch(kind) and not _ACTIVE.search(kind):
            return kind if kind not in IMAGES else UNKNOWN
    return UNKNOWN
