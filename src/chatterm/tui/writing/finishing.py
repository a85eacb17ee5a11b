"""What leaves the composer: emoji by name become emoji, and names after an @ become mentions."""

from collections.abc import Iterable
from typing import NamedTuple

from chatproto import limits
from chatterm.client.model import EntryRef
from chatterm.tui.editor import Mark
from chatterm.tui.writing import emojis, mentions
from chatterm.tui.writing.emojis import Emojis
from chatterm.tui.writing.marks import EVERYBODY
from chatterm.tui.writing.people import People


class Mentioned(NamedTuple):
    """Whom a text mentions."""

    user_ids: tuple[int, ...]
    everybody: bool


def finish(text: str, marks: Iterable[tuple[int, int, int, int]], ref: EntryRef, people: People) -> Mentioned:
    """The mentions of a text: those that were chosen, and those written by hand that can mean only one member.

    Somebody who is known not to be a member is not mentioned: the server would refuse the message.
    """
    chosen = [Mark(*mark) for mark in marks]
    is_group = ref.kind == "chat" and people.is_group(ref.id)

    def who(name: str) -> int | None:
        if name.casefold() == mentions.ALL:
            return EVERYBODY if is_group else None
        return people.member_called(ref, name)

    found = sorted((*chosen, *mentions.written(text.split("\n"), chosen, who)))
    members = people.members(ref)
    user_ids = dict.fromkeys(mark.user_id for mark in found if mark.user_id != EVERYBODY)
    allowed = [user_id for user_id in user_ids if not members.complete or people.may_be_in(members, user_id)]
    return Mentioned(tuple(allowed[: limits.MENTIONS_MAX]), any(mark.user_id == EVERYBODY for mark in found))


async def with_emoji(text: str, known: Emojis) -> str:
    """The text with names of emoji replaced; they are loaded for the first text that may hold one."""
    if not emojis.names_any(text):
        return text
    await known.load()
    return known.replace(text)
