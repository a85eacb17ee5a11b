"""The language of searches: whatever is written is understood or explained, and words are the same on both sides."""

import sqlite3

from hypothesis import given
from hypothesis import strategies as st

from chatproto.errors import ChatError
from chatproto.search_marks import Expression
from chatproto.search_query import NameTerm, SearchQuery, TextTerm, TimeTerm, parse
from chatproto.search_snippets import SNIPPET_CHARS, snippet_of
from chatproto.search_text import Phrase, fold, occurrences, placed_words, words_of
from chatproto.text import normalize_message

NOW = 1_795_375_200_000_000
PIECES = st.sampled_from(
    [
        *("apple", "Äpfel", "東京", "👍", '"', "-", "*", " ", ":", "from:", "in:", "before:", "after:", "has:", "file"),
        *("7d", "2026-01-31", "T00:00Z", "(", ")", "OR", "AND", "NOT", "NEAR(", "^", "+", "{text}", "·m", "\\", "'"),
        *("\0", "\ud800"),
    ]
)
QUERIES = st.lists(PIECES | st.text(max_size=3), max_size=12).map("".join)


@given(QUERIES)
def test_every_search_is_understood_or_explained(query: str) -> None:
    """No text makes anything but terms or a `searchInvalid`, and terms hold words that FTS5 takes as such."""
    try:
        terms = parse(query, NOW)
    except ChatError as error:
        assert error.code == "searchInvalid"
        return
    assert terms
    for term in terms:
        assert query[term.position - 1 : term.position].strip()
        if isinstance(term, TextTerm):
            assert all(word and fold(word).split() == [word] for word in term.phrase.words)
        elif isinstance(term, TimeTerm):
            assert term.at >= 0
        elif isinstance(term, NameTerm):
            assert term.value.strip()


@given(QUERIES)
def test_no_search_speaks_the_engine_s_language(query: str) -> None:
    """What reaches FTS5 are quoted words: it never fails, and finds exactly the texts that hold the phrases."""
    try:
        phrases = tuple(term.phrase for term in parse(query, NOW) if isinstance(term, TextTerm))
    except ChatError:
        return
    text = " ".join(word for phrase in phrases for word in phrase.words)
    index = sqlite3.connect(":memory:")
    try:
        index.execute("CREATE VIRTUAL TABLE words USING fts5(text, tokenize = 'ascii')")
        index.execute("INSERT INTO words VALUES (?)", (f"{text} ·m",))
        index.execute("INSERT INTO words VALUES ('other ·m')")
        expression, _ = Expression(lambda _: None).of(SearchQuery(wanted=phrases))
        found = [row[0] for row in index.execute("SELECT rowid FROM words WHERE words MATCH ?", (expression,))]
    finally:
        index.close()
    assert 1 in found
    assert (2 in found) == all(any(True for _ in occurrences(["other"], phrase)) for phrase in phrases)


@given(st.text())
def test_folding_is_the_same_character_by_character(text: str) -> None:
    """Folding twice changes nothing, words stand where they say, and no word holds a mark or a blank."""
    words = placed_words(text)
    assert tuple(word.text for word in words) == words_of(text)
    assert words_of(fold(text)) == words_of(text)
    ends = 0
    for word in words:
        assert 0 <= word.start < word.end <= len(text)
        assert word.start >= ends - 1
        ends = word.end
        assert word.text in fold(text[word.start : word.end])
        assert "·" not in word.text
        assert '"' not in word.text


@given(st.text(), st.text(alphabet="aä b東", min_size=1))
def test_snippets_are_parts_of_the_text(text: str, wanted: str) -> None:
    """A snippet is bounded and its matches lie in it, in order, on folded words of the query."""
    try:
        message = normalize_message(f"{text} {wanted} {text}")
    except ChatError:
        return
    phrases = [Phrase((word,)) for word in words_of(wanted)]
    snippet, spans = snippet_of(message, phrases)
    assert len(snippet) <= SNIPPET_CHARS + 2
    assert snippet.strip("…") in message
    ends = -1
    for low, high in spans:
        assert ends < low < high <= len(snippet)
        ends = high
        assert set(words_of(snippet[low:high]))


def test_relative_times_and_days() -> None:
    """Bounds are microseconds; days are days of UTC."""
    [term] = parse("after:2026-01-31", NOW)
    assert isinstance(term, TimeTerm)
    assert term.at == 1_769_817_600_000_000
    [term] = parse("before:2h", NOW)
    assert isinstance(term, TimeTerm)
    assert term.at == NOW - 7_200_000_000
    for far in ("after:9999-12-31", "after:0001-01-01", "before:999y", "after:2026-01-31T00:00:00.5+14:00"):
        [term] = parse(far, NOW)
        assert isinstance(term, TimeTerm)
