"""What a message's text becomes when its Markdown is read: the text that is shown, with its styles and blocks."""

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Final, NamedTuple

BOLD: Final = 1
ITALIC: Final = 2
STRIKE: Final = 4
CODE: Final = 8
LINK: Final = 16
MENTION: Final = 32
OWN: Final = 64
"""A mention of the reader."""
QUIET: Final = 128
"""Said by us, not by the author: the real host of a link."""

Target = str | int | None
"""Where a run leads: a URL, the id of a mentioned user (0: everybody), or nowhere."""


class Run(NamedTuple):
    """Characters `start`..`end` of the shown text that have the styles `flags`."""

    start: int
    end: int
    flags: int
    target: Target = None


class Form(IntEnum):
    """What kind of block some text is."""

    TEXT = 0
    CODE = 1
    RULE = 2


class Block(NamedTuple):
    """Characters `start`..`end` of the shown text; its first line has `first` before it, the others `rest`."""

    start: int
    end: int
    form: Form = Form.TEXT
    first: str = ""
    rest: str = ""
    language: str = ""


class Marked(NamedTuple):
    """A text as it is shown: `runs` and `blocks` are in order and do not overlap; blocks are a line feed apart."""

    text: str
    runs: tuple[Run, ...]
    blocks: tuple[Block, ...]


class People(NamedTuple):
    """Who is mentioned in a message: ids by case-folded name as after the `@`, and the reader's own id.

    `lengths` are those of the names, the longest first.
    """

    ids: Mapping[str, int]
    own_id: int
    lengths: tuple[int, ...] = ()

    @classmethod
    def of(cls, names: Iterable[tuple[str, int]], own_id: int) -> "People":
        """People by their names as they are written."""
        named = list(names)
        lengths = sorted({len(name) for name, _ in named if name}, reverse=True)
        return cls({name.casefold(): user_id for name, user_id in named if name}, own_id, tuple(lengths))


NOBODY: Final = People({}, 0)
