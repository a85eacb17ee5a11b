"""What is said beside the text of messages: sizes, reactions, and what happened to a group; no names, no colours."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from chatproto.models import ChatChanged, ChatCreated, LogEvent, MembersChanged, Message
from chatproto.text import terminal_safe

NAMED_MAX: Final = 3
"""So many members are named in one line; more are counted."""
_UNITS: Final = ("bytes", "KB", "MB", "GB", "TB")


class Quoted(NamedTuple):
    """Text that somebody chose, safe for a terminal: set off, so that it is not taken for our own words."""

    text: str


Told = tuple[int | str | Quoted, ...]
"""A line of the system: ids of users stand for their names."""


def lines_of(event: LogEvent) -> list[Told]:
    """The lines of an event that is no message; none for a change of a message."""
    match event:
        case ChatCreated():
            return [(event.sender_id, " made the group ", Quoted(terminal_safe(event.title)))]
        case ChatChanged():
            return _chat_changed(event)
        case MembersChanged():
            return _members_changed(event)
        case _:
            return []


def has_lines(event: LogEvent) -> bool:
    """Whether an event has a place of its own in the conversation."""
    return isinstance(event, Message) or bool(lines_of(event))


def _chat_changed(event: ChatChanged) -> list[Told]:
    lines: list[Told] = []
    if event.title is not None:
        lines.append((event.sender_id, " named the group ", Quoted(terminal_safe(event.title))))
    if event.topic:
        lines.append((event.sender_id, " set the topic ", Quoted(terminal_safe(event.topic))))
    elif event.topic is not None:
        lines.append((event.sender_id, " took the topic away"))
    return lines


def _members_changed(event: MembersChanged) -> list[Told]:
    lines: list[Told] = []
    if event.sender_id in event.added:
        lines.append((event.sender_id, " joined"))
    if event.sender_id in event.removed:
        lines.append((event.sender_id, " left"))
    for verb, user_ids in ((" added ", event.added), (" removed ", event.removed)):
        others = [user_id for user_id in user_ids if user_id != event.sender_id]
        if others:
            lines.append((event.sender_id, verb, *_named(others)))
    if event.owner_id is not None:
        lines.append(("The group now belongs to ", event.owner_id))
    return lines


def _named(user_ids: Sequence[int]) -> Told:
    """Names with commas, the last with an "and"; many are counted."""
    named = user_ids if len(user_ids) <= NAMED_MAX else user_ids[: NAMED_MAX - 1]
    parts: list[int | str | Quoted] = [named[0]]
    for number, user_id in enumerate(named[1:], 2):
        parts += [" and " if number == len(user_ids) else ", ", user_id]
    if len(named) < len(user_ids):
        parts.append(f" and {len(user_ids) - len(named):,} others")
    return tuple(parts)


def removed_text(days: float) -> str:
    """Why a conversation begins where it does; `days` is after how many of them the server removes messages."""
    if not days:
        return "Earlier messages were removed."
    if days < 1:
        hours = max(1, round(days * 24))
        return f"Earlier messages were removed after {'an hour' if hours == 1 else f'{hours} hours'}."
    return f"Earlier messages were removed after {'a day' if days == 1 else f'{days:,.0f} days'}."


def size_text(size: int) -> str:
    """Bytes as people read them, in powers of 1000."""
    value, unit = float(max(0, size)), 0
    while value >= 999.5 and unit + 1 < len(_UNITS):
        value /= 1_000
        unit += 1
    return f"{value:.1f} {_UNITS[unit]}" if unit and value < 9.95 else f"{value:.0f} {_UNITS[unit]}"


def marks_line(message: Message) -> str:
    """What became of a message: edited, pinned, and its reactions with their numbers; empty if nothing."""
    parts = ["(edited)"] if message.edited_at else []
    parts += ["⚑ pinned"] if message.pinned else []
    parts += [f"{terminal_safe(each.emoji)} {len(each.user_ids):,}" for each in message.reactions if each.user_ids]
    return " · ".join(parts)
