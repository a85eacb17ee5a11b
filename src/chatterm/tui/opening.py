"""Open files outside the terminal, where there is a desktop to open them with."""

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path
from subprocess import DEVNULL
from typing import Final

from chatterm.client.errors import ClientError

_RUNS: Final = frozenset(
    (
        *("action", "app", "applescript", "appimage", "bash", "bat", "cmd", "com", "command", "cpl", "deb", "desktop"),
        *("dmg", "exe", "flatpakref", "hta", "inf", "jar", "js", "jse", "lnk", "msi", "pif", "pkg", "pl", "ps1", "py"),
        *("pyw", "rb", "reg", "rpm", "scpt", "scr", "sh", "terminal", "tool", "url", "vb", "vbs", "workflow", "wsf"),
        "zsh",
    )
)
"""Endings of files that some desktop runs, or installs, when they are opened."""
_started: list["subprocess.Popen[bytes]"] = []
"""What opens files now; looked after so that none of them stays as a zombie."""


def opener() -> str | None:
    """The program that opens a file with what the desktop has for it; None without a desktop."""
    if sys.platform == "darwin":
        return None if os.environ.get("SSH_CONNECTION") else shutil.which("open")
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return shutil.which("xdg-open")
    return None


def may_run(path: Path) -> bool:
    """Whether opening this may run what is in it."""
    return path.suffix.lstrip(".").lower() in _RUNS


def _start(program: str, path: Path) -> None:
    _started[:] = [process for process in _started if process.poll() is None]
    command = [program, str(path.absolute())]  # an absolute path is never taken for an option
    process = subprocess.Popen(  # noqa: S603 - the desktop's own opener, with one argument
        command, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL, start_new_session=True
    )
    _started.append(process)


async def open_outside(path: Path) -> None:
    """Hand a file or folder to the desktop; does not wait for what opens it. Raises `ClientError`."""
    program = opener()
    if program is None:
        raise ClientError("noDesktop", "There is no desktop to open it with.", f"It is here: {path}")
    try:
        await asyncio.to_thread(_start, program, path)
    except OSError as error:
        raise ClientError(
            "openFailed", f"{program} could not be started: {error.strerror}.", f"It is here: {path}"
        ) from None
