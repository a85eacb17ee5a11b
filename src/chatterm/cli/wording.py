"""Events of a chat's log as lines of text for people, safe for a terminal."""

from typing import Final

from chatproto.models import LogEvent, Message, MessageChanged
from chatproto.text import terminal_safe
from chatterm.cli import outcome
from chatterm.client.cache_read import CacheQueries
from chatterm.client.told import Quoted, lines_of, marks_line, size_text

_INDENT: Final = " " * 21
_CHANGED: Final = {
    "edited": "edited message",
    "deleted": "deleted message",
    "reacted": "reacted to message",
    "unreacted": "took a reaction from message",
    "pinned": "pinned message",
    "unpinned": "unpinned message",
}


def put_event(cache: CacheQueries, chat_id: int, event: LogEvent, place: str = "") -> None:
    """Print an event: time, `place` (already safe) where several chats are printed, what happened."""
    for line in event_lines(cache, chat_id, event, place):
        outcome.put(line)


def event_lines(cache: CacheQueries, chat_id: int, event: LogEvent, place: str = "") -> list[str]:
    """The same as lines; further lines of a message are indented below its first."""
    first, *rest = body_lines(cache, chat_id, event)
    begin = f"{outcome.clock_time(event.at)}  "
    return [begin + (f"{place}  " if place else "") + first, *(_INDENT + line for line in rest)]


def body_lines(cache: CacheQueries, chat_id: int, event: LogEvent) -> list[str]:
    """Without the time."""
    match event:
        case Message():
            return message_lines(cache, chat_id, event)
        case MessageChanged():
            return [_changed(cache, event)]
        case _:
            return _told(cache, event) or ["--"]


def name_of(cache: CacheQueries, user_id: int) -> str:
    """A person's name, safe for a terminal."""
    user = cache.user(user_id)
    return terminal_safe(user.display_name) if user is not None else f"user {user_id}"


def place_of(cache: CacheQueries, chat_id: int) -> str:
    """A chat's name, safe for a terminal; groups with a #."""
    chat = cache.chat(chat_id)
    if chat is None:
        return f"chat {chat_id}"
    if chat.kind == "group":
        return "#" + terminal_safe(chat.title)
    return name_of(cache, chat.peer_id or 0)


def _changed(cache: CacheQueries, event: MessageChanged) -> str:
    text = f"-- {name_of(cache, event.sender_id)} {_CHANGED[event.change]} {event.message.seq}"
    if event.emoji:
        text += f" {terminal_safe(event.emoji)}"
    if event.change == "edited" and event.message.text:
        text += f": {terminal_safe(event.message.text)}"
    return text


def _told(cache: CacheQueries, event: LogEvent) -> list[str]:
    """What happened to a group, in words."""
    return ["-- " + "".join(_worded(cache, part) for part in line) for line in lines_of(event)]


def _worded(cache: CacheQueries, part: int | str | Quoted) -> str:
    if isinstance(part, Quoted):
        return f"\N{LEFT DOUBLE QUOTATION MARK}{part.text}\N{RIGHT DOUBLE QUOTATION MARK}"
    return part if isinstance(part, str) else name_of(cache, part)


def message_lines(cache: CacheQueries, chat_id: int, message: Message) -> list[str]:
    """A message as it is now: its text, then what it answers, carries, and what became of it."""
    author = name_of(cache, message.sender_id)
    if message.deleted:
        return [f"{author}: (message deleted)"]
    first, *lines = terminal_safe(message.text, multiline=True).split("\n")
    if message.reply_to:
        answered = cache.messages(chat_id, [message.reply_to]).get(message.reply_to)
        whose = f" of {name_of(cache, answered.sender_id)}" if answered is not None else ""
        lines.append(f"(reply to message {message.reply_to}{whose})")
    if message.forwarded is not None:
        lines.append(f"(forwarded, first written by {name_of(cache, message.forwarded.sender_id)})")
    lines += [f"[file: {terminal_safe(file.name)}, {size_text(file.size)}]" for file in message.files]
    marks = marks_line(message)
    return [f"{author}: {first}", *lines, *([marks] if marks else [])]
