"""`chatterm unread`: the counts of a status bar, from the cache alone."""

import argparse
import re
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

from chatproto.text import terminal_safe
from chatterm.cli import outcome
from chatterm.cli.setup import chosen_account
from chatterm.client.cache import Cache
from chatterm.client.cache_read import CacheQueries, UnreadChat
from chatterm.client.errors import ClientError
from chatterm.client.paths import account_files

if TYPE_CHECKING:
    from collections.abc import Mapping

_FIELD = re.compile(r"\{\{|\}\}|\{(\w*)\}|[{}]")
_CHATS_MAX = 1_000
_LOOK_AGAIN_S = 30.0
"""A mute may have ended meanwhile, of which nobody tells."""


def run(arguments: argparse.Namespace) -> int:
    """Print once, or again and again."""
    if arguments.format is not None:
        _filled(arguments.format, _totals([]))  # what is wrong with it is said before anything else
    if not arguments.watch and not arguments.update:
        with closing(Cache.open(account_files(chosen_account(arguments).key).cache)) as cache:
            return _put(arguments, counted(cache))
    import asyncio  # noqa: PLC0415 - the cache alone needs no event loop

    return asyncio.run(_live(arguments))


async def _live(arguments: argparse.Namespace) -> int:
    from chatterm.cli.looking import bring_up_to_date, looking  # noqa: PLC0415 - loads the network

    arguments.offline = False
    async with looking(arguments) as session:
        if not arguments.watch:
            await bring_up_to_date(session, arguments)
            return _put(arguments, counted(session.cache))
        return await _watch(arguments, session)


async def _watch(arguments: argparse.Namespace, session: Any) -> int:
    import asyncio  # noqa: PLC0415 - as above

    from chatterm.cli.closed_output import ends_with_output  # noqa: PLC0415 - as above

    news = asyncio.Event()
    unsubscribe = session.subscribe(lambda _: news.set())
    before = None
    try:
        with ends_with_output():
            while True:
                news.clear()
                chats = counted(session.cache)
                if chats != before:
                    before = chats
                    _put(arguments, chats, always=True)
                    sys.stdout.flush()
                try:
                    async with asyncio.timeout(_LOOK_AGAIN_S):
                        await news.wait()
                except TimeoutError:
                    continue
    finally:
        unsubscribe()


def counted(cache: CacheQueries) -> list[UnreadChat]:
    """What counts: of a muted chat only what mentions the owner."""
    now = time.time_ns() // 1_000
    chats = []
    for chat in cache.unread_chats(_CHATS_MAX):
        if chat.muted_until <= now:
            chats.append(chat)
        elif chat.mentions:
            chats.append(chat._replace(unread=chat.mentions))
    return chats


def _put(arguments: argparse.Namespace, chats: list[UnreadChat], *, always: bool = False) -> int:
    totals = _totals(chats)
    if arguments.json:
        listed = [
            {
                "id": chat.id,
                "kind": chat.kind,
                "name": chat.name,
                "unread": chat.unread,
                "mentions": chat.mentions,
                "muted": chat.muted_until > time.time_ns() // 1_000,
            }
            for chat in chats
        ]
        numbers = {name: totals[name] for name in ("unread", "mentions", "direct", "groups")}
        outcome.put_json({**numbers, "chats": listed})
    elif arguments.format is not None:
        if chats or always:
            outcome.put(_filled(arguments.format, totals) if chats else "")
    else:
        for_you = f", {totals['mentions']} for you" if totals["mentions"] else ""
        outcome.put(f"{totals['unread']} unread{for_you}")
    return outcome.OK if chats or not arguments.exit_code else outcome.REFUSED


def _totals(chats: list[UnreadChat]) -> dict[str, Any]:
    direct = sum(chat.unread for chat in chats if chat.kind == "direct")
    unread = sum(chat.unread for chat in chats)
    return {
        "unread": unread,
        "mentions": sum(chat.mentions for chat in chats),
        "chats": len(chats),
        "direct": direct,
        "groups": unread - direct,
        "names": ", ".join(terminal_safe(chat.name) for chat in chats),
    }


def _filled(text: str, totals: "Mapping[str, Any]") -> str:
    def field(found: re.Match[str]) -> str:
        if found[0] in ("{{", "}}"):
            return found[0][0]
        if found[1] not in totals:
            known = " ".join(f"{{{name}}}" for name in totals)
            raise ClientError(
                "usage", f"{found[0]!r} is no field of --format.", f"There are {known}; write {{{{ for a brace."
            )
        return str(totals[found[1]])

    return _FIELD.sub(field, text)
