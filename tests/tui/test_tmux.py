"""The program as people run it: from a shell, in a real terminal emulator."""

import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from rich.cells import cell_len

from chatterm.client.model import Account
from tests.support.tmux import Tmux, kill, needs_tmux, tmux
from tests.support.tui import direct_chat, fill_cache

pytestmark = needs_tmux()
START = f"{sys.executable} -m chatterm"


@pytest.fixture
async def desk(home: Path, account: Account, tmp_path: Path) -> AsyncIterator[Tmux]:
    """A shell of somebody whose conversation with Béla is cached."""
    fill_cache(home, account, **direct_chat("hello from the cache", "and one of mine"))
    async with tmux(tmp_path, home) as running:
        yield running


async def started(desk: Tmux) -> None:
    await desk.type(START)
    await desk.keys("Enter")
    await desk.sees("hello from the cache", "Write to Béla", "offline since")


async def test_from_the_shell_and_back(desk: Tmux) -> None:
    """It starts, takes typing and pastes, follows every size, and leaves the shell as it was."""
    await started(desk)
    await desk.type("typed ünd 日本 👍🏽")
    shown = await desk.sees("typed ünd 日本 👍")
    widths = {cell_len(row) for row in shown.splitlines() if row.endswith(("│", "╮", "╯"))}
    assert len(widths) == 1, (
        f"the frame is in one column, whatever the terminal takes for the width of a tone:\n{shown}"
    )
    await desk.keys("M-Enter")
    await desk.paste("pasted one\npasted two")
    await desk.sees("pasted one", "pasted two")
    for columns, rows in ((60, 18), (40, 12), (140, 45)):
        await desk.resize(columns, rows)
        await desk.until(lambda shown: "pasted two" in shown and "offline" in shown)
    await desk.sees("hello from the cache", "Béla", "Csilla")
    await desk.keys("Enter")
    await desk.sees("1 queued", "pasted two")
    await desk.keys("C-q")
    shown = await desk.sees("ready>")
    assert "hello from the cache" not in shown, "the alternate screen was left"
    await desk.type("echo $((40+2))")
    await desk.keys("Enter")
    await desk.sees("42")


async def test_it_can_be_suspended_and_goes_on_where_it_was(desk: Tmux) -> None:
    await started(desk)
    await desk.type("half a sen")
    await desk.sees("half a sen")
    kill(await desk.pid("chatterm"), signal.SIGTSTP)
    await desk.sees("Stopped", "ready>")
    await desk.type("echo in the shell")
    await desk.keys("Enter")
    await desk.until(lambda shown: shown.count("in the shell") == 2)
    await desk.type("fg")
    await desk.keys("Enter")
    await desk.sees("hello from the cache", "half a sen")
    await desk.type("tence")
    await desk.sees("half a sentence")


async def test_a_kill_costs_nothing_that_was_queued_or_written(desk: Tmux) -> None:
    await started(desk)
    await desk.type("queued before the kill")
    await desk.keys("Enter")
    await desk.sees("1 queued")
    pid = await desk.pid("chatterm")
    kill(pid)
    await desk.until(lambda shown: "Killed" in shown)
    await desk.type("reset")
    await desk.keys("Enter")
    await desk.until(lambda shown: "Killed" not in shown and "ready>" in shown)
    await started(desk)
    await desk.sees("queued before the kill", "1 queued")
