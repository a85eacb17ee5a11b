"""Whether a message, as it is now, is what a query asks for, and which part of it to show."""

from collections.abc import Sequence
from typing import Final

from chatproto.models import Message
from chatproto.search_query import Feature, SearchQuery
from chatproto.search_text import LINK, Phrase, Word, occurrences, placed_words, words_of

SNIPPET_CHARS: Final = 160
"""Characters of a message that a snippet shows."""
_BEFORE_CHARS: Final = 40
"""Of these, characters before the first match."""
_CUT: Final = "…"


def matches(query: SearchQuery, message: Message) -> bool:
    """Whether a message is what the query asks for; the index may have been asked before it was changed."""
    if message.deleted or (query.senders is not None and message.sender_id not in query.senders):
        return False
    if message.sender_id in query.not_senders:
        return False
    has = _features(message)
    if not query.has <= has or query.has_not & has:
        return False
    words = words_of(message.text)
    return all(_occurs(words, phrase) for phrase in query.wanted) and not any(
        _occurs(words, phrase) for phrase in query.unwanted
    )


def snippet_of(text: str, phrases: Sequence[Phrase]) -> tuple[str, list[tuple[int, int]]]:
    """The part of a text around the first match, and where phrases match in it, in code points."""
    words = placed_words(text)
    spans = _spans(words, phrases)
    start = 0
    if spans and len(text) > SNIPPET_CHARS:
        start = max(0, min(spans[0][0] - _BEFORE_CHARS, len(text) - SNIPPET_CHARS))
        # Between words, if there is a place between them at all.
        start = next((word.start for word in words if start <= word.start <= spans[0][0]), start) if start else 0
    end = min(len(text), start + SNIPPET_CHARS)
    before = _CUT if start else ""
    shift = len(before) - start
    snippet = before + text[start:end] + (_CUT if end < len(text) else "")
    return snippet, [(low + shift, min(high, end) + shift) for low, high in spans if start <= low < end]


def _features(message: Message) -> set[Feature]:
    features: set[Feature] = {"file"} if message.files else set()
    if LINK.search(message.text):
        features.add("link")
    return features


def _occurs(words: Sequence[str], phrase: Phrase) -> bool:
    return next(occurrences(words, phrase), None) is not None


def _spans(words: Sequence[Word], phrases: Sequence[Phrase]) -> list[tuple[int, int]]:
    """Where phrases match, in order; what overlaps or touches is one."""
    texts = [word.text for word in words]
    found = sorted(
        (words[index].start, words[index + len(phrase.words) - 1].end)
        for phrase in phrases
        for index in occurrences(texts, phrase)
    )
    spans: list[tuple[int, int]] = []
    for low, high in found:
        if spans and low <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], high))
        else:
            spans.append((low, high))
    return spans
