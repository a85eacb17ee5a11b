"""A real terminal emulator for tests: tmux on a socket of its own, with one window that a test types into and reads."""

import asyncio
import contextlib
import os
import shlex
import shutil
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

import pytest

WAIT_S: Final = 20.0
"""Far longer than anything takes; a test that reaches it has failed."""
_LOOK_S: Final = 0.03
"""tmux tells nobody when its screen changes, so it is looked at this often."""


def needs_tmux() -> pytest.MarkDecorator:
    """Without tmux these tests are left out, but never in continuous integration, which installs it."""
    missing = shutil.which("tmux") is None and not os.environ.get("CI")
    return pytest.mark.skipif(missing, reason="tmux is not installed")


class Tmux:
    """One tmux server with one session, in which a shell runs."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    async def run(self, *arguments: str) -> str:
        """Run a tmux command; its output."""
        process = await asyncio.create_subprocess_exec(
            *("tmux", "-S", str(self._socket), "-f", "/dev/null", *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        assert process.returncode == 0, f"tmux {arguments}: {err.decode()}"
        return out.decode()

    async def screen(self) -> str:
        """What the window shows."""
        return await self.run("capture-pane", "-p")

    async def keys(self, *keys: str) -> None:
        """Press keys by tmux's names for them, such as `Enter`, `C-k` or `M-Up`."""
        await self.run("send-keys", *keys)

    async def type(self, text: str) -> None:
        await self.run("send-keys", "-l", text)

    async def paste(self, text: str) -> None:
        """Paste as people do, in brackets if the program asked for them."""
        await self.run("set-buffer", text)
        await self.run("paste-buffer", "-p")

    async def resize(self, columns: int, rows: int) -> None:
        await self.run("resize-window", "-x", str(columns), "-y", str(rows))

    async def until(self, condition: Callable[[str], object]) -> str:
        """Wait until the screen is as it should be; what it shows then."""
        deadline = time.monotonic() + WAIT_S
        while not condition(shown := await self.screen()):
            assert time.monotonic() < deadline, f"it did not happen; the terminal shows:\n{shown}"
            await asyncio.sleep(_LOOK_S)
        return shown

    async def sees(self, *texts: str) -> str:
        """Wait until all of these are on the screen."""
        return await self.until(lambda shown: all(text in shown for text in texts))

    async def pid(self, name: str) -> int:
        """The process of this name that the shell of the window has started."""
        shell = (await self.run("display-message", "-p", "#{pane_pid}")).strip()
        children = Path(f"/proc/{shell}/task/{shell}/children").read_text().split()
        found = [pid for pid in children if name in Path(f"/proc/{pid}/cmdline").read_text()]
        assert len(found) == 1, f"{found} of {children}"
        return int(found[0])


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    os.kill(pid, number)


@contextlib.asynccontextmanager
async def tmux(folder: Path, home: Path, *, columns: int = 100, rows: int = 30) -> AsyncIterator[Tmux]:
    """A shell in tmux whose `chatterm` has its files in `home`; everything in it ends with the block."""
    server = Tmux(folder / "tmux.sock")
    path = shlex.quote(os.environ["PATH"])
    environment = (
        f"env -i PATH={path} LANG=C.UTF-8 TERM=tmux-256color CHATTERM_HOME={shlex.quote(str(home))} PS1='ready> '"
    )
    await server.run(
        *("new-session", "-d", "-x", str(columns), "-y", str(rows)), f"{environment} bash --norc --noprofile -i"
    )
    try:
        await server.sees("ready>")
        yield server
    finally:
        await server.run("kill-server")
