"""A modal list to pick from by typing: of any length, ranked as one types, from items or from a function."""

import asyncio
import inspect
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Final, Generic, NamedTuple, TypeVar

from textual import events, on
from textual.app import App, ComposeResult
from textual.await_complete import AwaitComplete
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.worker import Worker

from chatproto.errors import ChatError
from chatproto.text import terminal_safe
from chatterm.client.errors import ClientError
from chatterm.tui import fuzzy
from chatterm.tui.actions import key_label
from chatterm.tui.line import Line, Part
from chatterm.tui.picker_rows import PickerLine, PickerRows, Row

_log = logging.getLogger("chatterm.tui")
T = TypeVar("T")
R = TypeVar("R")
Rows = Sequence[Row[T]]
Source = Callable[[str], "Rows[T] | Awaitable[Rows[T]] | AsyncIterator[Rows[T]]"]
"""Gives the rows for a needle, in their order: at once, later, or piece by piece, each time all that is known.

A function that returns something to wait for is cancelled when the needle changes; one that asks a server should
sleep a little first, so that only the needle at which somebody pauses is asked for.
"""
SLICE_S: Final = 0.008
"""A search lets keys and frames go first after this long."""
MARK_AFTER_S: Final = 0.15
"""A search that takes longer than this is told."""
_COLUMNS: Final = [(0, "-narrow"), (60, "-normal")]
_LINES: Final = [(0, "-short"), (16, "-tall")]
__all__ = ["ManyPicker", "Picker", "Row", "Rows", "Shortcut", "Source", "ranked"]


class Shortcut(NamedTuple, Generic[T]):
    """A key that acts on the row at the cursor while nothing is written; the picker stays."""

    key: str
    title: Callable[[T], str]
    """What it does with a row, safe for the terminal; empty if nothing."""
    act: Callable[[T], None]
    """Must not raise."""


def ranked(items: Rows[T]) -> "Source[T]":
    """A source that searches these items, in slices of time, however many they are."""

    def text_of(index: int) -> str:
        return fuzzy.fold(items[index].searched)

    index = fuzzy.Index(len(items), text_of)

    async def search(needle: str) -> Rows[T]:
        steps = index.search(fuzzy.words_of(needle), lambda i: items[i].weight)
        return [items[i] for i in await in_slices(steps)]

    def source(needle: str) -> "Rows[T] | Awaitable[Rows[T]]":
        return search(needle) if needle.strip() else items

    return source


async def in_slices(steps: fuzzy.Steps) -> list[int]:
    """Drive a search to its end, and let others work every `SLICE_S`."""
    pause_at = time.perf_counter() + SLICE_S
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return list(end.value)
        if time.perf_counter() >= pause_at:
            await asyncio.sleep(0)
            pause_at = time.perf_counter() + SLICE_S


class _Foot(Line):
    """What the keys do here; its parts can be clicked on."""

    DEFAULT_CSS = "_Foot { padding: 0 1; background: $surface; }"

    def __init__(self, parts: Callable[[], Sequence[Part]], act: Callable[[str], None]) -> None:
        super().__init__()
        self._parts = parts
        self._act = act

    def left(self) -> Sequence[Part]:
        return self._parts()

    def clicked(self, part: Part) -> None:
        self._act(part.action)


