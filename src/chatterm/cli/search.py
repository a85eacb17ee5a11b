"""`chatterm search`: messages of all chats, those of this machine merged with those that only the server has."""

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, TypeVar

from chatproto import limits
from chatproto.errors import ChatError
from chatproto.models import Message
from chatproto.rest import SearchHit
from chatproto.search_query import parse
from chatterm.cli import outcome
from chatterm.cli.logs import connected, find_chat
from chatterm.cli.looking import looking
from chatterm.cli.records import event_record
from chatterm.cli.wording import event_lines, place_of
from chatterm.client.errors import ClientError
from chatterm.client.finder_thread import Cursor
from chatterm.client.session import Session

INDEX_S: Final = 10.0
"""How long a search waits at most for the index of what is cached."""
NOTHING_FOUND: Final = 1
T = TypeVar("T")
Hits = dict[tuple[int, int], SearchHit]


def run(arguments: argparse.Namespace) -> int:
    """Print what is found; 0 if anything is."""
    return asyncio.run(_run(arguments))


async def _run(arguments: argparse.Namespace) -> int:
    async with looking(arguments) as session:
        online = await connected(session, arguments)
        query = await _query(session, arguments)
        hits: Hits = {}
        # The best of the server come in its order; what only this machine has, behind them.
        if online and not await _from_server(session, query, arguments, hits):
            outcome.say("Not all messages are indexed on the server yet: some may be missing.")
        if not await _from_here(session, query, arguments, hits, online=online) and not online:
            outcome.say("Not all that is cached is indexed yet: some messages may be missing. Search again for them.")
        found = list(hits.values())
        if not arguments.best:
            found.sort(key=lambda hit: (hit.message.at, hit.chat_id, hit.message.seq), reverse=True)
        for hit in found[: arguments.limit]:
            _put(session, hit, as_json=arguments.json)
    return outcome.OK if found else NOTHING_FOUND


async def _query(session: Session, arguments: argparse.Namespace) -> str:
    """The search with what the options add. Raises `ClientError` with `usage`."""
    parts = [" ".join(arguments.query)]
    if arguments.chat is not None:
        chat_id = await find_chat(session, arguments, arguments.chat)
        if chat_id is None:
            raise ClientError("usage", "There are no messages with this person yet.", "Look at 'chatterm chats'.")
        parts.append(f"in:{chat_id}")
    if arguments.sender is not None:
        if '"' in arguments.sender or not arguments.sender.strip():
            raise ClientError("usage", "This is nobody's name.", "Give an email, a name, or 'me'.")
        parts.append(f'from:"{arguments.sender}"')
    parts += [f"has:{feature}" for feature in arguments.has]
    query = " ".join(parts)
    if len(query) > limits.SEARCH_MAX_CHARS:
        raise ClientError("usage", f"A search has at most {limits.SEARCH_MAX_CHARS} characters.", "Use fewer words.")
    await _understood(lambda: _checked(query))
    return query


async def _checked(query: str) -> None:
    parse(query, time.time_ns() // 1_000)


async def _understood(ask: Callable[[], Awaitable[T]]) -> T:
    """What is asked, with a search that cannot be understood told as wrong usage."""
    try:
        return await ask()
    except (ChatError, ClientError) as error:
        info = error.info()
        if info.code != "searchInvalid":
            raise
        raise ClientError("usage", info.message, "See 'chatterm search --help'.") from None


async def _from_server(session: Session, query: str, arguments: argparse.Namespace, hits: Hits) -> bool:
    """Add the server's hits; whether it knew all messages."""
    cursor: str | None = None
    complete = True
    while len(hits) < arguments.limit:
        wanted = min(limits.SEARCH_PAGE_MAX, arguments.limit - len(hits))

        async def page(after: str | None = cursor, limit: int = wanted) -> Any:
            return await session.server.search(query, newest=not arguments.best, limit=limit, cursor=after)

        found = await _understood(page)
        complete = complete and not found.incomplete
        _add(hits, found.hits)
        cursor = found.cursor if found.has_more else None
        if cursor is None:
            break
    return complete


async def _from_here(session: Session, query: str, arguments: argparse.Namespace, hits: Hits, *, online: bool) -> bool:
    """Add the hits of this machine; whether all that is cached was searched."""
    cursor: Cursor | None = None
    count = 0
    await session.finder.build(min(INDEX_S, arguments.timeout))
    while True:

        async def page(before: Cursor | None = cursor) -> Any:
            return await session.finder.search(
                query, limit=limits.SEARCH_PAGE_MAX, newest=not arguments.best, before=before
            )

        try:
            found = await _understood(page)
        except ClientError as error:
            if online and error.code in ("usage", "searchUnavailable"):  # the server knew whom it names
                return True
            raise
        _add(hits, found.hits)
        count += len(found.hits)
        cursor = found.cursor
        if cursor is None or count >= arguments.limit:
            return not found.incomplete


def _add(hits: Hits, found: Iterable[SearchHit]) -> None:
    for hit in found:
        known = hits.get((hit.chat_id, hit.message.seq))
        if known is None or known.message.rev < hit.message.rev:
            hits[hit.chat_id, hit.message.seq] = hit


def _put(session: Session, hit: SearchHit, *, as_json: bool) -> None:
    cache = session.cache
    message: Message = hit.message
    if as_json:
        record = event_record(cache, hit.chat_id, message)
        more = {"chatName": _name(session, hit.chat_id), "snippet": hit.snippet, "matches": hit.matches}
        outcome.put_json({**record, **more})
        return
    for line in event_lines(cache, hit.chat_id, message, place_of(cache, hit.chat_id)):
        outcome.put(line)


def _name(session: Session, chat_id: int) -> str | None:
    chat = session.cache.chat(chat_id)
    if chat is None:
        return None
    peer = session.cache.user(chat.peer_id) if chat.peer_id is not None else None
    return chat.title if chat.kind == "group" else peer.display_name if peer is not None else None
