"""Draw the picture of `chatserver top` in the documentation: a real server under load, as SVG."""

import argparse
import asyncio
import os
import random
import re
import tempfile
from pathlib import Path

import uvloop

from chatserver.bench.load import open_all
from chatserver.bench.servers import chat_server
from chatserver.bench.wire import send_frame
from chatserver.bench.world import new_world

TITLES = ("Garden club", "Release crew", "Choir", "Night shift", "Board games", "Harbour watch", "日本語チャット")
_STEP_S = 0.05
_RATE = 120
"""Messages a second."""


async def take(data: Path, picture: Path, size: tuple[int, int], seconds: float) -> None:
    """Let people talk for a while, and draw what an owner sees then."""
    os.environ |= {"COLORTERM": "truecolor", "TERM": "xterm-256color"}  # whatever terminal this runs in
    from chatserver.backends import open_chat_names  # noqa: PLC0415 - Textual reads its environment when imported
    from chatserver.ops.whereabouts import find  # noqa: PLC0415 - see above
    from chatserver.top.app import TopApp  # noqa: PLC0415 - see above
    from chatserver.top.cells import UNICODE  # noqa: PLC0415 - see above
    from chatserver.top.source import Source  # noqa: PLC0415 - see above

    async with new_world(data) as world:
        await world.add_users(160)
        chats = []
        for number, title in enumerate(TITLES):
            members = random.sample(world.accounts, 140 - 18 * number)
            chats.append((await world.group(title, members), members[0]))
    with chat_server(data) as server:
        opened = await open_all(server, world.accounts)
        clients = {account.user.id: client for account, client in zip(world.accounts, opened, strict=True)}
        here = find(data)
        assert here is not None
        assert here.metrics is not None
        source, names = Source(here.metrics.removesuffix("/metrics")), await open_chat_names(data)
        app = TopApp(source, 1.0, names, UNICODE)
        async with app.run_test(size=size) as pilot:
            for step in range(int(seconds / _STEP_S)):
                for number in range(int(_RATE * _STEP_S * random.uniform(0.3, 1.7))):
                    chat_id, author = chats[min(int(random.expovariate(0.7)), len(chats) - 1)]
                    clients[author.user.id].send(send_frame(step * 100 + number, chat_id, "hello there"))
                await asyncio.sleep(_STEP_S)
            await pilot.pause()
            svg = app.export_screenshot(title="chatserver top")
        await source.close()
        await names.close()
        for client in opened:
            client.close()
    # The reader's own monospaced font is good enough, and a picture should load nothing.
    picture.write_text(re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", type=Path, help="the SVG to write, for example docs/images/top.svg")
    parser.add_argument("--size", default="100x28", help="columns x rows (default: 100x28)")
    parser.add_argument("--seconds", type=float, default=75.0, help="how long people talk before (default: 75)")
    arguments = parser.parse_args()
    columns, _, rows = arguments.size.partition("x")
    with tempfile.TemporaryDirectory(prefix="chatserver-picture-") as folder:
        uvloop.run(take(Path(folder) / "data", arguments.picture, (int(columns), int(rows)), arguments.seconds))


if __name__ == "__main__":
    main()
