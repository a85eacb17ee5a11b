"""`chatterm history`: messages of one chat, brought up to date from the server if it can be reached."""

import argparse
import asyncio
from typing import Any

from chatproto.models import ChatChanged, ChatCreated, LogEvent, MembersChanged, Message
from chatproto.text import terminal_safe
from chatterm.cli import outcome
from chatterm.cli.looking import bring_up_to_date, looking, wait_until
from chatterm.cli.naming import bounds
from chatterm.client.errors import ClientError
from chatterm.client.model import Link
from chatterm.client.session import Session
from chatterm.client.targets import parse_target
from chatterm.client.told import Quoted, has_lines, lines_of, marks_line, size_text

_BLOCK = 500
_ROUNDS = 50
"""So often more is fetched where changes of messages, which are not printed, take the place of what is."""


def run(arguments: argparse.Namespace) -> int:
    """Print the newest messages, or those before a time or sequence number."""
    return asyncio.run(_run(arguments, *bounds(arguments.before)))


async def _run(arguments: argparse.Namespace, before_seq: int | None, before_at: int | None) -> int:
    async with looking(arguments) as session:
        chat_id = await _find_chat(session, arguments)
        if chat_id is None:
            outcome.say("There are no messages with this person yet.")
            return outcome.OK
        if not arguments.offline and await _connected(session, arguments):
            if before_at is not None:
                before_seq = await _seq_before(session, chat_id, before_at, arguments)
            await _fetch(session, chat_id, before_seq, arguments)
        for event in _cached(session, chat_id, before_seq, before_at, arguments.limit):
            _put(session, chat_id, event, arguments.json)
        _mention_unsent(session, arguments)
    return outcome.OK


async def _find_chat(session: Session, arguments: argparse.Namespace) -> int | None:
    """The chat meant; None if it is a person without one. An unknown name is looked up on the server, too."""
    try:
        target = parse_target(session.cache, arguments.target)
    except ClientError:
        if arguments.offline:
            raise
        target = None
    if target is None or target.chat_id is None:
        await bring_up_to_date(session, arguments)
        target = parse_target(session.cache, arguments.target)
    if target.email is not None:
        raise ClientError(
            "targetUnknown",
            f"Nobody has the email {target.email}, as far as this machine knows.",
            "Look at 'chatterm users'.",
        )
    return target.chat_id


async def _connected(session: Session, arguments: argparse.Namespace) -> bool:
    return await wait_until(session, lambda: session.status.link is Link.ONLINE, arguments.timeout)


async def _seq_before(session: Session, chat_id: int, before_at: int, arguments: argparse.Namespace) -> int | None:
    """The sequence number that a time stands for, as the server knows it; its page is cached on the way."""
    messages = await session.fetch_before(chat_id, before_at, min(arguments.limit, 200))
    return messages[-1].seq + 1 if messages else 1


async def _fetch(session: Session, chat_id: int, before_seq: int | None, arguments: argparse.Namespace) -> None:
    """Have enough events cached below the bound; changes of messages, which are not printed, do not count."""
    cache = session.cache
    last = cache.head(chat_id) if before_seq is None else min(before_seq - 1, cache.head(chat_id))
    first = last + 1
    for _ in range(_ROUNDS):
        missing = arguments.limit - cache.count_shown(chat_id, first, last)
        if missing <= 0 or first <= 1:
            return
        first = max(1, first - missing)
        session.fill(chat_id, first, last)
        if not await wait_until(session, lambda low=first: not cache.holes(chat_id, low, last), arguments.timeout):  # type: ignore[misc] # mypy infers no type for the default
            return


def _cached(
    session: Session, chat_id: int, before_seq: int | None, before_at: int | None, limit: int
) -> list[LogEvent]:
    """The last `limit` cached events below the bounds that are printed, ascending."""
    found: list[LogEvent] = []
    last = session.cache.head(chat_id) if before_seq is None else before_seq - 1
    while last > 0 and len(found) < limit:
        first = max(1, last - _BLOCK + 1)
        block = session.cache.events(chat_id, first, last)
        shown = [event for event in block if has_lines(event) and (before_at is None or event.at < before_at)]
        found = shown + found
        last = first - 1
    return found[-limit:]


