"""`chatserver top` as an owner runs it: from a shell, in a real terminal emulator."""

import shlex
import sys
from pathlib import Path

from tests.support.server import ServerProcess
from tests.support.tmux import needs_tmux, tmux


@needs_tmux()
async def test_top_through_kill_9_of_its_server(tmp_path: Path) -> None:
    """With eight colours and 80 by 24; the shell is as it was afterwards."""
    data = tmp_path / "data"
    server = ServerProcess(data, arguments=("--log-level", "warning"))
    await server.start()
    async with tmux(tmp_path, tmp_path / "home", columns=80, rows=24) as window:
        command = f"TERM=screen {shlex.quote(sys.executable)} -m chatserver top --data {shlex.quote(str(data))}"
        await window.type(command + " --interval 0.3")
        await window.keys("Enter")
        await window.sees("● live", "messages/s", "certificate", "database, the last minute", "q quit")
        await server.kill()
        await window.sees("no answer for", "nobody listens there", "messages/s")
        await window.resize(40, 10)
        await window.until(lambda text: "CPU" in text and "certificate" not in text)
        await server.start()
        await window.sees("● live", "restarted")
        await window.keys("q")
        await window.until(lambda text: text.rstrip().endswith("ready>") and "messages/s" not in text)
    await server.kill()
