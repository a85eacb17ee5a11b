"""The words by which a user is found: names and addresses without case and accents, cut where a search may begin."""

import re
import unicodedata
from typing import Final

WORDS_MAX: Final = 24
"""Words kept for one user, the first ones."""
_PART: Final = re.compile(r"(?<=[\W_])(?=[^\W_])")
"""Where a part of a word begins: behind a hyphen, a dot, an at sign, ..."""
_LETTERS: Final = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ŧ": "t", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th"}
)
"""Letters that Unicode does not decompose, as they are typed without them."""


def fold(text: str) -> str:
    """Text as it is compared: compatibility forms, case, accents and a few strokes are gone. Idempotent."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold().translate(_LETTERS))
    return "".join(character for character in folded if not unicodedata.combining(character))


def words_of(display_name: str, email: str) -> list[str]:
    """Every beginning that is found: each word of the name and the address, and each word's rest from each part on.

    So `jean-luc@example.org` is found by `jean`, `luc@ex` and `example.org`.
    """
    found: dict[str, None] = {}
    for word in [*fold(display_name).split(), *fold(email).split()]:
        for start in [0, *(part.start() for part in _PART.finditer(word))]:
            found[word[start:]] = None
    return list(found)[:WORDS_MAX]


def query_words(query: str, most: int) -> list[str]:
    """The first words of a query, each of which must begin one of a user's."""
    return list(dict.fromkeys(fold(query).split()))[:most]
