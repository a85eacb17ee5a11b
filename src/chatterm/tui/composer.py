"""The composer: several lines of input that repaint only themselves at a key."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar, Final, Protocol

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Offset
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget
from textual.worker import Worker

from chatproto import limits
from chatproto.errors import ErrorInfo
from chatproto.text import strip_terminal_codes, terminal_safe
from chatterm.tui.actions import current as keymap
from chatterm.tui.editor import Editor
from chatterm.tui.graphemes import fit
from chatterm.tui.guard import Guarded
from chatterm.tui.softwrap import Layout

ROWS_MAX: Final = 6
COPYING_S: Final = 0.3
"""Files that take longer than this to copy are told of."""
_MOVES: Final = ("left", "right", "word_left", "word_right", "line_start", "line_end", "up", "down")
_SELECTING: Final = {f"select_{move}": move for move in _MOVES}
OWN: Final = frozenset(
    ("submit", "newline", "up", "down", "cut", "copy", "to_messages", "older_text", "newer_text", *_SELECTING)
)
"""Actions that concern more than the editor; the others are its methods."""

Submit = Callable[[str], Awaitable[ErrorInfo | None]]
"""Stores a message; answers why it could not."""


class Helper(Protocol):
    """Helps with what is written; called at every key, so it must be quick."""

    def key(self, key: str, action: str | None) -> bool:
        """A key, and the action of the composer it stands for; True if it was meant for the helper."""
        ...

    def moved(self) -> None:
        """The text or the cursor changed."""
        ...

    def left(self) -> None:
        """The keys go elsewhere now."""
        ...

    def pasted(self, text: str) -> bool:
        """Text is pasted; True if the helper has taken it."""
        ...


class Composer(Guarded, Widget, can_focus=True):
    """An input whose size changes only with its number of rows, so that a key costs no layout.

    Enter hands the text to `submit` and clears it only once that has succeeded; keys typed meanwhile wait
    in the widget's own queue and come after it.
    """

    DEFAULT_CSS = """
    Composer {
        height: 3;
        padding: 0 1;
        border: round $line;
        background: $background;
        &:focus { border: round $primary; }
        & .composer--text { color: $foreground; }
        & .composer--hint { color: $quiet; }
        & .composer--selected { background: $primary 45%; color: $foreground; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"composer--text", "composer--hint", "composer--selected"}
    ALLOW_SELECT = False  # the composer has a selection of its own, which can be written over

    @dataclass
    class Changed(Message):
        """The text changed."""

        text: str

    @dataclass
    class Noted(Message):
        """Something about the text should be known: why it was refused, or that it is too long; empty: all is well."""

        text: str

    @dataclass
    class EdgeWanted(Message):
        """Home or End in an empty composer: the messages are meant."""

        newest: bool

    class Left(Message):
        """The user wants to go to the messages."""

    def __init__(self, submit: Submit) -> None:
        super().__init__()
        self.editor = Editor()
        self.placeholder = ""
        self.helper: Helper | None = None
        self._sending: Worker[None] | None = None
        self.carries = False
        """Whether there is something to send even without text."""
        self._submit = submit
        self._top = 0
        self._noted = ""
        self._loads = 0
        self._folded: Layout | None = None
        self._stale = False

    # --- content ---

    @property
    def text(self) -> str:
        return self.editor.text

    def load(self, text: str, placeholder: str = "", marks: Iterable[tuple[int, int, int, int]] = ()) -> None:
        """Show another text, e.g. the draft of another chat. `placeholder` must be safe for a terminal."""
        self.placeholder = placeholder
        self._loads += 1
        self.editor.load(text, marks)
        self._touched()
        self._note_length()

    def insert(self, text: str) -> None:
        """Insert text from outside at the cursor: terminal codes removed, line ends unified, never cut short."""
        if self.editor.insert(strip_terminal_codes(text)):
            self.edited()
        else:
            self._note(f"That is too much text to paste ({len(text):,} characters); send it as a file.")

    def clear(self) -> None:
        """Empty the text; undo brings it back."""
        self.editor.clear()
        self.edited()

    def edited(self) -> None:
        """The text was changed through the editor: draw it and tell everybody."""
        self._touched()
        self._note_length()
        self.post_message(self.Changed(self.text))

    def _note_length(self) -> None:
        size = sum(map(len, self.editor.lines)) + len(self.editor.lines) - 1
        if size * 4 > limits.MESSAGE_MAX_BYTES:
            size = len(self.text.encode(errors="replace"))
        too_long = size > limits.MESSAGE_MAX_BYTES
        told = f"{size:,} of {limits.MESSAGE_MAX_BYTES:,} bytes: too long to send. Shorten or split it."
        self._note(told if too_long else "")

    def _note(self, text: str) -> None:
        if text != self._noted:
            self._noted = text
            self.post_message(self.Noted(text))

    # --- drawing ---

    def _layout_now(self) -> Layout:
        width = max(4, self.content_size.width)
        if self._folded is None or self._stale or self._folded.width != width:
            editor = self.editor
            self._folded = Layout(editor.lines, editor.row, editor.column, width, self._folded)
            self._stale = False
        return self._folded

    def _touched(self) -> None:
        """The text or the cursor changed: fold again, grow or shrink by rows, repaint only this widget."""
        self._stale = True
        if not self.is_attached:
            return
        if self.helper is not None:
            self.helper.moved()
        layout = self._layout_now()
        rows = min(len(layout.folds), ROWS_MAX)
        height = rows + self.gutter.height
        if self.styles.height is None or self.styles.height.value != height:
            self.styles.height = height
        self._top = min(max(self._top, layout.cursor_y - rows + 1), layout.cursor_y, len(layout.folds) - rows)
        self._place_cursor(layout)
        self.refresh()

    def _place_cursor(self, layout: Layout) -> None:
        """Tell the terminal where its own cursor belongs: input methods open their windows there."""
        if self.has_focus:
            content = self.content_region
            self.app.cursor_position = Offset(content.x + layout.cursor_x, content.y + layout.cursor_y - self._top)

    def on_resize(self) -> None:
        self._touched()

    def on_focus(self) -> None:
        self._touched()

    def on_blur(self) -> None:
        if self.helper is not None:
            self.helper.left()

    def render_line(self, y: int) -> Strip:
        width = self.content_size.width
        if self.editor.is_empty:
            return self._draw_placeholder(y, width)
        layout = self._layout_now()
        text = self.get_component_rich_style("composer--text")
        row = y + self._top
        if row >= len(layout.folds):
            return Strip.blank(width, self.rich_style)
        selection = self.editor.selection
        line, fold = layout.folds[row]
        segments: list[Segment] = []
        used = 0
        for cell in fold.cells:
            at_cursor = self.has_focus and row == layout.cursor_y and used == layout.cursor_x
            style = text
            if selection is not None and selection[0] <= (line, cell.start) < selection[1]:
                style = self.get_component_rich_style("composer--selected")
            segments.append(Segment(cell.shown, style + Style(reverse=True) if at_cursor else style))
            used += cell.width
        if self.has_focus and row == layout.cursor_y and used == layout.cursor_x and used < width:
            segments.append(Segment(" ", text + Style(reverse=True)))
            used += 1
        return Strip(segments, used).simplify().adjust_cell_length(width, self.rich_style)

    def _draw_placeholder(self, y: int, width: int) -> Strip:
        if y or width < 2:
            return Strip.blank(width, self.rich_style)
        hint = self.get_component_rich_style("composer--hint")
        shown = fit(self.placeholder, width - 1)
        return Strip(
            [Segment(" ", hint + Style(reverse=True) if self.has_focus else hint), Segment(shown, hint)], width
        )

    # --- keys, paste, mouse ---

    async def on_key(self, event: events.Key) -> None:
        action = keymap().table("composer").get(event.key)
        if self._waits_for_copies(event.key) or (self.helper is not None and self.helper.key(event.key, action)):
            event.stop()
            event.prevent_default()
        elif action in ("line_start", "line_end") and event.key in ("home", "end") and self.editor.is_empty:
            event.stop()
            self.post_message(self.EdgeWanted(newest=action == "line_end"))
        elif action is not None:
            event.stop()
            await self._act(action)
        elif event.character is not None and event.is_printable:
            event.stop()
            if self.editor.insert(event.character):
                self.edited()

    async def _act(self, action: str) -> None:
        if action in _SELECTING:
            move = _SELECTING[action]
            step = {"up": -1, "down": 1}.get(move)
            self.editor.select(getattr(self.editor, move) if step is None else lambda: self._move_row(step))
            self._touched()
        elif action not in OWN:
            before = self.editor.lines[:]
            getattr(self.editor, action)()
            self._acted(before)
        elif action == "submit":
            await self._send()
        elif action == "newline":
            if self.editor.insert("\n"):
                self.edited()
        elif action in ("up", "down"):
            self.editor.anchor = None
            self._move_row(-1 if action == "up" else 1)
        elif action in ("cut", "copy"):
            self.copy_selection(cut=action == "cut")
        elif action == "to_messages":
            self.post_message(self.Left())

    def _acted(self, before: list[str]) -> None:
        """The editor did something: tell it if the text is another."""
        if self.editor.lines != before:
            self.edited()
        else:
            self.editor.anchor = None
            self._touched()

    def copy_selection(self, *, cut: bool = False) -> bool:
        """Put what is selected on the clipboard, and take it out of the text if it is cut; False if nothing is."""
        text = self.editor.selected_text
        if not text:
            return False
        self.app.copy_to_clipboard(text)
        if cut:
            self.editor.delete()
            self.edited()
        return True

    async def _send(self) -> None:
        if not self.carries:
            if self.text.strip():
                await self._hand_over()
        elif self._sending is None:
            # Copying files may take long: keys are read meanwhile, so that it can be left.
            self._sending = self.run_worker(self._hand_over(), group="send")
            self.set_timer(COPYING_S, self._note_copying)

    async def _hand_over(self) -> None:
        loads = self._loads
        try:
            error = await self._submit(self.text)
        finally:
            if self._sending is not None:
                self._sending = None
                self._note_length()
        if error is not None:
            self._note(terminal_safe(f"Not sent: {error.message} {error.hint}".strip()))
        elif loads == self._loads:  # else another chat is on screen by now
            self.load("", self.placeholder)

    def _note_copying(self) -> None:
        if self._sending is not None:
            self._note("◌ Copying the files… Esc gives up.")

    def _waits_for_copies(self, key: str = "") -> bool:
        """Whether files are being copied, and nothing can be written; Esc leaves that."""
        if self._sending is None:
            return False
        if key == "escape":
            self._sending.cancel()
        return True

    def _move_row(self, step: int) -> None:
        layout = self._layout_now()
        y = layout.cursor_y + step
        if y < 0:
            self.editor.move_to(0, 0)
        elif y >= len(layout.folds):
            self.editor.move_to(len(self.editor.lines), len(self.editor.lines[-1]))
        else:
            self.editor.move_to(*layout.place(layout.cursor_x, y))
        self._touched()

    def on_paste(self, event: events.Paste) -> None:
        event.stop()
        if self._waits_for_copies():
            return
        if self.helper is None or not self.helper.pasted(event.text):
            self.insert(event.text)

    # A press places the cursor, dragging selects from there; two clicks select a word, three a line.

    def on_mouse_down(self, event: events.MouseDown) -> None:
        if event.button == 1 and self._point(event):
            self.editor.anchor = (self.editor.row, self.editor.column)
            self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        if self.app.mouse_captured is self:
            self.editor.select(lambda: self._point(event))
            self._touched()

    def on_mouse_up(self) -> None:
        self.release_mouse()

    def on_click(self, event: events.Click) -> None:
        if event.chain > 1:
            (self.editor.select_word if event.chain == 2 else self.editor.select_line)()
            self._touched()

    def _point(self, event: events.MouseEvent) -> bool:
        """Put the cursor where the mouse is; False outside the text while it is not captured."""
        captured = self.app.mouse_captured is self
        content = event.get_content_offset_capture(self) if captured else event.get_content_offset(self)
        if content is None:
            return False
        self.editor.move_to(*self._layout_now().place(max(0, content.x), max(0, content.y + self._top)))
        self._touched()
        return True
