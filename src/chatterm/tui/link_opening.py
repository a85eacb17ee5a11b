"""Opening links outside: by the desktop, or, where there is none, by showing and copying the target."""

import asyncio
import os
import shutil
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from chatterm.client.errors import ClientError
from chatterm.tui import clipboard
from chatterm.tui.dialog import confirm
from chatterm.tui.timeline.links import host_of, target_of

if TYPE_CHECKING:
    from textual.app import App


def opener(environment: Mapping[str, str], platform: str) -> str | None:
    """The program of this machine's desktop that opens links; None over SSH and without a desktop."""
    if environment.get("SSH_CONNECTION") or environment.get("SSH_TTY"):
        return None
    if platform == "darwin":
        return shutil.which("open", path=environment.get("PATH"))
    if environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"):
        return shutil.which("xdg-open", path=environment.get("PATH"))
    return None


async def open_link(app: "App[Any]", written: str) -> str:
    """Ask with the real target, then open it, or copy it where nothing can be opened; returns what to tell.

    Raises `ClientError` for anything but http, https and mailto, and if the desktop refuses it.
    """
    target = target_of(written)
    if target is None:
        raise ClientError("linkRefused", "This link is not opened.", "Only http, https and mailto links are.")
    program = opener(os.environ, sys.platform)
    yes = "Copy" if program is None else "Open"
    if not await confirm(app, f"{yes} this link? It leads to {host_of(target)}", target, yes=yes, danger=False):
        return ""
    if program is None:
        return await clipboard.copy(app, target)
    process = await asyncio.create_subprocess_exec(
        program,
        target,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(2.0):
            code = await process.wait()
    except TimeoutError:  # some desktops' openers stay as long as the browser
        return "Opening…"
    if code:
        raise ClientError("cannotOpen", "The desktop did not open the link.", "Copy it instead.")
    return "Opened."
