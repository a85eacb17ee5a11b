"""Draw the pictures of the documentation: the demonstration's conversation in the real app, as SVG."""

import argparse
import asyncio
import contextlib
import os
import re
import tempfile
from pathlib import Path

from chatterm.client.accounts import Accounts
from chatterm.client.model import Link
from chatterm.client.paths import account_files
from chatterm.client.session import Session
from chatterm.client.uistate import UiState
from chatterm.tui.main import prepare_environment
from scripts import demo

DEADLINE_S = 20.0


async def take(folder: Path, picture: Path, size: tuple[int, int]) -> None:
    """Seed the conversation, open the group as Anna does, and draw what she sees."""
    from chatterm.tui.app import ChatApp  # noqa: PLC0415 - Textual reads its environment when imported

    async with demo.running_server(folder) as url, contextlib.AsyncExitStack() as cleanup:
        sessions = await demo.sign_everybody_in(url, folder, folder / "home")
        for session in sessions.values():
            await cleanup.enter_async_context(session)
        answering = asyncio.create_task(demo.serve_bot(sessions[demo.BOT]))
        await demo.play(sessions, lambda *_: None)
        answering.cancel()
        for name in (demo.YOU, "denes"):
            await sessions[name].stop()
        account = Accounts().get(demo.email(demo.YOU))
        files = account_files(account.key)
        demo.open_first(account, demo.GROUP)
        engine, state = Session(account), UiState.open(files.folder / "interface.db")
        app = ChatApp(engine, state, files.folder)
        async with app.run_test(size=size) as pilot, asyncio.timeout(DEADLINE_S):
            peers = [user.id for user in map(engine.cache.user_by_email, map(demo.email, demo.PEOPLE)) if user]
            while engine.status.link is not Link.ONLINE or sum(map(engine.is_online, peers)) < len(peers) - 2:
                await pilot.pause()
            await pilot.press(*"Coffee is on me")
            await pilot.pause()
            svg = app.export_screenshot(title="chatterm")
        await engine.stop()
        state.close()
    # The reader's own monospaced font is good enough, and a picture should load nothing.
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    picture.parent.mkdir(parents=True, exist_ok=True)
    picture.write_text(svg, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", type=Path, help="the SVG to write, for example docs/images/chatterm.svg")
    parser.add_argument("--size", default="110x44", help="columns x rows (default: 110x44)")
    arguments = parser.parse_args()
    columns, _, rows = arguments.size.partition("x")
    os.environ |= {"COLORTERM": "truecolor", "TERM": "xterm-256color"}  # whatever terminal this runs in
    os.environ.pop("NO_COLOR", None)
    prepare_environment()
    with tempfile.TemporaryDirectory(prefix="chatterm-picture-") as folder:
        asyncio.run(take(Path(folder), arguments.picture, (int(columns), int(rows))))


if __name__ == "__main__":
    main()
