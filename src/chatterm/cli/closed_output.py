"""Ends a command that waits as soon as nobody reads its output any more, as `| head` does."""

import asyncio
import contextlib
import os
import select
import stat
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def ends_with_output() -> Iterator[None]:
    """Raise `BrokenPipeError` within when the pipe at standard output is closed at its other end."""
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()
    closed = False
    assert task is not None

    def look() -> None:
        nonlocal closed
        if not closed and _is_closed(descriptor):
            closed = True
            task.cancel()

    try:
        descriptor = sys.stdout.fileno()
        watched = stat.S_ISFIFO(os.fstat(descriptor).st_mode)
    except (OSError, ValueError):  # closed already, or no file at all
        descriptor, watched = -1, False
    if watched:
        loop.add_reader(descriptor, look)  # the kernel reports an error there to readers as well
    try:
        yield
    except asyncio.CancelledError:
        if not closed:
            raise
        task.uncancel()
        raise BrokenPipeError from None
    finally:
        if watched:
            loop.remove_reader(descriptor)


def _is_closed(descriptor: int) -> bool:
    poll = select.poll()
    poll.register(descriptor, 0)
    return any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0))
