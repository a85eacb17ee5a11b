"""`chatserver retention`: how long messages are kept, on the database itself, also while a server serves it."""

import argparse
import sys
from datetime import UTC, datetime

import msgspec

from chatproto.text import terminal_safe
from chatserver.cli.amounts import amount
from chatserver.cli.exits import Exit, fail, say
from chatserver.cli.retention_arguments import FOR_EVER
from chatserver.cli.storing import Work, with_store
from chatserver.services.retention import Retention
from chatserver.settings import Settings
from chatserver.store.base import Store
from chatserver.store.interfaces.retention import ChatRetention, Due

_AT_ONCE = 200
_TITLES_TOLD = 5


class _NoSuchChatError(Exception):
    """No chat is named so, or several are; the text says what to give."""


class _Rule(msgspec.Struct, rename="camel", kw_only=True):
    """A chat's rule as `show --json` gives it; `days` 0: for ever."""

    chat_id: int
    kind: str
    title: str
    days: float
    own: bool
    floor: int
    head: int
    oldest_at: int


class _Gone(msgspec.Struct, rename="camel", kw_only=True):
    """What was removed, or would be, as `run --json` gives it."""

    chat_id: int
    kind: str
    title: str
    days: float
    events: int
    messages: int
    files: int | None = None
    file_bytes: int | None = None
    oldest_at: int | None = None
    newest_at: int | None = None


def show(arguments: argparse.Namespace) -> int:
    """Show rules."""

    async def work(store: Store, settings: Settings) -> None:
        retention = Retention(store, days=settings.retention_days)
        if arguments.chat is not None:
            _put_rule(await _find(store, arguments.chat), retention, as_json=arguments.json)
            return
        if not arguments.json:
            sys.stdout.write(f"default\t{_kept(settings.retention_days)}\n")
        after = 0
        while chats := await store.chats_by_retention(after, _AT_ONCE, only_own=True):
            for chat in chats:
                _put_rule(chat, retention, as_json=arguments.json)
            after = chats[-1].chat_id

    return _on_store(arguments, work)


def set(arguments: argparse.Namespace) -> int:  # noqa: A001 - the name of the action
    """Give a chat a rule of its own, or take it back."""

    async def work(store: Store, settings: Settings) -> None:
        chat = await _find(store, arguments.chat)
        await store.set_chat_retention(chat.chat_id, arguments.days)
        changed = await _find(store, str(chat.chat_id))
        retention = Retention(store, days=settings.retention_days)
        if arguments.json:
            _put_rule(changed, retention, as_json=True)
        else:
            say(f"Messages of {_name(changed)} are kept {_kept(retention.days_of(changed))}.")

    return _on_store(arguments, work)


def run(arguments: argparse.Namespace) -> int:
    """Remove what is due, or say what would be removed."""

    async def work(store: Store, settings: Settings) -> None:
        retention = Retention(store, days=settings.retention_days)
        count = 0
        async for chat, days in retention.due_chats():
            if arguments.dry_run:
                due = await store.due(chat.chat_id, retention.cutoff(days))
                gone = _would_go(chat, days, due)
            else:
                outcome = await retention.remove(chat, days)
                gone = _Gone(
                    chat_id=chat.chat_id,
                    kind=chat.kind,
                    title=chat.title,
                    days=days,
                    events=outcome.events,
                    messages=outcome.messages,
                )
            count += gone.messages
            _put_gone(gone, as_json=arguments.json)
        if not arguments.dry_run:
            await retention.tidy()
        done = "would be" if arguments.dry_run else "was" if count == 1 else "were"
        say(f"{amount(count, 'message')} {done} removed.")

    return _on_store(arguments, work)


def _on_store(arguments: argparse.Namespace, work: Work) -> int:
    try:
        return with_store(arguments, work)
    except _NoSuchChatError as error:
        return fail(Exit.REFUSED, error)


async def _find(store: Store, name: str) -> ChatRetention:
    """A chat by id, or a group by title. Raises `_NoSuchChatError`."""
    chat = await store.chat_retention(int(name)) if name.isascii() and name.isdecimal() and len(name) < 16 else None
    if chat is not None:
        return chat
    found = await store.groups_titled(name, _TITLES_TOLD)
    if len(found) > 1:
        ids = ", ".join(map(str, found))
        raise _NoSuchChatError(f"Several groups are called '{name}'. Give one of these ids: {ids}.")
    chat = await store.chat_retention(found[0]) if found else None
    if chat is None:
        raise _NoSuchChatError(f"No chat has the id, and no group the title '{name}'. 'chatserver export' lists them.")
    return chat


def _put_rule(chat: ChatRetention, retention: Retention, *, as_json: bool) -> None:
    days = retention.days_of(chat)
    if as_json:
        rule = _Rule(
            chat_id=chat.chat_id,
            kind=chat.kind,
            title=chat.title,
            days=days,
            own=chat.days is not None,
            floor=chat.floor,
            head=chat.head,
            oldest_at=chat.oldest_at,
        )
        sys.stdout.write(msgspec.json.encode(rule).decode() + "\n")
    else:
        oldest = f"oldest of {_time(chat.oldest_at)}" if chat.oldest_at else "empty"
        own = "" if chat.days is not None else " (default)"
        sys.stdout.write(f"{chat.chat_id}\t{_kept(days)}{own}\t{_name(chat)}\t{oldest}\n")


def _would_go(chat: ChatRetention, days: float, due: Due) -> _Gone:
    return _Gone(
        chat_id=chat.chat_id,
        kind=chat.kind,
        title=chat.title,
        days=days,
        events=due.events,
        messages=due.messages,
        files=due.files,
        file_bytes=due.file_bytes,
        oldest_at=due.oldest_at,
        newest_at=due.newest_at,
    )


def _put_gone(gone: _Gone, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(msgspec.json.encode(gone).decode() + "\n")
        return
    line = f"{gone.chat_id}\t{amount(gone.messages, 'message')}"
    if gone.oldest_at is not None and gone.newest_at is not None:
        files = f"{amount(gone.files or 0, 'file')} of {gone.file_bytes:,} bytes"
        line += f"\t{files}\t{_time(gone.oldest_at)} to {_time(gone.newest_at)}"
    title = f"\t{terminal_safe(gone.title)}" if gone.title else ""
    sys.stdout.write(line + title + "\n")


def _name(chat: ChatRetention) -> str:
    return terminal_safe(chat.title) if chat.kind == "group" else f"the direct chat {chat.chat_id}"


def _kept(days: float) -> str:
    return f"{days:g} days" if days else FOR_EVER


def _time(microseconds: int) -> str:
    return datetime.fromtimestamp(microseconds // 1_000_000, UTC).isoformat()
