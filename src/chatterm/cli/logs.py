"""Reading chats' logs for commands: which chat is meant, where a time lies in it, and ranges of any length."""

import argparse
from collections.abc import AsyncGenerator, Callable
from typing import Final

from chatproto.models import LogEvent
from chatterm.cli.looking import bring_up_to_date, wait_until
from chatterm.client.errors import ClientError
from chatterm.client.model import Link
from chatterm.client.session import Session
from chatterm.client.targets import parse_target


class IncompleteError(Exception):
    """Not everything of a range is on this machine; it depends on the command whether that is an error."""


BLOCK: Final = 200
"""Events of a range that are in memory at a time."""


async def find_chat(session: Session, arguments: argparse.Namespace, name: str) -> int | None:
    """The chat meant; None if it is a person without one. An unknown name is looked up on the server, too."""
    try:
        target = parse_target(session.cache, name)
    except ClientError:
        if arguments.offline:
            raise
        target = None
    if target is None or target.chat_id is None:
        await bring_up_to_date(session, arguments)
        target = parse_target(session.cache, name)
    if target.email is not None:
        raise ClientError(
            "targetUnknown",
            f"Nobody has the email {target.email}, as far as this machine knows.",
            "Look at 'chatterm users'.",
        )
    return target.chat_id


async def connected(session: Session, arguments: argparse.Namespace) -> bool:
    """Wait until the heads of all chats are those of the server; False, and said, if it cannot be reached."""
    if arguments.offline:
        return False
    return await wait_until(session, lambda: session.status.link is Link.ONLINE, arguments.timeout)


async def seq_at(session: Session, chat_id: int, at: int, *, online: bool) -> int:
    """The seq after which everything is from this time (microseconds since 1970 UTC) or later; 0: all of it.

    A few events before that time may follow it. Offline, as far as it is cached.
    """
    chat = session.cache.chat(chat_id)
    if chat is not None and chat.head_at < at:
        return chat.head
    if online:
        messages = await session.fetch_before(chat_id, at, 1)
        return messages[-1].seq if messages else 0
    last = session.cache.head(chat_id)
    while last > 0:
        first = max(1, last - BLOCK + 1)
        for event in reversed(session.cache.events(chat_id, first, last)):
            if event.at < at:
                return event.seq
        last = first - 1
    return 0


async def read_range(
    session: Session, chat_id: int, first: int, last: int, *, online: bool, patience: float
) -> AsyncGenerator[LogEvent, None]:
    """The events of an inclusive range, ascending, a block in memory at a time.

    What is missing is fetched; once the server cannot help (said on standard error), and without `online`, what is
    cached is yielded, and `IncompleteError` is raised at the end if that was not all. Leave it through `aclosing`.
    """
    whole = True
    cache = session.cache
    while first <= last:
        end = min(last, first + BLOCK - 1)
        if cache.holes(chat_id, first, end):
            if online:
                session.fill(chat_id, first, end)
                online = await wait_until(session, filled(session, chat_id, first, end), patience)
            whole = whole and online
        for event in cache.events(chat_id, first, end):
            yield event
        first = end + 1
    if not whole:
        raise IncompleteError


def filled(session: Session, chat_id: int, first: int, last: int) -> Callable[[], bool]:
    """A condition: whether this range is cached."""
    return lambda: not session.cache.holes(chat_id, first, last)
