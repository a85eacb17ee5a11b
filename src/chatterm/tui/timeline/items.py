"""The pieces a conversation is drawn from: items with their lines, and the columns they are laid out in; no colours."""

from enum import IntEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import Struct

from chatproto.models import FileInfo, LogEvent, Message
from chatterm.client.told import Told
from chatterm.tui.timeline.body import Body

if TYPE_CHECKING:
    from chatterm.tui.timeline.pictures import Picture

GAP_LINES: Final = 2
"""Lines that an event takes while it is not cached: about what a message takes, so that filling moves little."""
OUTBOX_KEY: Final = 1 << 54
"""Added to the ids of outbox rows, so that they come after every seq."""
PADDING: Final = 1
INDENT: Final = 2
COMPACT_MIN: Final = 30
"""In narrower columns of text, names stand above the messages also where they should stand beside them."""
NAME_CELLS: Final = 14
"""At most so many cells of a name stand beside a message."""
MARK_CELLS: Final = 3
"""At the right end: a blank and the mark of an own message, of up to two cells."""
TIME_CELLS: Final = 6
"""Before the mark: a blank and a time."""
MAX_WIDTH: Final = 120
"""Cells of the column of text in a wide terminal; longer lines are hard to read."""


class Kind(IntEnum):
    """What one line shows."""

    BLANK = 0
    DATE = 1
    NEW = 2
    HEADER = 3
    BODY = 4
    SYSTEM = 5
    GAP = 6
    NOTE = 7
    HINT = 8
    ERROR = 9
    FORWARDED = 10
    QUOTE = 11
    DELETED = 12
    PART = 13
    IMAGE = 14


class Mark(IntEnum):
    """State of one's own message."""

    NONE = 0
    SENT = 1
    QUEUED = 2
    SENDING = 3
    HELD = 4
    FAILED = 5


Line = tuple[Kind, int, int]
"""A line's kind; for BODY and NOTE also where it begins and ends in the item's text or note; for SYSTEM and PART
which of the item's `told` or `parts` it is; for IMAGE which of its `pictures`, and which row of that.
"""


class Item(Struct, eq=False):
    """One event, outbox row, gap or hint, with its lines. The first `lead` lines come before its own text.

    `key` is the seq of its (first) event, or `OUTBOX_KEY` plus the row's id. `text` and `note` are terminal-safe.
    """

    key: int
    last_key: int
    lines: list[Line]
    lead: int = 0
    at: int = 0
    sender_id: int = 0
    text: str = ""
    note: str = ""
    mark: Mark = Mark.NONE
    stamped: bool = False
    """The first line of text shows the time, because no header does and the minute is another."""
    told: tuple[Told, ...] = ()
    """What the system says."""
    parts: tuple[str, ...] = ()
    """What belongs to the message below its text; terminal-safe."""
    reply_to: int = 0
    quote: tuple[int, str] | None = None
    """Author and beginning of the message that this one replies to; None if it is not cached. Terminal-safe."""
    forwarded_from: int = 0
    files: tuple[FileInfo, ...] = ()
    """The first of `parts` are theirs."""
    pictures: "tuple[Picture, ...]" = ()
    """Those of its files that are drawn."""
    body: Body | None = None
    """How `text` is shown if it is more than its words; then `text` is the shown one."""
    named: bool = False
    """The opening line shows the author before it."""
    indent: int = INDENT
    """Cells before each line of text."""
    client_id: bytes = b""
    """Of an unsent message."""

    @property
    def opening(self) -> int:
        """The first line of the message itself: of what it quotes or forwards, else of its text."""
        return self.lead - bool(self.forwarded_from) - bool(self.reply_to)

    @property
    def is_gap(self) -> bool:
        return self.lines[-1][0] is Kind.GAP

    @property
    def after(self) -> "Before":
        """What the message after this one looks back at; see `after`."""
        return Before(0 if self.told else self.sender_id, self.at)


class Before(NamedTuple):
    """What the next message looks back at: the author (0 for none) and time of the one before it."""

    sender_id: int
    at: int


class Unread(Struct, frozen=True):
    """The new-messages line: it stands before the event `seq`, and says `count`."""

    seq: int
    count: int


class Columns(Struct, frozen=True):
    """How the width of the view is shared out, in cells."""

    width: int
    """The view's whole width."""
    text: int
    """Names, lines of text and rules lie within this many cells, after `PADDING`."""
    body: int
    """A line of a message's own text."""
    indent: int = INDENT
    """Before each of these lines."""

    @classmethod
    def of(cls, width: int, *, compact: bool = False) -> "Columns":
        """Share out a width; very narrow views get no room for times beside the text.

        With `compact`, time and name have their room before the text, where there is enough.
        """
        text = max(6, min(width - 2 * PADDING, MAX_WIDTH))
        if compact and text >= COMPACT_MIN:
            indent = TIME_CELLS + min(NAME_CELLS, text // 5) + 1
            return cls(width, text, max(2, text - indent - MARK_CELLS), indent)
        return cls(width, text, max(2, text - INDENT - MARK_CELLS - (TIME_CELLS if text >= 30 else 0)))

    @property
    def beside(self) -> bool:
        """Whether time and name stand before the text, in its first line."""
        return self.indent > INDENT


def after(event: LogEvent) -> Before:
    """What the message after an event with lines looks back at; a line of the system ends a group."""
    return Before(event.sender_id if isinstance(event, Message) else 0, event.at)
