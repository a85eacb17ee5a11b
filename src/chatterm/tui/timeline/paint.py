"""Draw one line of the conversation as a strip of styled cells."""

import logging
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from chatterm.client.told import Quoted
from chatterm.tui.timeline.items import INDENT, MARK_CELLS, PADDING, TIME_CELLS, Columns, Item, Kind, Mark
from chatterm.tui.timeline.localtime import LocalTime
from chatterm.tui.timeline.wrap import clip

if TYPE_CHECKING:
    from chatterm.tui.timeline.decoding import Row
    from chatterm.tui.timeline.paint_body import BodyPainter, Highlight
    from chatterm.tui.timeline.pictures import Picture
    from chatterm.tui.timeline.pixel_row import PixelRow

log = logging.getLogger(__name__)

STYLES: Final = (
    *("author", "own", "time", "date", "new", "system", "system-name", "gap", "mark", "failed", "hint"),
    *("quote", "part", "gone"),
    *("code", "link", "mention", "named", "bar"),
    *("code-keyword", "code-name", "code-string", "code-number", "code-comment"),
    *("cursor", "selected"),
)
"""Component classes `timeline--NAME`, besides the widget's own style for text."""
STYLE_RULES: Final = """\
& > .timeline--author { text-style: bold; }
& > .timeline--own { color: $accent; text-style: bold; }
& > .timeline--time { color: $foreground 70%; }
& > .timeline--date { color: $foreground 70%; }
& > .timeline--new { color: $accent; text-style: bold; }
& > .timeline--system { color: $foreground 70%; text-style: italic; }
& > .timeline--system-name { color: $foreground 80%; text-style: bold; }
& > .timeline--gap { color: $foreground 70%; text-style: italic; }
& > .timeline--mark { color: $foreground 70%; }
& > .timeline--failed { color: $error; text-style: bold; }
& > .timeline--hint { color: $foreground 70%; }
& > .timeline--quote { color: $foreground 70%; }
& > .timeline--part { color: $foreground 70%; }
& > .timeline--gone { color: $foreground 70%; text-style: italic; }
& > .timeline--code { background: $panel; }
& > .timeline--link { color: $accent; text-style: underline; }
& > .timeline--mention { color: $accent; text-style: bold; }
& > .timeline--named { color: $accent; text-style: bold reverse; }
& > .timeline--bar { color: $foreground 45%; }
& > .timeline--code-keyword { background: $panel; color: $primary; text-style: bold; }
& > .timeline--code-name { background: $panel; color: $foreground; text-style: bold; }
& > .timeline--code-string { background: $panel; color: $success; }
& > .timeline--code-number { background: $panel; color: $warning; }
& > .timeline--code-comment { background: $panel; color: $foreground 70%; text-style: italic; }
& > .timeline--cursor { color: $accent; text-style: bold; }
& > .timeline--selected { background: $panel; }
"""
"""Their colours, for the CSS of the widget."""

MARKS: Final = {
    Mark.NONE: "",
    Mark.SENT: "✓",
    Mark.QUEUED: "◷",
    Mark.SENDING: "…",
    Mark.HELD: "‖",
    Mark.FAILED: "✗",
}
_GAP_EVERY: Final = 12
"""A long gap says what it is so often that every screen shows it."""

RULE_MIN: Final = 18
"""Cells of a line of the system for the time, and for enough of a rule on both sides to be seen as one."""

Part = tuple[str, Style]

RIGHT_TO_LEFT: Final = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")
LEFT_TO_RIGHT_MARK: Final = "\u200e"
"""Takes no cell. After text that runs from right to left it keeps a terminal that orders by direction from drawing
numbers of the next column into that text. Nobody else's text can hold one here: `terminal_safe` shows it."""


