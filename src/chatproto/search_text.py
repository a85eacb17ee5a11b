"""How text is split into words for search: folded one character at a time, so that every word knows its place."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

LINK: Final = re.compile(r"(?:https?://|www\.)\w", flags=re.IGNORECASE)
"""What makes a message one that has a link."""
_KEPT_MAX: Final = 65_536
"""Characters whose folded form is remembered."""
_LETTERS: Final = {"æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "ł": "l", "þ": "th"}
"""Letters that Unicode does not take apart, although people type them without their strokes."""
_DROPPED: Final = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u1ab0-\u1aff\u1dc0-\u1dff"
    "\u20d0-\u20ff\u3099\u309a\ufe00-\ufe0f\ufe20-\ufe2f\U0001f3fb-\U0001f3ff]"
)
"""Accents, vowel points, variation selectors and skin tones: a word is the same with and without them."""
_ALONE: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff]"
)
"""Scripts written without blanks (Thai, Lao, Burmese, Khmer, kana, Han): each character is a word of its own."""
_HANGUL: Final = re.compile("[\uac00-\ud7a3]")
_WORD: Final = re.compile("[^ ]+")
_ZERO_WIDTH_SPACE: Final = "\u200b"


class _Folding(dict[int, str]):
    """What becomes of each character, found out when it first comes; for `str.translate`."""

    def __missing__(self, code: int) -> str:
        composed = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", chr(code)).casefold())
        folded = "".join(map(_fold_part, composed))
        if len(self) < _KEPT_MAX:
            self[code] = folded
        return folded


def _fold_part(char: str) -> str:
    if _ALONE.match(char) and not _DROPPED.match(char):
        return f" {char} " if unicodedata.category(char)[0] in "LMN" else " "
    parts = char if _HANGUL.match(char) else unicodedata.normalize("NFKD", char)
    return "".join(map(_fold_letter, parts))


def _fold_letter(char: str) -> str:
    kind = unicodedata.category(char)
    if _DROPPED.match(char) or (kind == "Cf" and char != _ZERO_WIDTH_SPACE):
        return ""
    if kind[0] in "LNM":
        return _LETTERS.get(char, char)
    return f" {char} " if kind == "So" else " "


_FOLDING: Final = _Folding()


class Word(NamedTuple):
    """A folded word and where it stands in its text, in code points."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Phrase:
    """Folded words that must follow each other; with `prefix` the last may be the beginning of a longer word."""

    words: tuple[str, ...]
    prefix: bool = False


def fold(text: str) -> str:
    """Words between blanks: lower case, without accents; punctuation is blanks. Idempotent.

    Letters and digits of any script make words; symbols such as emoji, and characters of scripts that are
    written without blanks, are words of their own.
    """
    return text.translate(_FOLDING)


def words_of(text: str) -> tuple[str, ...]:
    """The folded words of a text, in order."""
    return tuple(fold(text).split())


def placed_words(text: str) -> list[Word]:
    """The folded words of a text with their places in it."""
    pieces = [_FOLDING[code] for code in map(ord, text)]
    origin = [index for index, piece in enumerate(pieces) for _ in piece]
    return [
        Word(found.group(), origin[found.start()], origin[found.end() - 1] + 1)
        for found in _WORD.finditer("".join(pieces))
    ]


def occurrences(words: Sequence[str], phrase: Phrase) -> Iterator[int]:
    """Each index in `words` at which the phrase begins."""
    first, *others = phrase.words
    if not others and phrase.prefix:
        yield from (index for index, word in enumerate(words) if word.startswith(first))
        return
    index = -1
    while True:
        try:
            index = words.index(first, index + 1)
        except ValueError:
            return
        if not others or _goes_on(words[index + 1 : index + 1 + len(others)], others, prefix=phrase.prefix):
            yield index


def _goes_on(words: Sequence[str], wanted: Sequence[str], *, prefix: bool) -> bool:
    if len(words) < len(wanted):
        return False
    last, expected = words[-1], wanted[-1]
    return list(words[:-1]) == wanted[:-1] and (last.startswith(expected) if prefix else last == expected)


_FULL: Final = 40
"""Words of a text of ordinary length; in a longer one, each occurrence counts for less."""


def score(words: Sequence[str], phrases: Sequence[Phrase]) -> int:
    """How well words match: how often each phrase occurs, less in long texts, each further time for less.

    Depends on nothing but its arguments, so that pages stay in order while other messages come and go.
    """
    dampening = 1.2 * (0.25 + 0.75 * len(words) / _FULL)
    total = 0.0
    for phrase in phrases:
        count = sum(1 for _ in occurrences(words, phrase))
        total += count / (count + dampening)
    return int(total * 1_000_000)