class PickerScreen(ModalScreen[R | None], Generic[T, R]):
    """What both pickers share: a title, the needle, the rows, and a line that says what the keys do."""

    DEFAULT_CSS = """
    PickerScreen { align: center middle; background: $background 60%; }
    PickerScreen #picker {
        width: 76; max-width: 100%; height: 26; max-height: 100%; padding: 0 1;
        background: $surface; border: round $line;
    }
    PickerScreen.-tall PickerRows { margin: 1 0; }
    PickerScreen.-narrow #picker { width: 100%; padding: 0; }
    PickerScreen.-short #picker { height: 100%; border: none; }
    """
    HORIZONTAL_BREAKPOINTS: list[tuple[int, str]] | None = _COLUMNS
    VERTICAL_BREAKPOINTS: list[tuple[int, str]] | None = _LINES
    AUTO_FOCUS = "PickerLine"
    _chooses_many = False

    def __init__(
        self,
        title: str,
        source: "Rows[T] | Source[T]",
        *,
        needle: str = "",
        placeholder: str = "type to find",
        empty: str = "Nothing matches. Backspace shortens what you typed.",
        hint: str = "",
        verb: str = "choose",
        shortcuts: "Sequence[Shortcut[T]]" = (),
    ) -> None:
        """`source`: rows, which are then ranked by the needle, or a function that gives them for a needle.

        `empty` says what to do when there are none, `verb` what Enter does, `hint` is the footer's last word. All
        texts may be anybody's: they are made safe for the terminal here, and never read as markup.
        """
        super().__init__()
        self._source: Source[T] = source if callable(source) else ranked(source)
        self._empty = terminal_safe(empty)
        self._hint = terminal_safe(hint)
        self._verb = terminal_safe(verb)
        self.line = PickerLine(terminal_safe(title), needle, terminal_safe(placeholder))
        self.rows: PickerRows[T] = PickerRows(many=self._chooses_many)
        self._shortcuts = {shortcut.key: shortcut for shortcut in shortcuts}
        self.line.shortcuts = frozenset(self._shortcuts)
        self._foot = _Foot(self._foot_parts, self._act)
        self._search: Worker[None] | None = None
        self._found: Awaitable[Rows[T]] | AsyncIterator[Rows[T]] | None = None
        self._mark: Timer | None = None
        self._choose_when_found = False

    def compose(self) -> ComposeResult:
        with Vertical(id="picker"):
            yield self.line.title_line
            yield self.line
            yield self.rows
            yield self._foot

    def on_mount(self) -> None:
        self._find()

    def dismiss(self, result: R | None = None) -> AwaitComplete:
        """Leave with a result. A key or a click that comes after that means nothing any more."""
        return super().dismiss(result) if self.is_current else AwaitComplete()

    async def pick(self, app: App[Any]) -> R | None:
        """Show the picker and wait for what is picked; None if somebody left it."""
        picked: asyncio.Future[R | None] = asyncio.get_running_loop().create_future()

        def take(result: R | None) -> None:
            if not picked.done():
                picked.set_result(result)

        app.push_screen(self, take)
        return await picked

    # --- searching ---

    @on(PickerLine.Changed)
    def _find(self) -> None:
        self._stop_search()
        self._choose_when_found = False
        needle = self.line.text
        try:
            found = self._source(needle)
        except Exception as error:  # whatever a source raises, the picker can still be left
            self._failed(error)
            return
        if isinstance(found, Sequence):
            self._show(found, fresh=True)
        else:
            self.line.show_searching(False)
            self._mark = self.set_timer(MARK_AFTER_S, lambda: self.line.show_searching(True))
            self._found = found

            async def follow() -> None:
                await self._follow(found)

            self._search = self.run_worker(follow, group="search", exclusive=True)

    async def _follow(self, found: "Awaitable[Rows[T]] | AsyncIterator[Rows[T]]") -> None:
        """Show what a search brings, as it comes."""
        try:
            fresh = True
            if inspect.isawaitable(found):
                self._show(await found, fresh=True)
            else:
                async for rows in found:
                    self._show(rows, fresh=fresh)
                    fresh = False
        except Exception as error:  # as above
            self._failed(error)
        self._search = None
        self._stop_mark()
        if self._choose_when_found:
            self._choose()

    def again(self) -> None:
        """What the source gives has changed: ask it once more, with the cursor where it is."""
        found = self._source(self.line.text)
        if isinstance(found, Sequence):
            self._show(found, fresh=False)
        else:
            self._find()

    def _show(self, rows: Rows[T], *, fresh: bool) -> None:
        self.rows.show(rows, fuzzy.words_of(self.line.text), self._empty, fresh=fresh)
        self.line.show_found(len(rows))
        self._foot.refresh()

    def _failed(self, error: Exception) -> None:
        if isinstance(error, ChatError | ClientError):
            info = error.info()
            told = f"{info.message} {info.hint}".strip()
        else:
            _log.error("a picker's search failed", exc_info=error)
            told = f"The search failed: {type(error).__name__}: {error}. The log has the details."
        self.rows.show((), (), terminal_safe(told), fresh=True)
        self.line.show_found(0)

    def _stop_search(self) -> None:
        if self._search is not None:
            self._search.cancel()
            self._search = None
            if inspect.iscoroutine(self._found) and inspect.getcoroutinestate(self._found) == inspect.CORO_CREATED:
                self._found.close()  # the next key came before it had begun
            self._found = None
        self._stop_mark()

    def _stop_mark(self) -> None:
        if self._mark is not None:
            self._mark.stop()
            self._mark = None
        self.line.show_searching(False)

    # --- what the keys and the mouse ask for ---

    @on(PickerLine.Asked)
    def _asked(self, message: PickerLine.Asked) -> None:
        self._act(message.action)

    def _act(self, action: str) -> None:
        if action == "choose":
            self._choose_when_found = self._search is not None
            if not self._choose_when_found:
                self._choose()
        elif action == "back":
            self.dismiss(None)
        elif action == "tab":
            self._tab()
        elif action in self._shortcuts:
            self._use(self._shortcuts[action])
        else:
            self.rows.move(action)
            self._foot.refresh()

    def _use(self, shortcut: Shortcut[T]) -> None:
        row = self.rows.current
        if row is not None and shortcut.title(row.value):
            shortcut.act(row.value)

    def _tab(self) -> None:
        self.rows.move("cursor_down")

    @on(PickerRows.Clicked)
    def _clicked(self) -> None:
        self._row_clicked()

    def on_key(self, event: events.Key) -> None:
        if self.focused is None:  # keys that came before the needle's line was there belong to it all the same
            self.line.on_key(event)

    def on_click(self, event: events.Click) -> None:
        if event.widget is self:  # beside the box
            self.dismiss(None)

    def _row_clicked(self) -> None:
        self._choose()

    def _choose(self) -> None:
        raise NotImplementedError

    def _foot_parts(self) -> Sequence[Part]:
        raise NotImplementedError

    def _last_parts(self) -> Sequence[Part]:
        leave = (Part("Esc", "normal", "back"), Part(" leave", "quiet", "back"))
        return (*self._shortcut_parts(), *leave, Part("   " + self._hint if self._hint else "", "quiet"))

    def _shortcut_parts(self) -> Sequence[Part]:
        """What the shortcuts do with the row at the cursor."""
        row = self.rows.current
        parts: list[Part] = []
        for key, shortcut in self._shortcuts.items():
            title = shortcut.title(row.value) if row is not None and not self.line.text else ""
            if title:
                parts += (Part(key_label(key), "normal", key), Part(f" {title}   ", "quiet", key))
        return parts


