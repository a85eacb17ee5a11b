"""Writing in the user's own editor, which has the terminal meanwhile; connection and outbox go on."""

import asyncio
import os
import shlex
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from textual.app import App, SuspendNotSupported

from chatproto.text import terminal_safe
from chatterm.client import scratch
from chatterm.client.errors import ClientError
from chatterm.tui.editor import TEXT_MAX
from chatterm.tui.writing import mentions

if TYPE_CHECKING:
    from chatterm.tui.composer import Composer

_USUAL: Final = ("sensible-editor", "nano", "vi")
"""Tried in this order where the user has named none."""


def editor_command() -> list[str]:
    """The user's editor with its options. Raises `ClientError` with `noEditor`."""
    named = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    try:
        words = shlex.split(named) if named else [name for name in _USUAL if shutil.which(name)][:1]
    except ValueError:  # an open quotation mark
        words = []
    if not words or shutil.which(words[0]) is None:
        what = f"The editor {terminal_safe(named)!r} is not there" if named else "No editor is set"
        raise ClientError("noEditor", f"{what}.", "Set VISUAL or EDITOR to a program, for example nano.")
    return words


async def edit_outside(app: App[Any], composer: "Composer", folder: Path) -> None:
    """Let the user write on in their editor; `folder` takes the file. What goes wrong leaves the composer as it was.

    Raises `ClientError`.
    """
    words = editor_command()
    before = composer.text
    path = await asyncio.to_thread(scratch.hand_out, folder, before)
    code = await _run(app, [*words, str(path)])
    if code:
        raise ClientError(
            "editorFailed",
            f"{words[0]} ended with {code}; what you wrote here is as it was.",
            f"What it saved is in {path}.",
        )
    text = await asyncio.to_thread(scratch.take_back, path, 4 * TEXT_MAX)
    if text != before:
        _put(composer, text)
    composer.focus()


async def _run(app: App[Any], command: list[str]) -> int:
    """Give a program the terminal until it ends; its exit code."""
    interrupted = signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl+C is meant for the editor, and reaches both
    try:
        with app.suspend():
            process = await asyncio.create_subprocess_exec(*command)
            try:
                return await process.wait()
            finally:
                if process.returncode is None:  # the app ends: the editor must not keep the terminal
                    process.terminate()
    except SuspendNotSupported:
        raise ClientError("noTerminal", "There is no terminal to give to an editor here.") from None
    except OSError as error:
        raise ClientError("noEditor", f"{command[0]} cannot be started: {error.strerror}.", "Set VISUAL.") from error
    finally:
        signal.signal(signal.SIGINT, interrupted)


def _put(composer: "Composer", text: str) -> None:
    """Replace the whole text in one step of undo; mentions that are still in it stay."""
    editor = composer.editor
    names = {(editor.lines[row][start + 1 : end], user_id) for row, start, end, user_id in editor.marks}
    last = len(editor.lines) - 1
    editor.move_to(last, len(editor.lines[last]))
    editor.anchor = (0, 0)
    if not editor.insert(text):
        raise ClientError("textTooLong", f"That is too much text ({len(text):,} characters).", "Send it as a file.")
    editor.marks = mentions.find(editor.lines, names)
    composer.edited()
