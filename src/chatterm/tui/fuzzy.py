"""Fuzzy search in many short texts: candidates by `str.find` and one pattern, in slices of time; knows no widget."""

import re
import unicodedata
from collections.abc import Callable, Generator, Iterator
from functools import lru_cache
from typing import Final

BLOCK: Final = 4_096
"""Texts searched between two moments at which others may work: one to four milliseconds."""
CANDIDATES_MAX: Final = 1_000
"""So many texts are ranked; of more, those that match better in a coarse sense, then the earlier ones, are."""
WORDS_MAX: Final = 8
EXACT, AT_START, AT_WORD, WITHIN, SCATTERED = 120, 100, 80, 50, 30
"""What a word of the needle is worth by where it is found."""

Steps = Generator[None, None, list[int]]
"""A search in slices: to be driven with `next` until it returns the indices found, the best first."""


@lru_cache(maxsize=4_096)
def _fold_char(char: str) -> str:
    base = unicodedata.normalize("NFKD", char)[0]
    return base.lower()[0]


def fold(text: str) -> str:
    """`text` without case and without accents, character for character, so that places in both are the same."""
    return text.lower() if text.isascii() else "".join(map(_fold_char, text))


def words_of(needle: str) -> tuple[str, ...]:
    """The words that a needle asks for."""
    return tuple(fold(needle).split()[:WORDS_MAX])


def match(word: str, text: str) -> tuple[int, tuple[int, ...]] | None:
    """How well a folded word is found in a folded text, and at which characters; None if it is not.

    In one piece at the start of a word is better than in one piece, that better than scattered. All of the text,
    or of what stands before its first tab, is best.
    """
    at = _at_word(word, text)
    if at < 0:
        at = text.find(word)
    if at < 0:
        return _scattered(word, text)
    if at == 0:
        worth = EXACT if text[len(word) : len(word) + 1] in ("", "\t") else AT_START
    else:
        worth = WITHIN if text[at - 1].isalnum() else AT_WORD
    return worth, tuple(range(at, at + len(word)))


def _at_word(word: str, text: str) -> int:
    """The first place of `word` where no letter or digit stands before it, else -1."""
    at = text.find(word)
    while at > 0 and text[at - 1].isalnum():
        at = text.find(word, at + 1)
    return at


def _scattered(word: str, text: str) -> tuple[int, tuple[int, ...]] | None:
    """The letters of `word` in their order: the first place where they end, then as close together as they are."""
    end = -1
    for char in word:
        end = text.find(char, end + 1)
        if end < 0:
            return None
    places: list[int] = []
    at = end + 1
    for char in reversed(word):
        at = text.rfind(char, 0, at)
        places.append(at)
    places.reverse()
    gaps = places[-1] - places[0] + 1 - len(word)
    starts = sum(1 for place in places if not place or not text[place - 1].isalnum())
    return min(max(1, SCATTERED - gaps + 3 * starts), WITHIN - 1), tuple(places)


def worth(words: tuple[str, ...], text: str) -> int | None:
    """How well all words are found in one folded text, more being better; None if one is not."""
    total = 0
    for word in words:
        found = match(word, text)
        if found is None:
            return None
        total += found[0]
    return total // len(words) if words else 0


class Index:
    """Searches texts that are read once, block by block, when a search first comes to them."""

    def __init__(self, count: int, text_of: Callable[[int], str]) -> None:
        """`text_of(i)` gives the folded text of `i`, for `0 <= i < count`."""
        self._count = count
        self._text_of = text_of
        self._blocks: list[str] = []

    def search(self, words: tuple[str, ...], weight_of: Callable[[int], int]) -> Steps:
        """Find the texts that have all `words`; `weight_of(i)` is added to how well `i` matches."""
        probe = max(words, key=len)
        found: dict[int, None] = {}
        for find in _passes(probe):
            for number in range(-(-self._count // BLOCK)):
                for row in find(self._block(number)):
                    index = number * BLOCK + row
                    if index not in found and (len(words) == 1 or worth(words, self._text_of(index)) is not None):
                        found[index] = None
                    if len(found) >= CANDIDATES_MAX:
                        break
                if len(found) >= CANDIDATES_MAX:
                    return self._ranked(found, words, weight_of)
                yield
        return self._ranked(found, words, weight_of)

    def _ranked(self, found: dict[int, None], words: tuple[str, ...], weight_of: Callable[[int], int]) -> list[int]:
        ranks = {index: -(worth(words, self._text_of(index)) or 0) - weight_of(index) for index in found}
        return sorted(found, key=lambda index: (ranks[index], index))

    def _block(self, number: int) -> str:
        """The texts of a block, each after a line feed."""
        while len(self._blocks) <= number:
            first = len(self._blocks) * BLOCK
            texts = (self._text_of(i).replace("\n", " ") for i in range(first, min(first + BLOCK, self._count)))
            self._blocks.append("\n" + "\n".join(texts))
        return self._blocks[number]


def _passes(word: str) -> list[Callable[[str], Iterator[int]]]:
    """Four looks at a block, coarse ones first, each of which gives the rows it finds, ascending."""
    between = "".join(f"[^\\n{re.escape(char)}]*{re.escape(char)}" for char in word[1:])
    scattered = re.compile(re.escape(word[0]) + between)

    def pieces(piece: str) -> Callable[[str], Iterator[int]]:
        def find(block: str) -> Iterator[int]:
            at = block.find(piece)
            row, counted = -1, 0
            while at >= 0:
                row += block.count("\n", counted, at + 1)
                counted = at + 1
                yield row
                end = block.find("\n", at + 1)
                at = block.find(piece, end) if end >= 0 else -1

        return find

    def letters(block: str) -> Iterator[int]:
        found = scattered.search(block)
        row, counted = -1, 0
        while found is not None:
            at = found.start()
            row += block.count("\n", counted, at)
            counted = at
            yield row
            end = block.find("\n", found.end())
            found = scattered.search(block, end) if end >= 0 else None

    return [pieces("\n" + word), pieces(" " + word), pieces(word), letters]


def run(steps: Steps) -> list[int]:
    """Drive a search to its end at once."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return list(end.value)