def _put(session: Session, chat_id: int, event: LogEvent, as_json: bool) -> None:
    sender = session.cache.user(event.sender_id)
    if as_json:
        name = sender.display_name if sender is not None else f"user {event.sender_id}"
        outcome.put_json(_record(chat_id, event, name, sender.email if sender is not None else None))
        return
    first, *rest = _message_lines(session, chat_id, event) if isinstance(event, Message) else _told(session, event)
    outcome.put(f"{outcome.clock_time(event.at)}  {first}")
    for line in rest:
        outcome.put(" " * 21 + line)


def _name(session: Session, user_id: int) -> str:
    user = session.cache.user(user_id)
    return terminal_safe(user.display_name) if user is not None else f"user {user_id}"


def _told(session: Session, event: LogEvent) -> list[str]:
    """What happened to a group, in words."""
    return ["-- " + "".join(_worded(session, part) for part in line) for line in lines_of(event)]


def _worded(session: Session, part: int | str | Quoted) -> str:
    if isinstance(part, Quoted):
        return f"\N{LEFT DOUBLE QUOTATION MARK}{part.text}\N{RIGHT DOUBLE QUOTATION MARK}"
    return part if isinstance(part, str) else _name(session, part)


def _message_lines(session: Session, chat_id: int, message: Message) -> list[str]:
    """A message as it is now: its text, then what it answers, carries, and what became of it."""
    author = _name(session, message.sender_id)
    if message.deleted:
        return [f"{author}: (message deleted)"]
    first, *lines = terminal_safe(message.text, multiline=True).split("\n")
    if message.reply_to:
        answered = session.cache.messages(chat_id, [message.reply_to]).get(message.reply_to)
        whose = f" of {_name(session, answered.sender_id)}" if answered is not None else ""
        lines.append(f"(reply to message {message.reply_to}{whose})")
    if message.forwarded is not None:
        lines.append(f"(forwarded, first written by {_name(session, message.forwarded.sender_id)})")
    lines += [f"[file: {terminal_safe(file.name)}, {size_text(file.size)}]" for file in message.files]
    marks = marks_line(message)
    return [f"{author}: {first}", *lines, *([marks] if marks else [])]


def _record(chat_id: int, event: LogEvent, name: str, email: str | None) -> dict[str, Any]:
    """One line of `--json`. Fields are never renamed; new ones may come."""
    common = {
        "chatId": chat_id,
        "seq": event.seq,
        "id": event.id,
        "at": outcome.utc_time(event.at),
        "senderId": event.sender_id,
        "senderName": name,
        "senderEmail": email,
    }
    match event:
        case Message():
            return {"kind": "message", **common, **_message_record(event)}
        case ChatCreated():
            return {"kind": "created", **common, "title": event.title}
        case ChatChanged():
            return {"kind": "chatChanged", **common, "title": event.title, "topic": event.topic}
        case MembersChanged():
            members = {"added": event.added, "removed": event.removed, "ownerId": event.owner_id}
            return {"kind": "members", **common, **members}
        case _:
            return {"kind": str(event.__struct_config__.tag), **common}


def _message_record(message: Message) -> dict[str, Any]:
    forwarded = message.forwarded
    return {
        "text": message.text,
        "deleted": message.deleted,
        "editedAt": outcome.utc_time(message.edited_at) if message.edited_at else None,
        "replyTo": message.reply_to or None,
        "mentions": message.mentions,
        "mentionAll": message.mention_all,
        "forwarded": None
        if forwarded is None
        else {"senderId": forwarded.sender_id, "at": outcome.utc_time(forwarded.at)},
        "files": [
            {"id": file.id, "name": file.name, "size": file.size, "mediaType": file.media_type}
            for file in message.files
        ],
        "reactions": [{"emoji": each.emoji, "userIds": each.user_ids} for each in message.reactions],
        "pinned": message.pinned,
    }


def _mention_unsent(session: Session, arguments: argparse.Namespace) -> None:
    queued, failed = session.outbox.counts()
    if queued or failed:
        outcome.say(f"{queued} messages of this account are queued and {failed} were refused: 'chatterm outbox'.")
