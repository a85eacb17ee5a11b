"""Messages as documents of a full-text index, and searches for them in the language of SQLite's FTS5."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from chatproto.search_query import Feature, SearchQuery
from chatproto.search_text import LINK, Phrase, fold

_MARK: Final = "·"
"""Begins the words that say what a document is; folding leaves it in no word of a text."""
MARK_ANY: Final = f"{_MARK}m"
MARK_FEATURE: Final[Mapping[Feature, str]] = {"file": f"{_MARK}f", "link": f"{_MARK}l"}


def mark_sender(user_id: int) -> str:
    """The word that stands in every document of this author."""
    return f"{_MARK}u{user_id}"


def marks(sender_id: int, *, has_files: bool, has_link: bool) -> list[str]:
    """The words that stand behind the text of a document, for filters to find."""
    words = [MARK_ANY, mark_sender(sender_id)]
    if has_files:
        words.append(MARK_FEATURE["file"])
    if has_link:
        words.append(MARK_FEATURE["link"])
    return words


def document_text(sender_id: int, text: str, *, has_files: bool) -> str:
    """What a message is indexed as: its folded words, then the marks."""
    return " ".join([fold(text), *marks(sender_id, has_files=has_files, has_link=has_link(text))])


def has_link(text: str) -> bool:
    """Whether this is the text of a message that has a link."""
    return LINK.search(text) is not None


def mark_chat(chat_id: int) -> str:
    """The word that stands in every document of this chat, where one index holds all chats in the order of time."""
    return f"{_MARK}c{chat_id}"


class Expression:
    """Writes queries in FTS5's language. Every word stands in quotation marks, and holds none itself."""

    def __init__(
        self,
        beginnings: Callable[[str], list[str] | None],
        also: Sequence[Sequence[str]] = (),
        never: Sequence[str] = (),
    ) -> None:
        """`beginnings` gives the words that begin so, None if they are many.

        Of each of `also` one word must occur, and none of `never`.
        """
        self._beginnings = beginnings
        self._also = also
        self._never = never
        self._seekable = True

    def of(self, query: SearchQuery) -> tuple[str | None, bool]:
        """The expression (None: nothing matches), and whether it is cheap to ask for each chat by itself."""
        wanted = [self._phrase(phrase) for phrase in query.wanted]
        if query.senders is not None:
            wanted.append(_any(map(mark_sender, sorted(query.senders))))
        wanted += [_any([MARK_FEATURE[feature]]) for feature in sorted(query.has)]
        wanted += [_any(words) for words in self._also]
        unwanted = [part for phrase in query.unwanted if (part := self._phrase(phrase))]
        unwanted += [_any([mark_sender(user_id)]) for user_id in sorted(query.not_senders)]
        unwanted += [_any([MARK_FEATURE[feature]]) for feature in sorted(query.has_not)]
        unwanted += [_any([word]) for word in self._never]
        if not all(wanted):
            return None, True
        expression = " AND ".join(wanted or [_any([MARK_ANY])])
        if unwanted:
            expression = f"({expression}) NOT ({' OR '.join(unwanted)})"
        return expression, self._seekable

    def _phrase(self, phrase: Phrase) -> str:
        """Empty if nothing can match."""
        if not phrase.prefix:
            return _any([" ".join(phrase.words)])
        *before, last = phrase.words
        words = self._beginnings(last)
        if words is not None:
            return _any([" ".join([*before, word]) for word in words])
        self._seekable = False
        return f"{_any([' '.join(phrase.words)])} *"


def _any(texts: Iterable[str]) -> str:
    quoted = [f'"{text}"' for text in texts]
    return quoted[0] if len(quoted) == 1 else f"({' OR '.join(quoted)})" if quoted else ""
