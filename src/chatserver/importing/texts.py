"""Texts, names and emoji of other systems as this one may hold them: cleaned, and split rather than cut."""

import re
import unicodedata
import zlib
from typing import Final

from chatproto import limits
from chatproto.errors import ChatError
from chatproto.text import (
    check_emoji,
    normalize_email,
    normalize_message,
    normalize_name,
    normalize_title,
    normalize_topic,
    strip_terminal_codes,
)

PART_BYTES: Final = limits.MESSAGE_MAX_BYTES
"""UTF-8 bytes of one part of a long text."""
PARTS_MAX: Final = 64
"""Parts of one text: a megabyte."""
RESERVED_DOMAIN: Final = "imported.invalid"
"""Of addresses that are made up: nobody can ever have one (RFC 6761, section 6.4)."""

_UNFIT: Final = re.compile(r"[^a-z0-9._+-]")
_SKIN_TONES: Final = {f"skin-tone-{number}": chr(0x1F3FB + number - 2) for number in range(2, 7)}


def parts_of(text: str) -> tuple[list[str], bool]:
    """A text as messages (none, if nothing is left of it), and whether some of it had to be left out."""
    clean = unicodedata.normalize("NFC", strip_terminal_codes(text))
    found: list[str] = []
    while clean and len(found) < PARTS_MAX:
        part, clean = _split(clean)
        try:
            found.append(normalize_message(part))
        except ChatError:
            continue  # blanks only
    return found, bool(clean)


def _split(text: str) -> tuple[str, str]:
    """The longest beginning that fits, ending with a line or a word if that does not make it short; and the rest."""
    if len(text) <= PART_BYTES // 4:
        return text, ""
    data = text.encode()
    if len(data) <= PART_BYTES:
        return text, ""
    end = PART_BYTES
    while data[end] & 0xC0 == 0x80:  # within a character
        end -= 1
    for separator in (b"\n", b" "):
        at = data.rfind(separator, end // 2, end)
        if at > 0:
            return data[:at].decode(), data[at + 1 :].decode()
    return data[:end].decode(), data[end:].decode()


def name_of(text: str, fallback: str) -> str:
    """A display name; what cannot be one is cut to what can."""
    for candidate in (text, _visible(text)[: limits.NAME_MAX_CHARS], _visible(fallback)[: limits.NAME_MAX_CHARS]):
        try:
            return normalize_name(candidate)
        except ChatError:
            continue
    return "Unknown"


def title_of(text: str, fallback: str) -> str:
    """A group's title; what cannot be one is cut to what can."""
    for candidate in (text, _visible(text)[: limits.TITLE_MAX_CHARS], _visible(fallback)[: limits.TITLE_MAX_CHARS]):
        try:
            return normalize_title(candidate)
        except ChatError:
            continue
    return "Imported"


def topic_of(text: str) -> str:
    """A group's topic, cut to what it may be."""
    for candidate in (text, _visible(text)[: limits.TOPIC_MAX_CHARS]):
        try:
            return normalize_topic(candidate)
        except ChatError:
            continue
    return ""


def _visible(text: str) -> str:
    """One line without what names may not hold."""
    kept = "".join(character for character in text[:2_000] if character.isprintable() or character.isspace())
    return unicodedata.normalize("NFKC", " ".join(kept.split()))


def email_of(text: str) -> str:
    """A normalised address, empty if it is none."""
    try:
        return normalize_email(text)
    except ChatError:
        return ""


def invented_email(key: str, source: str) -> str:
    """An address for somebody who has none: always the same for the same person, and nobody's."""
    local, host = (_UNFIT.sub("-", part.casefold()).strip(".-")[:60].strip(".-") for part in (key, source))
    digest = f"{zlib.crc32(f'{source} {key}'.encode('utf-8', 'surrogatepass')):08x}"
    return email_of(f"{local or 'user'}.{digest}@{host or 'source'}.{RESERVED_DOMAIN}")


def emoji_of(name: str) -> str:
    """The emoji with a short name such as `thumbsup` or `wave::skin-tone-3`; empty for one of the system's own."""
    import emoji  # noqa: PLC0415 - its table takes a tenth of a second to load

    base, _, tone = name.strip(":").partition("::")
    found = emoji.emojize(f":{base}:", language="alias")
    if found.startswith(":"):
        found = emoji.emojize(f":{base.replace('-', '_')}:", language="alias")
    return checked_emoji(found + _SKIN_TONES.get(tone, ""))


def checked_emoji(text: str) -> str:
    """One emoji as it may be sent; empty if it is none."""
    try:
        check_emoji(text)
    except ChatError:
        return ""
    return text


def with_emoji(text: str) -> str:
    """A text in which names of emoji between colons became emoji."""
    import emoji  # noqa: PLC0415 - see `emoji_of`

    return emoji.emojize(text, language="alias") if ":" in text else text
