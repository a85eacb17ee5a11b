"""What starting loads and reads: nothing of the network before the first paint, and only a screenful of the cache."""

import json
from pathlib import Path
from typing import Final

from chatterm.client.model import Account
from tests.support.terminal import terminal
from tests.support.tui import direct_chat, fill_cache

FORBIDDEN: Final = {
    *("httpx", "httpcore", "h11", "anyio", "websockets", "litestar", "uvicorn", "chatserver", "PIL", "pygments"),
    *("markdown_it", "rich.markdown", "rich.syntax", "rich.traceback", "textual.widgets._text_area"),
    *("textual.widgets._markdown", "urllib.request", "http.client", "importlib.metadata", "multiprocessing"),
}
"""Slow to load, and needed for no first screen. (asyncio itself loads ssl.)"""
MODULES_MAX: Final = 494
"""Modules in all: 463 when this was written, 370 of them for Textual's hello world."""


async def test_the_first_paint_needs_neither_network_nor_markdown(home: Path, account: Account, tmp_path: Path) -> None:
    """Right after the first frame, before the engine starts, none of the slow modules is loaded."""
    fill_cache(home, account, **direct_chat("hello"))
    seen = tmp_path / "modules.json"
    code = (
        "import json, pathlib, sys\n"
        "from chatterm.tui import main\n"
        "main.prepare_environment()\n"
        "from chatterm.tui.app import ChatApp\n"
        "async def begin(self):\n"
        f"    pathlib.Path({str(seen)!r}).write_text(json.dumps(list(sys.modules)))\n"
        "    self.exit(None, 0)\n"
        "ChatApp._begin = begin\n"
        "sys.exit(main.run())\n"
    )
    async with terminal("-c", code, environment={"CHATTERM_HOME": str(home), "PATH": "/usr/bin:/bin"}) as tty:
        assert await tty.exit_code() == 0, tty.text
        assert b"hello" in tty.raw
    loaded = set(json.loads(seen.read_text())) - {"sitecustomize"}  # some distributions' Python has one
    assert sorted(name for name in loaded if name in FORBIDDEN) == []
    assert len(loaded) <= MODULES_MAX
