"""Mentions: which names in a text stand for which users."""

import re
from collections.abc import Callable, Iterable
from typing import Final

from chatproto import limits
from chatproto.models import Message
from chatterm.client.model import OutboxRow
from chatterm.client.ports import CacheReader
from chatterm.tui.editor import Mark
from chatterm.tui.writing.marks import EVERYBODY

ALL: Final = "all"
"""What stands after the @ of a mention of everybody."""

WORDS_MAX: Final = 6
"""Words that a name written by hand may have."""
_AT: Final = re.compile(r"(?<![\w@])@(?=\w)")
_WORD_END: Final = re.compile(r"(?<=\w)(?!\w)")


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


def written(
    lines: list[str], taken: Iterable[tuple[int, int, int, int]], who: Callable[[str], int | None]
) -> tuple[Mark, ...]:
    """Mentions written by hand outside `taken`: @ and the longest run of words that `who` knows as a name."""
    blocked = [Mark(*mark) for mark in taken]
    found: list[Mark] = []
    for row, line in enumerate(lines):
        for at in _AT.finditer(line):
            start = at.end()
            if any(mark.row == row and mark.start <= at.start() < mark.end for mark in (*blocked, *found)):
                continue
            ends = [end.start() for end in _WORD_END.finditer(line, start, start + limits.NAME_MAX_CHARS + 1)]
            for end in reversed(ends[:WORDS_MAX]):
                user_id = who(line[start:end])
                if user_id is not None:
                    found.append(Mark(row, at.start(), end, user_id))
                    break
    return tuple(found)


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
