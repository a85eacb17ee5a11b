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
_PICTOGRAPH: Final = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u2199\u21a9\u21aa\u231a\u231b\u2328\u23cf\u23e9-\u23f3\u23f8-\u23fa"
    "\u24c2\u25aa\u25ab\u25b6\u25c0\u25fb-\u25fe\u2600-\u2604\u260e\u2611\u2614\u2615\u2618\u261d\u2620\u2622\u2623"
    "\u2626\u262a\u262e\u262f\u2638-\u263a\u2640\u2642\u2648-\u2653\u265f\u2660\u2663\u2665\u2666\u2668\u267b\u267e"
    "\u267f\u2692-\u2697\u2699\u269b\u269c\u26a0\u26a1\u26a7\u26aa\u26ab\u26b0\u26b1\u26bd\u26be\u26c4\u26c5\u26c8\u26ce"
    "\u26cf\u26d1\u26d3\u26d4\u26e9\u26ea\u26f0-\u26f5\u26f7-\u26fa\u26fd\u2702\u2705\u2708-\u270d\u270f\u2712\u2714\u2716"
    "\u271d\u2721\u2728\u2733\u2734\u2744\u2747\u274c\u274e\u2753-\u2755\u2757\u2763\u2764\u2795-\u2797\u27a1\u27b0\u27bf"
    "\u2934\u2935\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55\u3030\u303d\u3297\u3299\U0001f004\U0001f0cf\U0001f170\U0001f171"
    "\U0001f17e\U0001f17f\U0001f18e\U0001f191-\U0001f19a\U0001f201\U0001f202\U0001f21a\U0001f22f\U0001f232-\U0001f23a"
    "\U0001f250\U0001f251\U0001f300-\U0001f3fa\U0001f400-\U0001f64f\U0001f680-\U0001f6ff\U0001f7e0-\U0001f7eb\U0001f7f0"
    "\U0001f90c-\U0001f9ff\U0001fa70-\U0001faff"
)
"""Characters that are an emoji by themselves (the property Emoji of UTS #51), and those kept free for more of them."""
_REGION_FLAG: Final = "\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{1,6}\U000e007f"
"""A black flag with the letters of a region, which have no glyph of their own."""
_ELEMENT: Final = f"[{_PICTOGRAPH}](?:\ufe0f|[\U0001f3fb-\U0001f3ff]\ufe0f?)?"
_EMOJI: Final = (
    f"{_ELEMENT}(?:\u200d{_ELEMENT})*"
    "|[0-9#*]\ufe0f?\u20e3"  # keycaps
    "|[\U0001f1e6-\U0001f1ff]{2}"  # flags of countries
    f"|{_REGION_FLAG}"
)
"""One emoji as it may be sent: the sequences of UTS #51, section 1.4. Compiled when the first one is checked."""
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
_UNSEEN: Final = re.compile(f"({_REGION_FLAG})|{_INVISIBLE.pattern}")

_NAME_RESERVED: Final = re.compile(r"[/\\:*?\"<>|\u2044\u2215\u29f8]")
"""What separates folders, looks as if it did, or is reserved on some system."""
_DEVICE_NAME: Final = re.compile(r"con|prn|aux|nul|conin\$|conout\$|com[0-9]|lpt[0-9]", re.IGNORECASE | re.ASCII)
"""Names that stand for devices on Windows, whatever their ending."""
_ENDING_MAX_CHARS: Final = 16
_NAME_MAX_BYTES: Final = 240
"""UTF-8 bytes of a file's name: file systems take 255, and a copy needs a few for its number."""


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


def check_emoji(text: str) -> None:
    """Raise `ChatError` with `reactionInvalid` unless this is one emoji (UTS #51), at most 16 characters long."""
    if len(text) > limits.REACTION_MAX_CHARS or not re.fullmatch(_EMOJI, text):
        raise ChatError("reactionInvalid")


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


def normalize_topic(topic: str) -> str:
    """The stored form of a group's topic: as a title, but it may be empty. Raises with `topicInvalid`."""
    return _one_line(topic, limits.TOPIC_MAX_CHARS, "topicInvalid") if topic.strip() else ""


def normalize_file_name(name: str) -> str:
    """A name that any system can save a file under: one visible line, no folder, no control or bidi character.

    NFKC; what separates folders or is reserved becomes `_`, outer dots and blanks go, and a name that is too
    long keeps its ending. Never refuses: what leaves nothing is `file`. Idempotent.
    """
    line = unicodedata.normalize("NFKC", name[: limits.FILE_NAME_MAX_CHARS * 8])
    line = _INVISIBLE.sub("", _CONTROL.sub("", _NAME_RESERVED.sub("_", " ".join(line.split()))))
    line = " ".join(line.split()).strip(". ")
    stem, dot, ending = line.rpartition(".")
    if not stem or len(ending) > _ENDING_MAX_CHARS:
        stem, dot, ending = line, "", ""
    tail = dot + ending
    stem = stem[: limits.FILE_NAME_MAX_CHARS - len(tail) - 1]
    while len((stem + tail).encode()) > _NAME_MAX_BYTES:
        stem = stem[:-1]
    stem = stem.rstrip(". ")
    if _DEVICE_NAME.fullmatch(stem.partition(".")[0].rstrip()):
        stem = "_" + stem
    return unicodedata.normalize("NFKC", stem + tail).strip(". ") or "file"


def normalize_status(status: str) -> str:
    """The stored form of a status: NFKC, single blanks, one visible line or none. Raises with `statusInvalid`."""
    return _one_line(status, limits.STATUS_MAX_CHARS, "statusInvalid") if status and not status.isspace() else ""


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
    characters without a glyph (but those of a flag) become `‹U+202E›`. Line feeds survive only with `multiline`.
    Idempotent.
    """
    if text.isascii() and text.isprintable():
        return text
    text = text.expandtabs(4)
    text = _CONTROL.sub(_picture, text)
    if not multiline:
        text = text.replace("\n", "␊")
    text = text.replace("\u2028", "‹U+2028›").replace("\u2029", "‹U+2029›")
    return _UNSEEN.sub(_notation, text)


def _picture(found: re.Match[str]) -> str:
    code = ord(found.group())
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else f"‹U+{code:04X}›"


def _notation(found: re.Match[str]) -> str:
    return found[1] or f"‹U+{ord(found.group()):04X}›"
