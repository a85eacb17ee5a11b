"""`chatterm users` and `chatterm chats`: what this machine knows, one per line."""

import argparse
import asyncio
from collections.abc import Iterator

from chatproto.text import terminal_safe
from chatterm.cli import outcome
from chatterm.cli.looking import bring_up_to_date, looking
from chatterm.client.cache import Cache
from chatterm.client.model import Entry


def run(arguments: argparse.Namespace) -> int:
    """Print one of the lists."""
    return asyncio.run(_entries(arguments))


async def _entries(arguments: argparse.Namespace) -> int:
    people = arguments.command == "users"
    async with looking(arguments) as session:
        await bring_up_to_date(session, arguments)
        for entry in _all_entries(session.cache):
            if people and _is_wanted_person(session.cache, entry, arguments):
                _put_person(session.cache, entry, arguments.json)
            elif not people and _is_wanted_chat(entry, arguments):
                _put_chat(session.cache, entry, arguments.json)
    return outcome.OK


def _all_entries(cache: Cache) -> Iterator[Entry]:
    after = None
    while page := cache.entries(after):
        yield from page
        after = page[-1]


def _is_wanted_person(cache: Cache, entry: Entry, arguments: argparse.Namespace) -> bool:
    if entry.peer_id is None:
        return False
    user = cache.user(entry.peer_id)
    place = f"{entry.name} {user.email if user is not None else entry.email}".casefold()
    return all(word.casefold() in place for word in arguments.words)


def _is_wanted_chat(entry: Entry, arguments: argparse.Namespace) -> bool:
    kind = "group" if entry.peer_id is None else "direct"
    return entry.ref.kind == "chat" and arguments.kind in (None, kind) and bool(entry.unread or not arguments.unread)


def _put_person(cache: Cache, entry: Entry, as_json: bool) -> None:
    user = cache.user(entry.peer_id or 0)
    email = user.email if user is not None else entry.email
    status = user.status if user is not None else ""
    deleted, disabled = user is not None and user.deleted, user is not None and user.disabled
    if as_json:
        told = {"status": status, "disabled": disabled, "deleted": deleted}
        outcome.put_json({"id": entry.peer_id, "email": email, "name": entry.name, **told})
        return
    state = " (account deleted)" if deleted else " (account disabled)" if disabled else ""
    said = f"  {terminal_safe(status)}" if status else ""
    outcome.put(f"{terminal_safe(email):<32} {terminal_safe(entry.name)}{state}{said}")


def _put_chat(cache: Cache, entry: Entry, as_json: bool) -> None:
    chat = cache.chat(entry.ref.id)
    kind = "group" if entry.peer_id is None else "direct"
    at = chat.head_at if chat is not None else entry.activity
    if as_json:
        outcome.put_json(
            {
                "id": entry.ref.id,
                "kind": kind,
                "name": entry.name,
                "email": entry.email or None,
                "unread": entry.unread,
                "mentions": entry.mentions,
                "member": not entry.has_left,
                "topic": chat.topic if chat is not None else "",
                "pinned": chat is not None and chat.pinned,
                "archived": chat is not None and chat.archived,
                "mutedUntil": outcome.utc_time(chat.muted_until) if chat is not None and chat.muted_until else None,
                "head": chat.head if chat is not None else 0,
                "at": outcome.utc_time(at),
            }
        )
        return
    sign = "#" if kind == "group" else " "
    unread = f"{entry.unread} unread" if entry.unread else ""
    if entry.mentions:
        unread += f", {entry.mentions} for you"
    if entry.has_left:
        unread = "not a member any more"
    outcome.put(f"{outcome.clock_time(at)}  {sign}{terminal_safe(entry.name):<32} {unread}".rstrip())
