"""Mentions: which names in a text stand for which users."""

from collections.abc import Iterable
from typing import Final

from chatproto.models import Message
from chatterm.client.model import OutboxRow
from chatterm.client.ports import CacheReader
from chatterm.tui.writing.marks import EVERYBODY, Mark

ALL: Final = "all"
"""What stands after the @ of a mention of everybody."""


def marks_of(said: Message | OutboxRow, cache: CacheReader) -> tuple[Mark, ...]:
    """Where the text of a message names those whom it mentions, as far as they are still called so."""
    mentioning = said.enclosed if isinstance(said, OutboxRow) else said
    names = [(user.display_name, user.id) for user in map(cache.user, mentioning.mentions) if user is not None]
    if mentioning.mention_all:
        names.append((ALL, EVERYBODY))
    return find(said.text.split("\n"), names)


def find(lines: list[str], names: Iterable[tuple[str, int]], taken: Iterable[Mark] = ()) -> tuple[Mark, ...]:
    """All places outside `taken` that say @ and one of these names, whatever their case; the longer name first.

    A name ends where its last letter is not followed by another, and its @ does not follow one: an email is no mention.
    """
    blocked = list(taken)
    found = []
    for name, user_id in sorted(names, key=lambda pair: -len(pair[0])):
        for row, line in enumerate(lines):
            for mark in _places(row, line, "@" + name, user_id):
                if not any(_overlap(mark, other) for other in blocked):
                    blocked.append(mark)
                    found.append(mark)
    return tuple(sorted(found))


def _places(row: int, line: str, wanted: str, user_id: int) -> Iterable[Mark]:
    start = line.find("@")
    while start >= 0:
        end = start + len(wanted)
        if line[start:end].casefold() == wanted.casefold() and _is_free(line, start, end):
            yield Mark(row, start, end, user_id)
        start = line.find("@", start + 1)


def _is_free(line: str, start: int, end: int) -> bool:
    return not (line[start - 1 : start].isalnum() or line[end : end + 1].isalnum())


def _overlap(one: Mark, other: Mark) -> bool:
    return one.row == other.row and one.start < other.end and other.start < one.end
