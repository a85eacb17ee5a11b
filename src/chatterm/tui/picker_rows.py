"""What a picker consists of: a row, the line with the needle, and the rows, of which only those in sight are drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Generic, NamedTuple, TypeVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Offset, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from chatproto.text import strip_terminal_codes, terminal_safe
from chatterm.tui import fuzzy
from chatterm.tui.actions import current as keymap
from chatterm.tui.composer import OWN as COMPOSER_ONLY
from chatterm.tui.editor import Editor
from chatterm.tui.graphemes import fit, graphemes
from chatterm.tui.guard import Guarded
from chatterm.tui.line import Line, Part
from chatterm.tui.timeline.wrap import clip, wrap

NEEDLE_MAX: Final = 128
_MOVES: Final = frozenset(("cursor_up", "cursor_down", "list_page_up", "list_page_down", "choose", "back"))
_KEYS: Final = {
    "tab": "tab",
    "shift+tab": "cursor_up",
    "ctrl+n": "cursor_down",
    "ctrl+p": "cursor_up",
    "ctrl+home": "first",
    "ctrl+end": "last",
}
"""Keys of a picker beside those of the client list."""
T = TypeVar("T")


class Row(NamedTuple, Generic[T]):
    """One thing to pick. Its texts may be anybody's: the picker makes them safe for the terminal."""

    label: str
    value: T
    detail: str = ""
    """Said at the right, quietly."""
    sign: str = ""
    """One cell, before the label."""
    keywords: str = ""
    """Found as the label is, but not shown."""
    weight: int = 0
    """Added to how well the row matches, of at most 120: what was used lately should come before its equals."""

    @property
    def searched(self) -> str:
        """All that is searched."""
        return "\t".join(part for part in (self.label, self.detail, self.keywords) if part)


class PickerLine(Line, can_focus=True):
    """The needle, edited as in the composer; hands on the keys that move in the rows."""

    DEFAULT_CSS = """
    PickerLine { padding: 0 1; background: $panel; }
    """

    class Changed(Message):
        """The needle changed."""

    @dataclass
    class Asked(Message):
        """A key asked for something of the rows."""

        action: str

    def __init__(self, title: str, needle: str, placeholder: str) -> None:
        """`title` and `placeholder` must be safe for the terminal."""
        super().__init__()
        self.title_line = _Title(title)
        self._editor = Editor(" ".join(needle.split())[:NEEDLE_MAX])
        self._placeholder = placeholder
        self._searching = False
        self._found = 0
        self.shortcuts: frozenset[str] = frozenset()
        """Keys that are asked for by name while nothing is written."""

    @property
    def text(self) -> str:
        return self._editor.text

    def restart(self, title: str) -> None:
        """Something else is picked from: another title, safe for the terminal, and no needle."""
        self.title_line.show(title)
        self._editor = Editor("")
        self.refresh()

    def show_found(self, found: int) -> None:
        """So many rows are shown."""
        self._found = found
        self.refresh()

    def show_searching(self, on: bool) -> None:
        """A search takes a while, or is over."""
        if on != self._searching:
            self._searching = on
            self.refresh()

    def left(self) -> Sequence[Part]:
        line, column = self._editor.lines[0], self._editor.column
        if not line:
            return (Part("› ", "accent"), Part("▏", "accent"), Part(self._placeholder, "quiet"))
        start, end = (at[1] for at in self._editor.selection or ((0, column), (0, column)))
        before, chosen, after = (terminal_safe(each) for each in (line[:start], line[start:end], line[end:]))
        room = max(1, self.content_size.width - 16)
        while before and cell_len(before + chosen) > room:
            before = before[graphemes(before)[0].end :]
        cursor, selected = Part("▏", "accent"), Part(chosen, "selected")
        middle = (cursor, selected) if column < end else (selected, cursor)
        return (Part("› ", "accent"), Part(before, "strong"), *middle, Part(after, "strong"))

    def right(self) -> Sequence[Part]:
        return (Part("searching…" if self._searching else f"{self._found:,}", "quiet"),)

    def _place_cursor(self) -> None:
        """Input methods open their windows at the terminal's own cursor."""
        content = self.content_region
        x = min(2 + cell_len(self._editor.lines[0][: self._editor.column]), max(0, content.width - 1))
        self.app.cursor_position = Offset(content.x + x, content.y)

    def on_key(self, event: events.Key) -> None:
        if event.key in self.shortcuts and not self.text:
            event.stop()
            event.prevent_default()
            self.post_message(self.Asked(event.key))
            return
        asked = _KEYS.get(event.key) or keymap().table("list").get(event.key)
        editing = keymap().table("composer").get(event.key)
        if asked is not None and (event.key in _KEYS or asked in _MOVES):
            event.stop()
            event.prevent_default()
            self.post_message(self.Asked(asked))
        elif editing is not None:
            event.stop()
            if editing not in COMPOSER_ONLY:
                before = self.text
                getattr(self._editor, editing)()
                self._edited(before)
        elif event.character is not None and event.is_printable:
            event.stop()
            self._insert(event.character)

    def on_paste(self, event: events.Paste) -> None:
        event.stop()
        self._insert(" ".join(strip_terminal_codes(event.text[: 4 * NEEDLE_MAX]).split()))

    def _insert(self, text: str) -> None:
        before = self.text
        if len(before) + len(text) <= NEEDLE_MAX:
            self._editor.insert(text)
            self._edited(before)

    def _edited(self, before: str) -> None:
        self._editor.anchor = None
        self._place_cursor()
        self.refresh()
        if self.text != before:
            self.post_message(self.Changed())

    def on_focus(self) -> None:
        self._place_cursor()


