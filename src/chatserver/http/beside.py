"""Small HTTP servers beside the main one, such as that of the metrics: they end when it does."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import uvicorn

_TICK_S: Final = 1.0


class _SideServer(uvicorn.Server):
    """Signals are not its business."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        self.should_exit = self.force_exit = True
        self._stopped.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        """Keep the Date header fresh until told to stop; uvicorn's own loop wakes ten times a second."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_TICK_S):
                    await self._stopped.wait()


@contextlib.asynccontextmanager
async def serving_beside(
    application: Any, sockets: list[socket.socket], name: str, **options: Any
) -> AsyncIterator[None]:
    """Answer on listening sockets within the block; `options` are uvicorn's."""
    config = uvicorn.Config(
        application,
        loop="none",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        **options,
    )
    server = _SideServer(config)
    running = asyncio.get_running_loop().create_task(server.serve(sockets=sockets), name=name)
    try:
        yield
    finally:
        server.stop()
        await running
