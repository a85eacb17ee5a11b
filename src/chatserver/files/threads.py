"""Threads for work on disk, so that neither the event loop nor the database waits for it."""

import asyncio
import errno
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, ParamSpec, TypeVar

from chatproto.errors import ChatError

THREADS: Final = 4

_NO_ROOM: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
log = logging.getLogger("chatserver.files")

P = ParamSpec("P")
T = TypeVar("T")


class DiskThreads:
    """Runs blocking functions. A caller that is cancelled still waits for its function: it may hold open files."""

    def __init__(self, threads: int = THREADS) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="files")

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The function's result. An `OSError` becomes a `ChatError`, but for a missing file."""
        future = asyncio.get_running_loop().run_in_executor(self._pool, lambda: function(*args, **kwargs))
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await _settled(future)
            raise
        except FileNotFoundError:
            raise
        except OSError as error:
            raise as_chat_error(error) from error

    def close(self) -> None:
        """Let the threads end when they have nothing left to do."""
        self._pool.shutdown(wait=False)


def as_chat_error(error: OSError) -> ChatError:
    """`diskFull` if there is no room, else `storageFailed`; logged for the server's owner."""
    log.error("file storage failed: %s", error.strerror or type(error).__name__)
    if error.errno in _NO_ROOM:
        return ChatError("diskFull", retry_after=5.0)
    return ChatError("storageFailed", retry_after=1.0)


async def _settled(future: "asyncio.Future[Any]") -> None:
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError:
            continue
    if not future.cancelled():
        future.exception()  # retrieved: the caller that would be told has given up
