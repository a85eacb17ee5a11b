"""Answers of the terminal: taken out of the keys, told to who asked, and nothing else is touched."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from chatterm.tui.answers import BACKGROUND, AnswerSplitter, Question
from chatterm.tui.driver import PasteSplitter
from chatterm.tui.pixels import ATTRIBUTES, CELL, COLOURS, TEXT

ANSWERS = {
    BACKGROUND: ("\x1b]11;rgb:fbfb/fafa/f7f7\x1b\\", "\x1b]11;rgba:1/2/3/4\x07"),
    ATTRIBUTES: ("\x1b[?62;4;22c", "\x1b[?6c"),
    CELL: ("\x1b[6;20;10t",),
    TEXT: ("\x1b[4;480;800t",),
    COLOURS: ("\x1b[?1;0;256S",),
}
KEYS = (
    "a",
    "é",
    "\x1b",
    "\x1b[A",
    "\x1b[6~",
    "\x1b[",
    "\x1b[?2026;2$y",
    "\x1b]",
    "]",
    "\x1b]11;rgb",
    "\x07",
    "\x1bOP",
    "4;6t",
)
PIECES = st.lists(st.sampled_from(KEYS), max_size=4).map("".join)


@settings(max_examples=200, deadline=None)
@given(data=st.data(), keys=st.lists(PIECES, min_size=6, max_size=6), cuts=st.lists(st.integers(1, 9), max_size=20))
def test_no_key_is_lost_around_answers_however_they_are_cut(
    data: st.DataObject, keys: list[str], cuts: list[int]
) -> None:
    """Each answer reaches who asked, once; all keys come out in order."""
    told: list[str] = []
    expected = [data.draw(st.sampled_from(forms)) for forms in ANSWERS.values()]
    order = data.draw(st.permutations(expected))
    text = "".join(key + answer for key, answer in zip(keys, [*order, ""], strict=True))
    splitter, pastes, seen = AnswerSplitter(), PasteSplitter(), ""
    splitter.expect(Question(answer, lambda found: told.append(found.group())) for answer in ANSWERS)

    def feed(piece: str) -> str:
        left, answers = splitter.feed(piece)
        for question, found in answers:
            question.told(found)
        return left

    while text:
        size = cuts.pop() if cuts else len(text)
        seen += "".join(feed(piece) for _, piece in pastes.feed(text[:size]))
        text = text[size:]
    seen += feed(pastes.release()) + splitter.release()
    assert seen == "".join(keys)
    assert sorted(told) == sorted(expected)


def test_what_is_no_answer_comes_out_as_it_went_in() -> None:
    """Nobody asked, it is too long, it was answered already, or it is another sequence."""
    splitter = AnswerSplitter()
    assert splitter.feed("\x1b[?62;4c") == ("\x1b[?62;4c", [])
    splitter.expect([Question(BACKGROUND, lambda found: None), Question(ATTRIBUTES, lambda found: None)])
    assert splitter.feed("\x1b]11;") == ("", [])
    assert splitter.holds
    assert splitter.feed("x" * 80) == ("\x1b]11;" + "x" * 80, [])
    assert splitter.feed("\x1b") == ("\x1b", [])
    assert splitter.feed("\x1b[?" + "1;" * 40 + "c")[1] == []
    splitter.release()
    [(question, found)] = splitter.feed("\x1b[?1;2c")[1]
    assert question.answer is ATTRIBUTES
    assert found[1] == "1;2"
    assert splitter.feed("\x1b[?1;2c") == ("\x1b[?1;2c", [])
    assert isinstance(found, re.Match)
