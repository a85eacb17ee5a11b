"""The language of searches: words, "phrases", word*, -word and filters such as from:anna, as typed terms."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, cast

from chatproto import limits
from chatproto.errors import ChatError
from chatproto.search_text import Phrase, words_of

PREFIX_MIN_CHARS: Final = 2
"""Characters that must stand before `*`: fewer begin a large part of all words."""

Sort = Literal["newest", "relevance"]
Feature = Literal["file", "link"]
FilterName = Literal["from", "in", "before", "after", "has"]
_FILTER: Final = re.compile(r"(from|in|before|after|has):", flags=re.IGNORECASE | re.ASCII)
_FEATURES: Final[dict[str, Feature]] = {"file": "file", "files": "file", "link": "link", "links": "link"}
_AGO: Final = re.compile(r"(\d{1,3})([hdwy])", flags=re.ASCII | re.IGNORECASE)
_UNITS: Final = {
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
    "y": timedelta(days=365),
}
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", flags=re.ASCII)
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d(:\d\d(\.\d{1,6})?)?([Zz]|[+-]\d\d:\d\d)", flags=re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Term:
    """One part of a search. `position` counts its first character from 1; `negated`: it stands behind a minus."""

    position: int
    negated: bool


@dataclass(frozen=True, slots=True)
class TextTerm(Term):
    """Words to find."""

    phrase: Phrase


@dataclass(frozen=True, slots=True)
class NameTerm(Term):
    """Who wrote it (`from`), or where it stands (`in`); the value is as it was written."""

    name: Literal["from", "in"]
    value: str


@dataclass(frozen=True, slots=True)
class TimeTerm(Term):
    """A bound in microseconds since 1970 UTC: `after` is inclusive, `before` is not."""

    name: Literal["before", "after"]
    at: int


@dataclass(frozen=True, slots=True)
class FeatureTerm(Term):
    """What a message must have."""

    feature: Feature


AnyTerm = TextTerm | NameTerm | TimeTerm | FeatureTerm


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchQuery:
    """What a message must be to be found. Times are microseconds since 1970 UTC.

    `senders` None means anybody. `since` is inclusive, `before` is not.
    """

    wanted: tuple[Phrase, ...] = ()
    unwanted: tuple[Phrase, ...] = ()
    senders: frozenset[int] | None = None
    not_senders: frozenset[int] = frozenset()
    has: frozenset[Feature] = frozenset()
    has_not: frozenset[Feature] = frozenset()
    since: int | None = None
    before: int | None = None


@dataclass(frozen=True, slots=True)
class _Piece:
    """What stands between blanks, taken apart but not yet understood."""

    position: int
    negated: bool
    filter: FilterName | None
    value: str
    quoted: bool


def parse(query: str, now: int) -> list[AnyTerm]:
    """The terms of a search, at least one; `now` (microseconds since 1970 UTC) is what relative times refer to.

    Raises `ChatError` with `searchInvalid`, which says where and what to do, and nothing else.
    """
    terms = [_understood(piece, now) for piece in _pieces(query)]
    if not terms:
        raise ChatError("searchInvalid", "It is empty.")
    if len(terms) > limits.SEARCH_TERMS_MAX:
        raise ChatError("searchInvalid", f"At most {limits.SEARCH_TERMS_MAX} words and filters can be given.")
    return terms


def query_of(terms: Sequence[AnyTerm], senders: Iterable[int] | None, not_senders: Iterable[int]) -> SearchQuery:
    """What these terms ask for, where the ids are those that the `from` terms stand for (None: there are none)."""
    times = [term for term in terms if isinstance(term, TimeTerm)]
    texts = [term for term in terms if isinstance(term, TextTerm)]
    features = [term for term in terms if isinstance(term, FeatureTerm)]
    return SearchQuery(
        wanted=tuple(dict.fromkeys(term.phrase for term in texts if not term.negated)),
        unwanted=tuple(dict.fromkeys(term.phrase for term in texts if term.negated)),
        senders=None if senders is None else frozenset(senders),
        not_senders=frozenset(not_senders),
        has=frozenset(term.feature for term in features if not term.negated),
        has_not=frozenset(term.feature for term in features if term.negated),
        since=max((term.at for term in times if term.name == "after"), default=None),
        before=min((term.at for term in times if term.name == "before"), default=None),
    )


def best_named(named: Iterable[tuple[int, tuple[str, ...]]], name: str) -> list[int]:
    """Ids of those with exactly this name, or else of those who have all of its words in theirs."""
    wanted = words_of(name)
    if not wanted:
        return []
    found = [(words, each) for each, words in named if set(wanted) <= set(words)]
    exact = [each for words, each in found if words == wanted]
    return exact or [each for _, each in found]


def mistake(position: int, problem: str) -> ChatError:
    """A `searchInvalid` that says where (counted from 1) and what is wrong."""
    return ChatError("searchInvalid", f"At character {position}: {problem}")


def _pieces(query: str) -> Iterator[_Piece]:
    index = 0
    while index < len(query):
        if query[index].isspace():
            index += 1
            continue
        start = index
        negated = query[index] == "-"
        index += negated
        found = _FILTER.match(query, index)
        name = cast("FilterName", found.group(1).lower()) if found else None
        index = found.end() if found else index
        quoted = query[index : index + 1] == '"'
        value, index = _quoted(query, index) if quoted else _unquoted(query, index)
        if not value:
            raise mistake(start + 1, _nothing_after(name, quoted=quoted))
        yield _Piece(start + 1, negated, name, value, quoted)


def _nothing_after(name: str | None, *, quoted: bool) -> str:
    if quoted:
        return "there is nothing between the quotation marks."
    return f"something must follow {name}:, without a blank." if name else "a word must follow '-', without a blank."


def _quoted(query: str, index: int) -> tuple[str, int]:
    """The text between the quotation mark at `index` and the next one, and the index behind it."""
    end = query.find('"', index + 1)
    if end < 0:
        raise mistake(index + 1, "a quotation mark is never closed.")
    if end + 1 < len(query) and not query[end + 1].isspace():
        raise mistake(end + 2, "a blank must follow the closing quotation mark.")
    return query[index + 1 : end].strip(), end + 1


def _unquoted(query: str, index: int) -> tuple[str, int]:
    """The text up to the next blank, and the index behind it."""
    end = index
    while end < len(query) and not query[end].isspace():
        if query[end] == '"':
            raise mistake(end + 1, "a quotation mark must follow a blank, '-' or a filter's colon.")
        end += 1
    return query[index:end], end


def _understood(piece: _Piece, now: int) -> AnyTerm:
    if piece.filter is None:
        return _text(piece)
    match piece.filter:
        case "from" | "in" as name:
            return NameTerm(piece.position, piece.negated, name, piece.value)
        case "before" | "after" as name:
            return _time(piece, name, now)
        case "has":
            return _feature(piece)


def _text(piece: _Piece) -> TextTerm:
    prefix = not piece.quoted and piece.value.endswith("*")
    value = piece.value[:-1] if prefix else piece.value
    if not piece.quoted and "*" in value:
        raise mistake(
            piece.position + piece.value.index("*"), "'*' can stand at the end of a word only; quote it to find it."
        )
    words = words_of(value)
    if not words:
        raise mistake(piece.position, f"{piece.value!r} holds neither letters nor digits, which are what is searched.")
    if prefix and len(words[-1]) < PREFIX_MIN_CHARS and words[-1].isascii():
        raise mistake(piece.position, f"at least {PREFIX_MIN_CHARS} letters must stand before '*'.")
    # A character of a script without blanks is a whole word: others may follow it with or without the star.
    return TextTerm(piece.position, piece.negated, Phrase(words, prefix and len(words[-1]) >= PREFIX_MIN_CHARS))


def _feature(piece: _Piece) -> FeatureTerm:
    feature = _FEATURES.get(piece.value.lower())
    if feature is None:
        raise mistake(piece.position, f"a message can have a file or a link: has:file, has:link, not {piece.value!r}.")
    return FeatureTerm(piece.position, piece.negated, feature)


def _time(piece: _Piece, name: Literal["before", "after"], now: int) -> TimeTerm:
    if piece.negated:
        other = "after" if name == "before" else "before"
        raise mistake(piece.position, f"instead of -{name}: write {other}:.")
    try:
        at = _parsed_time(piece.value.lower(), _EPOCH + timedelta(microseconds=now))
    except (ValueError, OverflowError):
        at = None
    if at is None:
        raise mistake(
            piece.position,
            f"{piece.value!r} is no time. Write a day like 2026-01-31, today or yesterday (days of UTC), a time like "
            "2026-01-31T18:00+01:00, or how long ago, like 12h, 7d, 2w or 1y.",
        )
    # Times before 1970 are as good as 1970, and those that JSON cannot say exactly as good as the last it can.
    return TimeTerm(piece.position, False, name, max(0, min((at - _EPOCH) // _MICROSECOND, limits.TIME_MAX)))


def _parsed_time(value: str, now: datetime) -> datetime | None:
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if value == "today":
        return today
    if value == "yesterday":
        return today - timedelta(days=1)
    ago = _AGO.fullmatch(value)
    if ago is not None:
        return max(now - int(ago.group(1)) * _UNITS[ago.group(2)], _EPOCH)
    if _DATE.fullmatch(value):
        return datetime.fromisoformat(value).replace(tzinfo=UTC)
    return datetime.fromisoformat(value.upper()) if _TIME.fullmatch(value) else None
