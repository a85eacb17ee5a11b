"""Notifications of the desktop this program runs on: by a tool of the system, never through a shell."""

import asyncio
import html
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from chatterm.tui.notices.sequences import BODY_MAX, TITLE_MAX, shortened

RUNNING_MAX: Final = 2
"""Processes at a time; what comes meanwhile is not shown on the desktop."""
LIMIT_S: Final = 5.0
_APPLE_SCRIPT: Final = (
    *("-e", "on run argv"),
    *("-e", "display notification (item 3 of argv) with title (item 2 of argv)"),
    *("-e", "end run"),
)


@dataclass(frozen=True, slots=True)
class Command:
    """What to run, and what it reads."""

    arguments: tuple[str, ...]
    text: str = ""


def command(tool: str, title: str, body: str) -> Command:
    """How a tool is told to show this; nothing in the texts is read as an option, as markup, or by a shell."""
    title, body = shortened(title, TITLE_MAX), shortened(body, BODY_MAX)
    match tool.rpartition("/")[2]:
        case "notify-send":
            return Command((tool, "--app-name=chatterm", "--", title, html.escape(body, quote=False)))
        case "terminal-notifier":  # a message that it reads cannot be an option
            return Command((tool, "-title", "chatterm", "-group", "chatterm"), f"{title}: {body}")
        case _:  # the first argument is no option, so none of those behind it is
            return Command((tool, *_APPLE_SCRIPT, "chatterm", title, body))


def found_tool(environment: Mapping[str, str], platform: str = sys.platform) -> str | None:
    """The tool of a desktop that somebody sits at; none over SSH."""
    if environment.get("SSH_CONNECTION") or environment.get("SSH_TTY"):
        return None
    path = environment.get("PATH")
    if platform == "darwin":
        return shutil.which("terminal-notifier", path=path) or shutil.which("osascript", path=path)
    if environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY"):
        return shutil.which("notify-send", path=path)
    return None


class Desktop:
    """Shows notifications with a tool. A failure is told once."""

    def __init__(self, tool: str, told: Callable[[str], None]) -> None:
        self._tool = tool
        self._told = told
        self._running: set[asyncio.Task[None]] = set()
        self._has_failed = False

    def show(self, title: str, body: str) -> None:
        """Show it, unless as many as may be are being shown."""
        if len(self._running) < RUNNING_MAX:
            task = asyncio.create_task(self._run(command(self._tool, title, body)), name="desktop notification")
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _run(self, wanted: Command) -> None:
        try:
            code = await _run(wanted.arguments, wanted.text)
        except (OSError, TimeoutError) as error:
            self._failed(str(error) or "it did not end")
        else:
            if code:
                self._failed(f"it ended with code {code}")

    def _failed(self, why: str) -> None:
        if not self._has_failed:
            self._has_failed = True
            self._told(
                f"{self._tool} cannot show notifications: {why}. "
                "Set notifications.desktop = false to do without; this is not told again."
            )


async def _run(arguments: Sequence[str], text: str) -> int:
    process = await asyncio.create_subprocess_exec(
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(LIMIT_S):
            await process.communicate(text.encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0
