"""A message as it will be once its unconfirmed changes are confirmed."""

from collections.abc import Iterable

from msgspec.structs import replace

from chatproto.frames import Delete, Edit, Pin, React
from chatproto.models import Message, Reaction
from chatterm.client.model import ChangeState, MessageChange, PendingChange


def as_changed(message: Message, pending: Iterable[PendingChange], own_id: int) -> Message:
    """The message with the changes that wait to be sent; refused ones change nothing."""
    for row in pending:
        if row.state is ChangeState.QUEUED:
            message = _changed(message, row.change, own_id)
    return message


def _changed(message: Message, change: MessageChange, own_id: int) -> Message:
    match change:
        case Edit():
            return replace(message, text=change.text, mentions=change.mentions, mention_all=change.mention_all)
        case Delete():
            return replace(message, deleted=True, text="", files=[], reactions=[])
        case Pin():
            return replace(message, pinned=change.on)
        case React():
            return replace(message, reactions=_reacted(message.reactions, change.emoji, own_id, on=change.on))


def _reacted(reactions: list[Reaction], emoji: str, own_id: int, *, on: bool) -> list[Reaction]:
    found: list[Reaction] = []
    known = False
    for each in reactions:
        if each.emoji == emoji:
            known = True
            others = [user_id for user_id in each.user_ids if user_id != own_id]
            found.append(replace(each, user_ids=[*others, own_id] if on else others))
        else:
            found.append(each)
    return found if known or not on else [*found, Reaction(emoji=emoji, user_ids=[own_id])]


def waiting_text(pending: Iterable[PendingChange]) -> tuple[str, bool]:
    """What waits or was refused, in words, and whether something was refused; empty if nothing."""
    waiting: list[str] = []
    refused: list[str] = []
    for row in pending:
        name = _NAMES[type(row.change)]
        if isinstance(row.change, Pin | React) and not row.change.on:
            name = _UNDONE[type(row.change)]
        if row.state is ChangeState.FAILED:
            refused.append(f"{name} refused: {row.error.message if row.error is not None else 'by the server'}")
        else:
            waiting.append(name)
    said = [f"{_joined(waiting)} {'waits' if len(waiting) == 1 else 'wait'} to be sent"] if waiting else []
    return " · ".join((*said, *refused)), bool(refused)


def _joined(names: list[str]) -> str:
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


_NAMES: dict[type[MessageChange], str] = {Edit: "edit", Delete: "deletion", Pin: "pin", React: "reaction"}
_UNDONE: dict[type[MessageChange], str] = {Pin: "unpinning", React: "taking back a reaction"}
