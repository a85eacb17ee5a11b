"""Fuzzy search: what is found, what comes first, and that it equals a plain look at every text."""

import random
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatterm.tui import fuzzy

LETTERS: Final = st.text("abcÁé -@\n\tß", max_size=8)


def found(needle: str, *texts: str) -> list[str]:
    folded = [fuzzy.fold(text) for text in texts]
    index = fuzzy.Index(len(texts), folded.__getitem__)
    return [texts[i] for i in fuzzy.run(index.search(fuzzy.words_of(needle), lambda _: 0))]


def test_the_start_of_a_word_goes_before_its_middle_and_letters_apart_come_last() -> None:
    texts = ["Zsófia Bárány", "x b a r x", "a subarctic bar", "subarctic", "Bar", "Barbara"]
    ranked = ["Bar", "Barbara", "Zsófia Bárány", "a subarctic bar", "subarctic", "x b a r x"]
    assert found("bar", *texts) == ranked


@pytest.mark.parametrize(("needle", "text"), [("bela", "Béla"), ("BÉLA", "bela"), ("kovacs bel", "Béla Kovács")])
def test_case_accents_and_the_order_of_words_do_not_matter(needle: str, text: str) -> None:
    assert found(needle, text, "somebody") == [text]


@pytest.mark.parametrize("needle", [".*", "[a", "^", "-", "\\", "]"])
def test_no_character_of_a_needle_is_special(needle: str) -> None:
    assert found(needle, "plain", f"with {needle} in it") == [f"with {needle} in it"]
    assert found(f"w{needle[-1]}t", "plain", f"with {needle} in it") == [f"with {needle} in it"]


@given(st.text(max_size=20))
def test_folding_keeps_every_character_in_its_place(text: str) -> None:
    assert len(fuzzy.fold(text)) == len(text)


@settings(max_examples=150, deadline=None)
@given(st.lists(LETTERS, max_size=12), LETTERS.filter(lambda text: bool(text.split())))
def test_the_index_finds_what_a_look_at_every_text_finds(texts: list[str], needle: str) -> None:
    words = fuzzy.words_of(needle)
    plain = [text for text in texts if fuzzy.worth(words, fuzzy.fold(text)) is not None]
    assert sorted(found(needle, *texts)) == sorted(plain)


@given(LETTERS.filter(bool), LETTERS)
def test_the_places_of_a_match_spell_the_word(word: str, text: str) -> None:
    hit = fuzzy.match(word, text)
    letters = iter(text)
    assert (hit is not None) == all(char in letters for char in word)
    if hit is not None:
        assert "".join(text[at] for at in hit[1]) == word
        assert list(hit[1]) == sorted(set(hit[1]))


def test_a_common_needle_is_cut_off_and_a_rare_one_is_found_in_the_last_block() -> None:
    """Blocks are looked at only as far as they are needed, and the search can be left between any two."""
    rng = random.Random(1)
    texts = [f"{rng.choice('ab')}x person {number}" for number in range(3 * fuzzy.BLOCK)] + ["zebra"]
    index = fuzzy.Index(len(texts), texts.__getitem__)
    assert len(fuzzy.run(index.search(("x",), lambda _: 0))) == fuzzy.CANDIDATES_MAX
    assert fuzzy.run(index.search(("zbr",), lambda _: 0)) == [len(texts) - 1]
    assert sum(1 for _ in index.search(("zbr",), lambda _: 0)) == 4 * 4


def test_weight_lifts_what_was_used_lately_over_its_equals() -> None:
    texts = ["anna one", "anna two"]
    index = fuzzy.Index(2, texts.__getitem__)
    assert fuzzy.run(index.search(("anna",), lambda i: 10 * i)) == [1, 0]
