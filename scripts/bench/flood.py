"""A flood of handshakes against a server on this machine, bounded in rate and time: `flood KIND PORT RATE SECONDS`.

It comes from an address of its own of the loopback network. KIND is `half-open` (connections that say nothing and
stay), `garbage` (200 bytes of nothing) or `full` (whole handshakes, closed at once). Prints how many it made.
"""

import asyncio
import contextlib
import os
import ssl
import sys
from collections import deque
from typing import Final

_FROM: Final = "127.0.0.2"
_OPEN_MAX: Final = 4_000
_TICK_S: Final = 0.01


async def connect(kind: str, port: int, context: ssl.SSLContext) -> asyncio.StreamWriter | None:
    """One connection; the writer of one that is to stay open."""
    tls = context if kind == "full" else None
    try:
        async with asyncio.timeout(5):
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls, local_addr=(_FROM, 0))
    except (OSError, TimeoutError):
        return None
    if kind == "half-open":
        return writer
    if kind == "garbage":
        writer.write(os.urandom(200))
        with contextlib.suppress(OSError):
            await writer.drain()
    writer.transport.abort()
    return None


async def flood(kind: str, port: int, rate: float, seconds: float) -> int:
    """So many a second, whatever becomes of them."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    loop = asyncio.get_running_loop()
    begin, made = loop.time(), 0
    tasks: set[asyncio.Task[asyncio.StreamWriter | None]] = set()
    kept: deque[asyncio.StreamWriter] = deque()

    def ended(task: asyncio.Task[asyncio.StreamWriter | None]) -> None:
        tasks.discard(task)
        writer = None if task.cancelled() else task.result()
        if writer is not None:
            kept.append(writer)
        if len(kept) > _OPEN_MAX:
            kept.popleft().transport.abort()

    while (passed := loop.time() - begin) < seconds:
        while made < passed * rate and len(tasks) < _OPEN_MAX:
            made += 1
            task = loop.create_task(connect(kind, port, context))
            tasks.add(task)
            task.add_done_callback(ended)
        await asyncio.sleep(_TICK_S)
    return made


def main() -> int:
    """Flood, and say how much."""
    kind, port, rate, seconds = sys.argv[1:]
    print(asyncio.run(flood(kind, int(port), float(rate), min(60.0, float(seconds)))), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