class Painter:
    """Turns lines of items into strips; everything they show is terminal-safe already but names."""

    def __init__(
        self,
        styles: Mapping[str, Style],
        base: Style,
        days: LocalTime,
        *,
        names: Callable[[int], str],
        own_id: int,
        unread_text: str,
        hole_around: Callable[[int, int], tuple[int, int]],
        hint: str,
        seen_mark: Callable[[int], str] | None = None,
        highlight: "Highlight | None" = None,
        picture_row: "Callable[[Picture, int], Row | PixelRow | str] | None" = None,
    ) -> None:
        """`names` gives terminal-safe names; `hole_around` the whole uncached range around a part of it."""
        self._styles = styles
        self._base = base
        self._days = days
        self._names = names
        self._own_id = own_id
        self._unread_text = unread_text
        self._hole_around = hole_around
        self._hint = hint
        self.gap_note = ""
        self._seen_mark = seen_mark or (lambda seq: MARKS[Mark.SENT])
        self._bodies: BodyPainter | None = None
        self._highlight = highlight
        self._picture_row = picture_row
        self._isolation = Segment(LEFT_TO_RIGHT_MARK, base)
        self._paint: dict[Kind, Callable[[Item, int, Columns], Strip]] = {
            Kind.BLANK: self._blank,
            Kind.DATE: self._date,
            Kind.NEW: self._new,
            Kind.HEADER: self._header,
            Kind.BODY: self._body,
            Kind.SYSTEM: self._system,
            Kind.GAP: self._gap,
            Kind.NOTE: self._note,
            Kind.HINT: self._hint_line,
            Kind.ERROR: self._error,
            Kind.FORWARDED: self._forwarded,
            Kind.QUOTE: self._quote,
            Kind.DELETED: self._deleted,
            Kind.PART: self._part,
            Kind.IMAGE: self._image,
        }

    def strip(self, item: Item, line: int, columns: Columns) -> Strip:
        """One line, exactly as wide as the view. Never raises: a line that cannot be drawn says so."""
        try:
            return self._paint[item.lines[line][0]](item, line, columns)
        except Exception:  # one line that cannot be drawn must not take the application down
            log.exception("line %d of item %d cannot be drawn", line, item.key)
            return self._error(item, line, columns)

    def blank(self, columns: Columns) -> Strip:
        return Strip([Segment(" " * columns.width, self._base)], columns.width)

    def _blank(self, item: Item, line: int, columns: Columns) -> Strip:
        return self.blank(columns)

    def _header(self, item: Item, line: int, columns: Columns) -> Strip:
        own = item.sender_id == self._own_id
        time = self._days.clock(item.at)
        room = columns.text - len(time) - MARK_CELLS
        name = clip(self.name(item.sender_id), room - 1)
        space = room - cell_len(name)
        return self._row(
            [
                (name, self._styles["own" if own else "author"]),
                (" " * max(1, space), self._base),
                (time, self._styles["time"]),
            ],
            columns,
        )

    def _body(self, item: Item, line: int, columns: Columns) -> Strip:
        _, start, end = item.lines[line]
        if item.body is not None:
            shown = self._body_painter().line(item.body.marked, start, end, columns.body)
            return self._finish(item, line, [*self._start(item, line, columns), *shown], columns)
        text = item.text[start:end]
        return self._own(item, line, Segment(text, self._base), columns)

    def _body_painter(self) -> "BodyPainter":
        if self._bodies is None:
            from chatterm.tui.timeline.paint_body import BodyPainter  # noqa: PLC0415 - most first screens do without

            self._bodies = BodyPainter(self._styles, self._base, self._highlight)
        return self._bodies

    def _deleted(self, item: Item, line: int, columns: Columns) -> Strip:
        return self._own(item, line, Segment(clip("message deleted", columns.body), self._styles["gone"]), columns)

    def _part(self, item: Item, line: int, columns: Columns) -> Strip:
        text = clip(item.parts[item.lines[line][1]], columns.body)
        return self._own(item, line, Segment(text, self._styles["part"]), columns)

    def _image(self, item: Item, line: int, columns: Columns) -> Strip:
        _, number, row = item.lines[line]
        shown = self._picture_row(item.pictures[number], row) if self._picture_row is not None else ""
        start = self._start(item, line, columns)
        if isinstance(shown, str):
            return self._finish(item, line, [*start, Segment(shown, self._styles["part"])], columns)
        if isinstance(shown, list):
            return self._finish(item, line, [*start, *shown], columns)
        return shown.over(self._finish(item, line, [*start, *shown.cells], columns), cells_of(start))

    def _own(self, item: Item, line: int, shown: Segment, columns: Columns) -> Strip:
        """A line of the message itself; the first one ends with the message's state."""
        return self._finish(item, line, [*self._start(item, line, columns), shown], columns)

    def _start(self, item: Item, line: int, columns: Columns) -> list[Segment]:
        """What stands before a line of a message: blanks, or in its opening line the time and the author."""
        if not columns.beside or line != item.opening or not (item.named or item.stamped):
            return [Segment(" " * (PADDING + columns.indent), self._base)]
        segments = [
            Segment(" " * PADDING, self._base),
            Segment(self._days.clock(item.at).ljust(TIME_CELLS), self._styles["time"]),
        ]
        room = columns.indent - TIME_CELLS - 1
        name = clip(self.name(item.sender_id), room) if item.named else ""
        segments.append(Segment(name, self._styles["own" if item.sender_id == self._own_id else "author"]))
        segments.append(Segment(" " * (room + 1 - cell_len(name)), self._base))
        return segments

    def _finish(self, item: Item, line: int, segments: list[Segment], columns: Columns) -> Strip:
        """Such a line from its indent and what it shows."""
        used = cells_of(segments)
        if any(isolating(segment.text) for segment in segments):
            segments.append(self._isolation)
        if line == item.lead and (item.mark or item.stamped):
            used += self._add_state(segments, item, used, columns)
        segments.append(Segment(" " * (columns.width - used), self._base))
        return _strip(segments, columns)

    def _add_state(self, segments: list[Segment], item: Item, used: int, columns: Columns) -> int:
        """Put the message's time and mark at the right end of its line; returns the cells they took."""
        at_right = item.stamped and not columns.beside and columns.body < columns.text - TIME_CELLS
        time = self._days.clock(item.at) if at_right else ""
        mark = self._seen_mark(item.key) if item.mark is Mark.SENT else MARKS[item.mark]
        space = PADDING + columns.text - used - len(time) - MARK_CELLS
        segments.append(Segment(" " * space, self._base))
        segments.append(Segment(time, self._styles["time"]))
        style = self._styles["failed" if item.mark is Mark.FAILED else "mark"]
        segments.append(Segment(mark.rjust(MARK_CELLS), style))
        return space + len(time) + MARK_CELLS

    def _date(self, item: Item, line: int, columns: Columns) -> Strip:
        return self._rule([(self._days.date(item.at), self._styles["date"])], columns, self._styles["date"])

    def _new(self, item: Item, line: int, columns: Columns) -> Strip:
        return self._rule([(self._unread_text, self._styles["new"])], columns, self._styles["new"])

    def _forwarded(self, item: Item, line: int, columns: Columns) -> Strip:
        text = clip(f"↪ from {self.name(item.forwarded_from)}", columns.body)
        return self._own(item, line, Segment(text, self._styles["quote"]), columns)

    def _quote(self, item: Item, line: int, columns: Columns) -> Strip:
        said = "an earlier message"
        if item.quote is not None:
            author, text = item.quote
            said = f"{self.name(author)}: {text}"
        return self._own(item, line, Segment(clip(f"│ {said}", columns.body), self._styles["quote"]), columns)

    def name(self, user_id: int) -> str:
        """What an author is called here."""
        return "You" if user_id == self._own_id else self._names(user_id)

    def _system(self, item: Item, line: int, columns: Columns) -> Strip:
        # Ruled and centred, with the parts that people chose set off by style: no message or name looks like it.
        plain, name = self._styles["system"], self._styles["system-name"]
        told = [self._worded(part) for part in item.told[item.lines[line][1]]]
        words = sum(cell_len(text) for text, chosen in told if not chosen)
        # What room our own words, the time and some rule leave is shared by what people chose, the shortest first.
        room, left = columns.text - words - RULE_MIN, sum(chosen for _, chosen in told)
        shares: dict[str, int] = {}
        for text in sorted((text for text, chosen in told if chosen), key=cell_len):
            shares[text] = max(3, min(cell_len(text), room // left))
            room -= shares[text]
            left -= 1
        parts = [(_shortened(text, shares[text]), name) if chosen else (text, plain) for text, chosen in told]
        return self._rule([*parts, (f" · {self._days.clock(item.at)}", plain)], columns, plain)

    def _worded(self, part: int | str | Quoted) -> tuple[str, bool]:
        """What a part of a line of the system says, and whether somebody chose it."""
        if isinstance(part, Quoted):
            return f"“{part.text}”", True
        return (part, False) if isinstance(part, str) else (self.name(part), True)

    def _gap(self, item: Item, line: int, columns: Columns) -> Strip:
        count = len(item.lines) - item.lead
        if (line - item.lead) % _GAP_EVERY != min(_GAP_EVERY, count) // 2:
            return self.blank(columns)
        first, last = self._hole_around(item.key, item.last_key)
        missing = last - first + 1
        text = f"… {missing:,} message{'s' if missing > 1 else ''} not loaded yet{self.gap_note} …"
        return self._centred(text, self._styles["gap"], columns)

    def _note(self, item: Item, line: int, columns: Columns) -> Strip:
        _, start, end = item.lines[line]
        style = self._styles["failed" if item.mark is Mark.FAILED else "mark"]
        return self._row([(" " * columns.indent, self._base), (item.note[start:end], style)], columns)

    def _hint_line(self, item: Item, line: int, columns: Columns) -> Strip:
        return self._centred(item.text or self._hint, self._styles["hint"], columns)

    def _error(self, item: Item, line: int, columns: Columns) -> Strip:
        text = "This cannot be shown; the log says why."
        if item.last_key > item.key:
            text = f"{item.last_key - item.key + 1} messages cannot be shown; the log says why."
        return self._row([(" " * INDENT, self._base), (f"✗ {text}", self._styles["failed"])], columns)

    def _row(self, parts: list[Part], columns: Columns) -> Strip:
        """Parts from the left edge of the column of text; what does not fit is cut."""
        segments = [Segment(" " * PADDING, self._base)]
        room = columns.width - PADDING
        for text, style in parts:
            shown = clip(text, room)
            room -= cell_len(shown)
            segments.append(Segment(shown, style))
            if isolating(shown):
                segments.append(self._isolation)
        segments.append(Segment(" " * room, self._base))
        return _strip(segments, columns)

    def _centred(self, text: str, style: Style, columns: Columns) -> Strip:
        shown = clip(text, columns.text)
        return self._row([(" " * ((columns.text - cell_len(shown)) // 2), self._base), (shown, style)], columns)

    def _rule(self, parts: list[Part], columns: Columns, rule: Style) -> Strip:
        """Parts in the middle of a rule across the column of text."""
        space = columns.text - sum(cell_len(text) for text, _ in parts) - 2
        left = max(0, space // 2)
        right = max(0, space - left)
        line = [("─" * left + " ", rule), *parts, (" " + "─" * right, rule)]
        return self._row(line, columns)


def _strip(segments: list[Segment], columns: Columns) -> Strip:
    return Strip([segment for segment in segments if segment.text], columns.width)


def _shortened(text: str, width: int) -> str:
    """`clip` that keeps a closing quotation mark."""
    if cell_len(text) > width and text.endswith("”"):
        return clip(text[:-1], width - 1) + "”"
    return clip(text, width)


def isolating(text: str) -> bool:
    """Whether what follows a text on its line needs to be kept apart from it."""
    return not text.isascii() and RIGHT_TO_LEFT.search(text) is not None


def cells_of(segments: list[Segment]) -> int:
    """Terminal cells of segments together."""
    return sum(cell_len(segment.text) for segment in segments)
