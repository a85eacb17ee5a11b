"""What text may contain: normal forms for messages, names and addresses, and the one boundary to a terminal."""

import re
import unicodedata
from typing import Final

from chatproto import limits
from chatproto.errors import ChatError

_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
"""C0 (but tab and line feed), DEL, C1, lone surrogates and the noncharacters of the first plane."""
_LINE_END: Final = re.compile("\r\n?|[\u0085\u2028\u2029]")
_EMAIL: Final = re.compile(r"[^\s@\"(),:;<>\[\]\\]+@[^\s@\"(),:;<>\[\]\\.]+(\.[^\s@\"(),:;<>\[\]\\.]+)*")
_ANSI: Final = re.compile(
    "\x1b\\[[0-?]*[ -/]*[@-~]"  # CSI, ECMA-48 section 5.4
    "|\x1b[\\]PX^_][^\x07\x1b\x9c]*(?:\x07|\x1b\\\\|\x9c|$)"  # OSC, DCS, SOS, PM, APC up to their end
    "|\x1b[ -/]*[0-~]"  # two-character escapes
    "|\x9b[0-?]*[ -/]*[@-~]"
)
_INVISIBLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
"""Bidi controls and characters without a glyph. ZWJ, ZWNJ and variation selectors stay: scripts and emoji need them."""


def normalize_message(text: str) -> str:
    """The stored form of a message: NFC, line feeds as line ends, no trailing blanks at its end.

    Idempotent. Raises `ChatError` with `textEmpty`, `textTooLong` or `textNotAllowed`.
    """
    if len(text) > limits.MESSAGE_MAX_BYTES:
        raise ChatError("textTooLong")
    if not text.isascii():
        text = unicodedata.normalize("NFC", _LINE_END.sub("\n", text))
    elif "\r" in text:
        text = _LINE_END.sub("\n", text)
    found = _CONTROL.search(text)
    if found is not None:
        raise ChatError("textNotAllowed", f"It is U+{ord(found.group()):04X} at position {found.start() + 1}.")
    text = text.rstrip()
    if not text:
        raise ChatError("textEmpty")
    if len(text.encode()) > limits.MESSAGE_MAX_BYTES:
        raise ChatError("textTooLong")
    return text


def strip_terminal_codes(text: str) -> str:
    """Take colours and other terminal codes out of piped text, so that coloured output can be sent as a message."""
    text = _ANSI.sub("", _LINE_END.sub("\n", text))
    return _CONTROL.sub("", text)


def normalize_email(email: str) -> str:
    """The stored form of an address: NFKC, case folded, no outer blanks. Raises `ChatError` with `emailInvalid`."""
    folded = unicodedata.normalize("NFKC", email).strip().casefold()
    folded = unicodedata.normalize("NFKC", folded)
    if len(folded) > limits.EMAIL_MAX_CHARS or not _EMAIL.fullmatch(folded) or not folded.isprintable():
        raise ChatError("emailInvalid")
    return folded


def normalize_name(name: str) -> str:
    """The stored form of a display name: NFKC, single blanks, one visible line. Raises with `nameInvalid`."""
    return _one_line(name, limits.NAME_MAX_CHARS, "nameInvalid")


def normalize_title(title: str) -> str:
    """The stored form of a chat's title: NFKC, single blanks, one visible line. Raises with `titleInvalid`."""
    return _one_line(title, limits.TITLE_MAX_CHARS, "titleInvalid")


def _one_line(text: str, max_chars: int, code: str) -> str:
    line = " ".join(unicodedata.normalize("NFKC", text[: max_chars * 4]).split())
    if not line or len(line) > max_chars or len(text) > max_chars * 4:
        raise ChatError(code)
    if _CONTROL.search(line) or _INVISIBLE.search(line):
        raise ChatError(code, "It holds an invisible or control character.")
    return line


def terminal_safe(text: str, *, multiline: bool = False) -> str:
    """Make text that somebody else could have set safe to write to a terminal; the one boundary for that.

    Control characters become their visible pictures (U+2400 block), tabs become blanks, bidi controls and
    characters without a glyph become `‹U+202E›`. Line feeds survive only with `multiline`. Idempotent.
    """
    if text.isascii() and text.isprintable():
        return text
    text = text.expandtabs(4)
    text = _CONTROL.sub(_picture, text)
    if not multiline:
        text = text.replace("\n", "␊")
    text = text.replace("\u2028", "‹U+2028›").replace("\u2029", "‹U+2029›")
    return _INVISIBLE.sub(_notation, text)


def _picture(found: re.Match[str]) -> str:
    code = ord(found.group())
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"‹U+{code:04X}›"


def _notation(found: re.Match[str]) -> str:
    return f"‹U+{ord(found.group()):04X}›"
