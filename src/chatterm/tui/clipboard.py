"""The clipboard: through the terminal (OSC 52, also from within tmux), and through a tool of the desktop."""

import asyncio
import base64
import os
import shutil
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from chatterm.client.errors import ClientError

if TYPE_CHECKING:
    from textual.app import App

TERMINAL_MAX: Final = 74_000
"""Bytes that are given to the terminal; common ones drop longer OSC 52 sequences."""
COPIED_MAX: Final = 1_048_576
"""Bytes that are given to a tool of the desktop."""
TOOL_WAIT_S: Final = 2.0
_TOOLS: Final = (
    ("WAYLAND_DISPLAY", ("wl-copy",)),
    ("DISPLAY", ("xclip", "-selection", "clipboard", "-in")),
    ("DISPLAY", ("xsel", "--clipboard", "--input")),
)


def sequences(text: str, environment: Mapping[str, str]) -> str:
    """What makes a terminal copy a text: OSC 52, and within tmux also passed through to the terminal outside."""
    plain = f"\x1b]52;c;{base64.b64encode(text.encode()).decode()}\x07"
    if not environment.get("TMUX"):
        return plain
    return plain + "\x1bPtmux;" + plain.replace("\x1b", "\x1b\x1b") + "\x1b\\"


def tool(environment: Mapping[str, str], platform: str) -> tuple[str, ...] | None:
    """The command of the desktop that takes a text; None if there is no desktop, as over SSH, or no such tool."""
    if platform == "darwin" and shutil.which("pbcopy", path=environment.get("PATH")):
        return ("pbcopy",)
    for variable, command in _TOOLS:
        if environment.get(variable) and shutil.which(command[0], path=environment.get("PATH")):
            return command
    return None


async def copy(app: "App[Any]", text: str) -> str:
    """Copy a text by every way there is; returns what is known of it, in words. Raises `ClientError`."""
    size = len(text.encode())
    if size > COPIED_MAX:
        raise ClientError(
            "tooLong", f"That is too much to copy: {size:,} bytes.", f"At most {COPIED_MAX:,} can be copied at once."
        )
    app._clipboard = text
    to_terminal = size <= TERMINAL_MAX and _write(app, sequences(text, os.environ))
    command = tool(os.environ, sys.platform)
    if command is not None and await _run(command, text):
        return "Copied."
    if to_terminal:
        return "Sent to the terminal's clipboard. If it does not arrive, the terminal does not allow it (OSC 52)."
    raise ClientError(
        "cannotCopy",
        "This terminal takes no text that long, and there is no clipboard tool.",
        "Install wl-copy, xclip or xsel, or copy less.",
    )


def _write(app: "App[Any]", sequence: str) -> bool:
    driver = app._driver
    if driver is None:
        return False
    driver.write(sequence)
    driver.flush()
    return True


async def _run(command: tuple[str, ...], text: str) -> bool:
    """Give the text to a tool; whether it took it."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return False
    try:
        async with asyncio.timeout(TOOL_WAIT_S):
            await process.communicate(text.encode())
    except (TimeoutError, OSError):
        if process.returncode is None:
            process.kill()
            await process.wait()
        return False
    return process.returncode == 0
