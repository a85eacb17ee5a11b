"""Attaching files: by name, by paste, from the list of files; what is attached stays with the draft, and is sent."""

import os
import threading
from pathlib import Path

import pytest
from textual import events

from chatterm.client.errors import ClientError
from chatterm.client.model import Account, OutboxState
from chatterm.tui.file_picker import FilePicker
from chatterm.tui.writing.paths import given_paths, pasted_files
from tests.support.tui import WAIT_S, Desk, direct_chat, fill_cache, running_app


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with some files."""
    folder = tmp_path / "papers"
    (folder / "deep" / "er").mkdir(parents=True)
    for name, size in (("plan.txt", 10), ("my notes.txt", 2_000), (".secret", 1), ("deep/inner.txt", 5)):
        (folder / name).write_bytes(b"x" * size)
    monkeypatch.setenv("HOME", str(folder))
    return folder


def attached(desk: Desk) -> list[str]:
    return [path.name for path in desk.screen.conversation.writer.attachments.paths]


async def paste(desk: Desk, text: str) -> None:
    desk.composer.post_message(events.Paste(text))
    await desk.pilot.pause()


async def test_files_are_attached_by_name_and_paste_kept_and_sent(home: Path, account: Account, files: Path) -> None:
    """Chips show them; a restart brings them back; Enter sends them, with or without text; Backspace takes one off."""
    fill_cache(home, account, **direct_chat("hello"))
    async with running_app(home, account) as desk:
        await desk.type(f"/file '{files}/my notes.txt' {files}/plan.txt")
        await desk.press("enter")
        await desk.sees("▤ my notes.txt", "2.0 KB ✕", "▤ plan.txt")
        await desk.press("backspace")
        await desk.until(lambda: attached(desk) == ["my notes.txt"])
        await paste(desk, f"file://{files}/deep/inner.txt")
        await desk.sees("▤ inner.txt", "Attached inner.txt")
        assert desk.composer.text == ""
        await desk.press("ctrl+z")
        await desk.until(lambda: desk.composer.text == f"file://{files}/deep/inner.txt")
        assert attached(desk) == ["my notes.txt"]
        desk.composer.clear()
        await paste(desk, f"'{files}/plan.txt'")
        await desk.type("look")
        await desk.press("backspace")
        assert attached(desk) == ["my notes.txt", "plan.txt"], "while there is text, Backspace concerns the text"
        desk.screen.conversation.keep_draft()
    (files / "plan.txt").unlink()
    async with running_app(home, account) as desk:
        await desk.sees("▤ my notes.txt", "▤ plan.txt is gone ✕")
        assert desk.composer.text == "loo"
        await desk.press("enter")
        await desk.sees("Not sent:", "There is no plan.txt")
        assert desk.engine.outbox.counts() == (0, 0)
        y = next(row for row, text in enumerate(desk.rows) if "▤ plan.txt" in text)
        await desk.pilot.click(offset=(desk.rows[y].index("▤ plan.txt") + 2, y))
        await desk.until(lambda: attached(desk) == ["my notes.txt"])
        await desk.press("enter")
        await desk.until(lambda: desk.engine.outbox.counts() == (1, 0))
        (row,) = desk.engine.outbox.rows()
        assert (row.text, row.state, [file.name for file in row.attached]) == (
            "loo",
            OutboxState.QUEUED,
            ["my notes.txt"],
        )
        await desk.until(lambda: not attached(desk))
        await desk.sees("my notes.txt")
        await paste(desk, str(files / "deep" / "inner.txt"))
        await desk.press("enter")
        await desk.until(lambda: desk.engine.outbox.counts() == (2, 0))
        assert desk.engine.outbox.rows()[1].text == ""
        await desk.press("alt+e")
        await desk.sees("Edit unsent message", "With inner.txt.")


async def test_files_are_chosen_from_the_list(home: Path, account: Account, files: Path) -> None:
    """Folders open in place, typing filters, hidden files come on demand, several are marked, mouse and keys alike."""
    fill_cache(home, account, **direct_chat("hello"))
    async with running_app(home, account) as desk:
        await desk.press("ctrl+o")
        await desk.until(lambda: isinstance(desk.app.screen, FilePicker))
        await desk.sees("deep/", "plan.txt", "my notes.txt", "2.0 KB")
        assert ".secret" not in desk.text
        await desk.press("alt+h")
        await desk.sees(".secret")
        await desk.press(*"inner")
        await desk.sees("Nothing here")
        await desk.press(*["backspace"] * 5, *"deep", "enter")
        await desk.sees("inner.txt", "er/", "~/deep")
        await desk.press("backspace")
        await desk.sees("my notes.txt")
        await desk.press(*"notes")
        await desk.until(lambda: "plan.txt" not in desk.text)
        await desk.press("tab", *["backspace"] * 5)
        await desk.sees("plan.txt", "take 1")
        y = next(row for row, text in enumerate(desk.rows) if "plan.txt" in text)
        await desk.pilot.click(offset=(desk.rows[y].index("plan.txt") + 1, y))
        await desk.sees("take 2")
        await desk.press("alt+enter")
        await desk.until(lambda: attached(desk) == ["my notes.txt", "plan.txt"])
        await desk.sees("▤ plan.txt")
        await desk.press("ctrl+o")
        await desk.until(lambda: isinstance(desk.app.screen, FilePicker))
        await desk.press("escape")
        await desk.until(lambda: desk.app.screen is desk.screen)
        assert len(attached(desk)) == 2
        await desk.type("/file nowhere.txt")
        await desk.press("enter")
        await desk.sees("There is no nowhere.txt")
        await desk.until(lambda: desk.composer.text == "/file nowhere.txt")


def test_pasted_paths_in_all_their_forms(files: Path) -> None:
    """Quoted, escaped, as URLs, with blanks, one or many; anything else stays text."""
    plan, notes = files / "plan.txt", files / "my notes.txt"
    for text in (
        f"{plan}",
        f" {plan} \n",
        f"'{plan}'",
        f"file://{plan}",
        f"file://localhost{plan}",
        "~/plan.txt",
    ):
        assert pasted_files(text) == (plan,), text
    escaped = str(notes).replace(" ", "\\ ")
    encoded = str(notes).replace(" ", "%20")
    for text in (f"{notes}", f"'{notes}'", f'"{notes}"', escaped, f"file://{encoded}"):
        assert pasted_files(text) == (notes,), text
    assert pasted_files(f"{plan} {escaped}") == (plan, notes)
    assert pasted_files(f"file://{plan}\r\nfile://{encoded}\r\n") == (plan, notes)
    for text in (
        "plan.txt",
        f"see {plan}",
        f"{plan} please",
        f"{files}",
        "/",
        "",
        "/nowhere/at all",
        f"{plan}\nand more",
        "file://elsewhere/plan.txt",
        "'/unfinished",
        "/\x00",
        "/" * 20_000,
    ):
        assert pasted_files(text) == (), text


def test_paths_of_a_command(files: Path) -> None:
    """The whole argument if there is such a file, else as a shell reads it; relative to the working folder."""
    assert given_paths("my notes.txt", files) == (files / "my notes.txt",)
    assert given_paths("plan.txt 'my notes.txt'", files) == (files / "plan.txt", files / "my notes.txt")
    assert given_paths("~/plan.txt", Path("/")) == (files / "plan.txt",)
    assert given_paths("missing", files) == (files / "missing",)
    assert given_paths("it's", files) == (files / "it's",)


async def test_copying_that_takes_long_can_be_left(
    home: Path, account: Account, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mark says so, keys change nothing meanwhile, Esc gives it up, and everything is still there to be sent."""
    fill_cache(home, account, **direct_chat("hello"))
    copying, going_on = threading.Event(), threading.Event()
    pread = os.pread

    def slow(descriptor: int, length: int, offset: int) -> bytes:
        copying.set()
        going_on.wait(WAIT_S)
        return pread(descriptor, length, offset)

    monkeypatch.setattr(os, "pread", slow)
    async with running_app(home, account) as desk:
        await paste(desk, str(files / "plan.txt"))
        await desk.type("look")
        await desk.press("enter")
        await desk.until(copying.is_set)
        await desk.sees("Copying the files… Esc gives up.")
        await desk.press("x", "enter")
        assert desk.composer.text == "look"
        await desk.press("escape")
        going_on.set()
        await desk.until(lambda: "Copying" not in desk.text)
        assert (desk.composer.text, attached(desk), desk.engine.outbox.counts()) == ("look", ["plan.txt"], (0, 0))
        await desk.press("enter")
        await desk.until(lambda: desk.engine.outbox.counts() == (1, 0))
        await desk.until(lambda: not desk.composer.text and not attached(desk))


async def test_many_files_in_a_small_window_are_counted(home: Path, account: Account, files: Path) -> None:
    """Of ten chips one row is shown, and how many more there are; the composer and messages stay in sight."""
    fill_cache(home, account, **direct_chat("hello"))
    async with running_app(home, account, size=(40, 12)) as desk:
        paths = [files / f"paper number {number}.txt" for number in range(10)]
        for path in paths:
            path.write_text("x")
        desk.screen.conversation.attach(paths)
        await desk.sees("▤ paper number 0.txt", "+9 more", "hello")
        with pytest.raises(ClientError):
            desk.screen.conversation.attach([files / "plan.txt"])
        assert len(attached(desk)) == 10
        await desk.press(*["backspace"] * 9)
        await desk.until(lambda: len(attached(desk)) == 1)
        assert "more" not in desk.text