class Picker(PickerScreen[T, T]):
    """Picks one: the result is its row's value, or None if somebody left."""

    def _choose(self) -> None:
        row = self.rows.current
        if row is not None:
            self.dismiss(row.value)

    def _foot_parts(self) -> Sequence[Part]:
        return (Part("Enter", "normal", "choose"), Part(f" {self._verb}   ", "quiet", "choose"), *self._last_parts())


class ManyPicker(PickerScreen[T, tuple[T, ...]]):
    """Picks any number: Tab or a click marks a row, Enter takes all that are marked, else the one at the cursor.

    The result is the values in the order in which they were marked, or None if somebody left. Values must be
    hashable: they stay marked while one searches for others.
    """

    _chooses_many = True

    def _tab(self) -> None:
        self.rows.toggle()
        self.rows.move("cursor_down")
        self._foot.refresh()

    def _row_clicked(self) -> None:
        self.rows.toggle()
        self._foot.refresh()

    def _choose(self) -> None:
        row = self.rows.current
        if self.rows.marked:
            self.dismiss(tuple(self.rows.marked))
        elif row is not None:
            self.dismiss((row.value,))

    def _foot_parts(self) -> Sequence[Part]:
        count = len(self.rows.marked)
        done = f" take {count:,} marked   " if count else " take   "
        return (
            *(Part("Tab", "normal", "tab"), Part(" mark   ", "quiet", "tab")),
            *(Part("Enter", "normal", "choose"), Part(done, "strong" if count else "quiet", "choose")),
            *self._last_parts(),
        )
