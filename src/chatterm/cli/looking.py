"""A short session for commands that print: it brings the cache up to date if the server can be reached."""

import argparse
import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from chatproto.errors import ErrorInfo
from chatterm.cli import outcome
from chatterm.cli.setup import chosen_account
from chatterm.client.model import Account, Link
from chatterm.client.session import Session

_SEEN_POLL_S = 0.05
_STUCK = frozenset({Link.OFFLINE, Link.SIGNED_OUT, Link.STOPPED})


@asynccontextmanager
async def looking(arguments: argparse.Namespace) -> AsyncIterator[Session]:
    """A session of the chosen account that sends nothing; not connected with `--offline`."""
    session = Session(chosen_account(arguments), sends=False)
    try:
        if not arguments.offline:
            await session.start()
        yield session
    finally:
        await session.stop()


async def wait_until(
    session: Session, ready: Callable[[], bool], patience: float, signal: "asyncio.Task[None] | None" = None
) -> bool:
    """Wait for a condition that notices or the end of `signal` make true.

    False, and said on standard error, if the server cannot help.
    """
    news = asyncio.Event()
    if signal is not None:
        signal.add_done_callback(lambda _: news.set())
    unsubscribe = session.subscribe(lambda _: news.set())
    try:
        async with asyncio.timeout(patience):
            while not ready():
                if session.status.link in _STUCK and session.status.problem is not None:
                    _offline(session.account, session.status.problem)
                    return False
                news.clear()
                await news.wait()
            return True
    except TimeoutError:
        outcome.say(f"The server did not send everything within {patience:g} s; this is what is cached.")
        return False
    finally:
        unsubscribe()


async def bring_up_to_date(session: Session, arguments: argparse.Namespace) -> None:
    """Wait until names, chats and newest messages are cached, if the server can be reached in time."""
    if arguments.offline:
        return
    synced = asyncio.create_task(session.wait_synced())
    try:
        await wait_until(session, synced.done, arguments.timeout, synced)
    finally:
        synced.cancel()
        await asyncio.wait([synced])


async def seen_told(session: Session, patience: float, chat_id: int | None = None) -> bool:
    """Wait until the server knows how far was read, in a chat or in all; else it is told at the next connection."""

    def told() -> bool:
        pending = session.cache.pending_seen()
        return not [chat for chat, _ in pending if chat_id in (None, chat)]

    try:
        async with asyncio.timeout(patience):
            while not told():
                if session.status.link in _STUCK and session.status.problem is not None:
                    return False
                await asyncio.sleep(_SEEN_POLL_S)  # a confirmation is no notice
    except TimeoutError:
        return False
    return True


def _offline(account: Account, problem: ErrorInfo) -> None:
    outcome.say(f"Offline, this is what is cached: {problem.message} {problem.hint}".strip())
