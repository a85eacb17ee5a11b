"""Mentions and tokens as pure logic: marks stay exact under edits, names written by hand are found, tokens are read."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatterm.tui.editor import Editor, Mark
from chatterm.tui.writing import mentions, tokens
from chatterm.tui.writing.history import History
from chatterm.tui.writing.marks import within
from chatterm.tui.writing.tokens import Token

NAMES = {1: "@Anna", 2: "@Béla Kovács", 3: "@Ann", 4: "@日本 👩\u200d🚀"}
MOVES = ("left", "right", "word_left", "word_right", "line_start", "line_end")
DELETIONS = ("backspace", "delete", "delete_word_left", "delete_word_right", "delete_to_start", "delete_to_end")
STEP = st.one_of(
    st.sampled_from((*MOVES, *DELETIONS, "undo", "redo", "clear")),
    st.sampled_from(("x", " ", "\n", "@", "@Anna", "zwei\nZeilen\n", "é")).map(lambda text: "+" + text),
    st.sampled_from(sorted(NAMES)),
)


@settings(max_examples=150)
@given(st.lists(STEP, max_size=40))
def test_a_mention_stays_with_its_letters_and_goes_when_one_of_them_changes(steps: list[str | int]) -> None:
    """Whatever is done to the text, each mark covers exactly the name it was made for; undo brings marks back."""
    editor = Editor()
    states = []
    for step in steps:
        if isinstance(step, int):
            assert editor.replace(editor.column, NAMES[step], " ", step)
        elif step.startswith("+"):
            editor.insert(step[1:])
        else:
            getattr(editor, step)()
        assert within(editor.lines, editor.marks) == tuple(editor.marks)
        for row, start, end, user_id in editor.marks:
            assert editor.lines[row][start:end] == NAMES[user_id]
        states.append((editor.text, editor.marks))
    for _ in range(len(steps) + 5):
        editor.undo()
    for _ in range(len(steps) + 5):
        editor.redo()
    if not {"undo", "redo"} & set(map(str, steps)) and states:
        assert (editor.text, editor.marks) == states[-1]


def test_typing_before_and_after_a_mention_moves_it_and_typing_within_ends_it() -> None:
    editor = Editor()
    editor.replace(0, "@Anna", " ", 1)
    editor.line_start()
    editor.insert("hi\nthere ")
    assert list(editor.marks) == [Mark(1, 6, 11, 1)]
    editor.move_to(1, 8)
    editor.insert("x")
    assert not editor.marks
    editor.undo()
    assert list(editor.marks) == [Mark(1, 6, 11, 1)]


def test_names_written_by_hand_are_found_longest_first_and_never_in_an_address() -> None:
    known = {"anna": 1, "anna kovács": 2, "béla": 3}

    def found(text: str, *taken: Mark) -> list[tuple[int, int, int, int]]:
        lines = text.split("\n")
        return list(mentions.written(lines, taken, lambda name: known.get(name.casefold())))

    assert found("@Anna Kovács and @BÉLA,\n@anna!") == [(0, 0, 12, 2), (0, 17, 22, 3), (1, 0, 5, 1)]
    assert found("mail anna@béla or @annabel or @ anna") == []
    assert found("@Anna", Mark(0, 0, 5, 9)) == []


@pytest.mark.parametrize(
    ("before", "token"),
    [
        ("hello @bé", Token("person", 6, "bé")),
        ("@", Token("person", 0, "")),
        ("(@anna kov", Token("person", 1, "anna kov")),
        ("anna@exam", None),
        (":smi", Token("emoji", 0, "smi")),
        ("see:smi", None),
        (": ", None),
        ("10:30", None),
        ("/", Token("command", 0, "")),
        ("/mem", Token("command", 0, "mem")),
        ("//mem", None),
        ("a /mem", None),
        ("/me ", Token("argument", 4, "", "me")),
        ("/me hugs @be", Token("person", 9, "be")),
    ],
)
def test_what_stands_at_the_cursor_is_read(before: str, token: Token | None) -> None:
    assert tokens.at(before + " and more", 0, len(before)) == token


def test_walking_through_what_was_sent_loses_nothing() -> None:
    history = History(["one", "two"])
    assert history.older("half a thought") == "two"
    assert history.older("two, changed") == "one"
    assert history.older("one") is None
    assert history.newer("one") == "two, changed"
    assert history.newer("two, changed") == "half a thought"
    assert history.newer("half a thought") is None
