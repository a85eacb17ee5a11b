"""The composer's text: movement by grapheme, word and line, deletion, undo, and folding to a width."""

import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from chatterm.tui.editor import TEXT_MAX, Editor
from chatterm.tui.graphemes import fit, graphemes
from chatterm.tui.softwrap import Layout, fold

FAMILY = "👨\u200d👩\u200d👧"
PIECES = [*"ab _\t\n.", "é", "e\u0301", "日", "👩\u200d🚀", "🇭🇺", "❤\ufe0f", "\u202e", "\x1b", "क्षि"]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=60).map("".join)
MOVES = ("left", "right", "word_left", "word_right", "line_start", "line_end")
DELETIONS = ("backspace", "delete", "delete_word_left", "delete_word_right", "delete_to_start", "delete_to_end")


def at(editor: Editor) -> tuple[int, int]:
    return editor.row, editor.column


def test_backspace_takes_a_whole_grapheme() -> None:
    """A family of five code points, a flag of two and a letter with its accent each go at one key."""
    editor = Editor(f"x{FAMILY}🇭🇺e\u0301")
    for rest in (f"x{FAMILY}🇭🇺", f"x{FAMILY}", "x", "", ""):
        editor.backspace()
        assert editor.text == rest


def test_left_and_right_never_stop_within_a_grapheme() -> None:
    editor = Editor(f"a{FAMILY}b")
    editor.left()
    editor.left()
    assert editor.column == 1
    editor.right()
    assert editor.column == 1 + len(FAMILY)


def test_words_are_jumped_and_deleted_whole() -> None:
    editor = Editor("one two, three")
    editor.word_left()
    assert editor.column == 9
    editor.word_left()
    assert editor.column == 4
    editor.word_right()
    assert editor.column == 7
    editor.delete_word_left()
    assert editor.text == "one , three"
    editor.delete_word_right()
    assert editor.text == "one "


def test_movement_and_deletion_cross_lines() -> None:
    editor = Editor("ab\ncd")
    editor.line_start()
    editor.left()
    assert at(editor) == (0, 2)
    editor.delete()
    assert (editor.text, at(editor)) == ("abcd", (0, 2))
    editor.delete_to_end()
    editor.delete_to_start()
    assert editor.is_empty


def test_a_paste_of_many_lines_goes_in_whole() -> None:
    editor = Editor("[]")
    editor.left()
    assert editor.insert("\n".join(map(str, range(500))))
    assert editor.text == "[" + "\n".join(map(str, range(500))) + "]"
    assert at(editor) == (499, 3)


def test_too_much_text_is_refused_whole() -> None:
    """Nothing is cut off silently."""
    editor = Editor("keep")
    assert not editor.insert("x" * TEXT_MAX)
    assert editor.text == "keep"


def test_typed_letters_are_undone_word_by_word() -> None:
    editor = Editor()
    for char in "hello world":
        editor.insert(char)
    editor.undo()
    assert editor.text == "hello "
    editor.undo()
    editor.undo()
    assert editor.is_empty
    for _ in range(3):
        editor.redo()
    assert editor.text == "hello world"


def test_clear_can_be_undone() -> None:
    editor = Editor("precious\ntext")
    editor.clear()
    assert editor.is_empty
    editor.undo()
    assert editor.text == "precious\ntext"


@example("\t", ["left", "+a"])
@given(TEXTS, st.lists(st.one_of(st.sampled_from(MOVES + DELETIONS), TEXTS.map(lambda text: "+" + text)), max_size=20))
def test_the_cursor_stays_between_graphemes_and_undo_returns_to_the_start(text: str, steps: list[str]) -> None:
    """Whatever is done, the cursor stands on a boundary; undoing everything gives the first text back."""
    editor = Editor(text)
    for step in steps:
        if step.startswith("+"):
            editor.insert(step[1:])
        else:
            getattr(editor, step)()
        line = editor.lines[editor.row]
        assert editor.column in {0, len(line), *(cell.end for cell in graphemes(line))}
        assert editor.text.split("\n") == editor.lines
    for _ in range(len(steps)):
        editor.undo()
    assert editor.text == text


@given(TEXTS)
def test_movement_changes_nothing_and_visits_every_place(text: str) -> None:
    editor = Editor(text)
    places = 1 + text.count("\n") + sum(len(graphemes(line)) for line in editor.lines)
    for _ in range(places - 1):
        editor.left()
    assert at(editor) == (0, 0)
    for _ in range(places - 1):
        editor.right()
    assert (editor.text, at(editor)) == (text, (len(editor.lines) - 1, len(editor.lines[-1])))


@given(TEXTS.map(lambda text: text.replace("\n", "")), st.integers(4, 20))
def test_folding_loses_nothing_and_fits(line: str, width: int) -> None:
    """The rows put together are the line, none is wider than the width, and the last cell is free for the cursor."""
    rows = fold(line, width)
    assert "".join(line[row.start : row.end] for row in rows) == line
    for row in rows:
        shown = "".join(cell.shown for cell in row.cells)
        assert cell_len(shown) == sum(cell.width for cell in row.cells)
        assert cell_len(shown) < width or len(row.cells) == 1
        assert not any(unicodedata.category(char) == "Cc" for char in shown)


@given(TEXTS, st.integers(4, 20))
def test_every_place_of_the_cursor_can_be_clicked(text: str, width: int) -> None:
    """Drawing the cursor and asking what is at that cell give the same place back."""
    lines = text.split("\n")
    for row, line in enumerate(lines):
        for column in (0, *(cell.end for cell in graphemes(line))):
            layout = Layout(lines, row, column, width)
            assert layout.place(layout.cursor_x, layout.cursor_y) == (row, column)


@given(TEXTS.map(lambda text: text.replace("\n", "").replace("\t", "").replace("\x1b", "")), st.integers(0, 30))
def test_fit_fills_exactly_the_width(text: str, width: int) -> None:
    assert cell_len(fit(text, width)) == width
