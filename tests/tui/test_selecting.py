"""Selecting in the composer by keys and mouse, and writing in an editor outside, in a real terminal."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatterm.client import scratch
from chatterm.client.errors import ClientError
from chatterm.client.model import Account
from chatterm.tui.editor import Editor
from tests.support.terminal import terminal
from tests.support.tui import direct_chat, fill_cache, running_app

MOVES = ("left", "right", "word_left", "word_right", "line_start", "line_end")
TEXTS = st.lists(st.sampled_from([*"ab \n", "é", "日", "👩\u200d🚀"]), max_size=30).map("".join)


@settings(max_examples=80)
@given(TEXTS, st.lists(st.sampled_from(MOVES), max_size=8), st.lists(st.sampled_from(MOVES), max_size=8), TEXTS)
def test_what_is_selected_is_what_is_replaced(text: str, before: list[str], moves: list[str], new: str) -> None:
    """Typing replaces exactly the selection; one undo brings it back."""
    editor = Editor(text)
    for move in before:
        getattr(editor, move)()
    for move in moves:
        editor.select(getattr(editor, move))
    selection, selected = editor.selection, editor.selected_text
    if selection is None:
        assert selected == ""
        return
    (row, column), (end_row, end_column) = selection
    head = "\n".join([*editor.lines[:row], editor.lines[row][:column]])
    tail = "\n".join([editor.lines[end_row][end_column:], *editor.lines[end_row + 1 :]])
    assert head + selected + tail == text
    editor.insert(new)
    assert editor.text == head + new + tail
    assert editor.selection is None
    for _ in range(2):
        editor.undo()
    assert editor.text == text


async def test_keys_and_mouse_select_and_what_is_selected_can_be_cut_and_written_over(
    home: Path, account: Account
) -> None:
    fill_cache(home, account, **direct_chat("hello"))
    async with running_app(home, account) as desk:
        composer, editor = desk.composer, desk.composer.editor
        await desk.type("one two three")
        await desk.press("ctrl+shift+left", "shift+left")
        assert editor.selected_text == " three"
        await desk.press("ctrl+x")
        await desk.until(lambda: composer.text == "one two")
        assert desk.app.clipboard == " three"
        await desk.press("shift+home", "ctrl+c")
        await desk.until(lambda: desk.app.clipboard == "one two")
        assert composer.text == "one two"
        await desk.press("X")
        await desk.until(lambda: composer.text == "X")
        await desk.press("ctrl+z", "end", "shift+left", "left")
        await desk.until(lambda: composer.text == "one two" and editor.selection is None)
        x, y = composer.content_region.offset
        await desk.pilot.mouse_down(offset=(x + 4, y))
        await desk.pilot.hover(offset=(x + 7, y))
        await desk.pilot.mouse_up(offset=(x + 7, y))
        await desk.until(lambda: editor.selected_text == "two")
        await desk.press("backspace")
        await desk.until(lambda: composer.text == "one ")
        await desk.pilot.click(offset=(x + 1, y), times=2)
        await desk.until(lambda: editor.selected_text == "one")
        await desk.pilot.click(offset=(x + 1, y), times=3)
        await desk.until(lambda: editor.selected_text == "one ")
        await desk.pilot.click(offset=(x + 1, y))
        await desk.until(lambda: editor.selection is None and editor.column == 1)


async def test_an_editor_outside_has_the_terminal_and_gives_the_text_back(
    home: Path, account: Account, tmp_path: Path
) -> None:
    """Ctrl+X Ctrl+E: the file is private, holds the draft, and becomes the text; the terminal is ours again."""
    fill_cache(home, account, **direct_chat("hello"))
    script = tmp_path / "editor"
    script.write_text(
        '#!/bin/sh\necho "EDITOR IS HERE"\nstat -c "%a" "$1"\nread answer\nprintf " and $answer\\n" >> "$1"\n'
    )
    script.chmod(0o700)
    environment = {"CHATTERM_HOME": str(home), "PATH": "/usr/bin:/bin", "VISUAL": str(script)}
    async with terminal("-m", "chatterm", environment=environment) as tty:
        await tty.sees("hello", "Write to Béla")
        tty.type("a draft")
        await tty.sees("a draft")
        tty.type("\x18\x05")
        await tty.sees("EDITOR IS HERE", "600")
        tty.type("more\r")
        await tty.sees("a draft and more", "hello")
        tty.type("!")
        await tty.sees("a draft and more!")
        assert list((home / "accounts" / account.key / scratch.FOLDER).iterdir()) == []
        tty.type("\x11")
        assert await tty.exit_code() == 0, tty.text


async def test_an_editor_that_fails_or_is_missing_loses_nothing(home: Path, account: Account, tmp_path: Path) -> None:
    fill_cache(home, account, **direct_chat("hello"))
    script = tmp_path / "an-editor"
    script.write_text('#!/bin/sh\necho garbage > "$2"\nexit 3\n')
    script.chmod(0o700)
    environment = {"CHATTERM_HOME": str(home), "PATH": f"{tmp_path}:/usr/bin:/bin", "EDITOR": "an-editor --wait"}
    async with terminal("-m", "chatterm", environment=environment) as tty:
        await tty.sees("hello", "Write to Béla")
        tty.type("a draft\x18\x05")
        await tty.sees("ended with 3", "a draft")
        tty.type("!")
        await tty.sees("a draft!")
        script.unlink()
        tty.type("\x18\x05")
        await tty.sees("is not there", "a draft!")


def test_a_text_comes_back_whole_or_stays_in_its_file(tmp_path: Path) -> None:
    path = scratch.hand_out(tmp_path, "text")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    path.write_bytes(b"two\r\nlines \x1b[31mred\x1b[0m\n")
    assert scratch.take_back(path, 1_000) == "two\nlines red"
    assert not path.exists()
    for content, code in ((b"\xff", "notText"), (b"x" * 11, "textTooLong")):
        path = scratch.hand_out(tmp_path, "text")
        path.write_bytes(content)
        with pytest.raises(ClientError) as caught:
            scratch.take_back(path, 10)
        assert caught.value.code == code
        assert path.read_bytes() == content