class _Title(Line):
    """What is picked here."""

    DEFAULT_CSS = "_Title { padding: 0 1; background: $surface; }"

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title

    def show(self, title: str) -> None:
        self._title = title
        self.refresh()

    def left(self) -> Sequence[Part]:
        return (Part(self._title, "strong"),)


class PickerRows(Guarded, ScrollView, Generic[T], can_focus=False):
    """The rows: any number, one line each, with a cursor and, if several may be picked, marks."""

    DEFAULT_CSS = """
    PickerRows {
        height: 1fr;
        overflow-x: hidden;
        overflow-y: auto;
        background: $surface;
        scrollbar-size-vertical: 1;
        scrollbar-background: $surface;
        scrollbar-background-hover: $surface;
        scrollbar-background-active: $surface;
        & .picker--row { color: $foreground 85%; }
        & .picker--found { color: $foreground; text-style: bold underline; }
        & .picker--cursor { background: $primary 35%; color: $foreground; }
        & .picker--bar { color: $accent; text-style: bold; }
        & .picker--quiet { color: $quiet; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"picker--{name}" for name in ("row", "found", "cursor", "bar", "quiet")}

    class Clicked(Message):
        """A row was clicked on; the cursor is there now."""

    def __init__(self, *, many: bool) -> None:
        super().__init__()
        self.marked: dict[T, None] = {}
        """Values of the marked rows, in the order of marking."""
        self._many = many
        self._rows: Sequence[Row[T]] = ()
        self._words: tuple[str, ...] = ()
        self._empty = ""
        self._at = 0

    @property
    def current(self) -> Row[T] | None:
        """The row at the cursor; None if there are none."""
        return self._rows[self._at] if self._at < len(self._rows) else None

    def show(self, rows: Sequence[Row[T]], words: tuple[str, ...], empty: str, *, fresh: bool) -> None:
        """Show other rows; `fresh` puts the cursor on the first one. `empty` is said if there are none, and safe."""
        self._rows, self._words, self._empty = rows, words, empty
        self._at = 0 if fresh else min(self._at, max(0, len(rows) - 1))
        if self.virtual_size.height != len(rows):
            self.virtual_size = Size(0, len(rows))
        if fresh:
            self.scroll_to(y=0, animate=False)
        self.refresh()

    def move(self, action: str) -> None:
        """Move the cursor as an action of the client list does."""
        page = max(1, self.size.height - 1)
        steps = {"cursor_up": -1, "cursor_down": 1, "list_page_up": -page, "list_page_down": page}
        count = len(self._rows)
        steps |= {"first": -count, "last": count}
        self._at = min(max(0, self._at + steps.get(action, 0)), max(0, count - 1))
        top, height = self.scroll_offset.y, self.size.height
        if self._at < top:
            self.scroll_to(y=self._at, animate=False)
        elif self._at >= top + height > 0:
            self.scroll_to(y=self._at - height + 1, animate=False)
        self.refresh()

    def toggle(self) -> None:
        """Mark the row at the cursor, or take its mark away."""
        row = self.current
        if row is not None:
            if row.value in self.marked:
                del self.marked[row.value]
            else:
                self.marked[row.value] = None
            self.refresh()

    def on_click(self, event: events.Click) -> None:
        event.stop()
        content = event.get_content_offset(self)
        index = content.y + self.scroll_offset.y if content is not None else -1
        if 0 <= index < len(self._rows):
            self._at = index
            self.refresh()
            self.post_message(self.Clicked())

    # --- drawing ---

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if not self._rows:
            return self._draw_empty(y, width)
        index = y + self.scroll_offset.y
        if index >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        return self._draw(self._rows[index], width, at_cursor=index == self._at)

    def _draw_empty(self, y: int, width: int) -> Strip:
        lines = wrap(self._empty, max(2, width - 4))
        text = self._empty[slice(*lines[y])] if y < len(lines) else ""
        quiet = self.get_component_rich_style("picker--quiet")
        return Strip([Segment("  " + fit(text, max(0, width - 2)), quiet)], width)

    def _draw(self, row: Row[T], width: int, *, at_cursor: bool) -> Strip:
        style = self.get_component_rich_style
        cursor = style("picker--cursor")
        back = cursor.background_style if at_cursor else self.rich_style.background_style
        plain = cursor if at_cursor else style("picker--row")
        quiet = (style("picker--row") if at_cursor else style("picker--quiet")) + back
        found = style("picker--found") + back
        mark = ("✓ " if row.value in self.marked else "  ") if self._many else ""
        sign = fit(terminal_safe(row.sign), 2) if row.sign else ""
        label, detail = terminal_safe(row.label), terminal_safe(row.detail)
        room = width - 2 - len(mark) - cell_len(sign)
        kept = min(cell_len(detail), max(0, room - 2 - min(cell_len(label), room // 2))) if room >= 24 else 0
        detail = clip(detail, kept) if kept >= min(4, cell_len(detail)) else ""
        room -= cell_len(detail) + 2 if detail else 0
        label = clip(label, room)
        in_label, in_detail = self._places(label, detail)
        return Strip(
            [
                Segment("›" if at_cursor else " ", style("picker--bar") + back),
                Segment(mark, style("picker--bar") + back),
                Segment(sign, quiet),
                *_highlighted(label, in_label, plain, found),
                Segment(" " * (room - cell_len(label) + (2 if detail else 0)), back),
                *_highlighted(detail, in_detail, quiet, quiet + Style(bold=True, underline=True)),
                Segment(" ", back),
            ],
            width,
        )

    def _places(self, label: str, detail: str) -> tuple[set[int], set[int]]:
        """The characters of both that match: a word in the label, else in the detail."""
        in_label: set[int] = set()
        in_detail: set[int] = set()
        for word in self._words:
            hit = fuzzy.match(word, fuzzy.fold(label))
            if hit is not None:
                in_label.update(hit[1])
            elif (hit := fuzzy.match(word, fuzzy.fold(detail))) is not None:
                in_detail.update(hit[1])
        return in_label, in_detail


def _highlighted(text: str, places: set[int], plain: Style, found: Style) -> list[Segment]:
    """`text` with the characters at `places` set off, whole graphemes at a time."""
    if not places:
        return [Segment(text, plain)] if text else []
    segments = [
        Segment(text[cell.start : cell.end], plain if places.isdisjoint(range(cell.start, cell.end)) else found)
        for cell in graphemes(text)
    ]
    return list(Segment.simplify(segments))
