"""Dialogs: a title, some fields and buttons; and questions that are answered with yes or no."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Generic, TypeVar

from textual import events, on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input, Static

from chatproto.errors import ChatError, ErrorInfo
from chatproto.text import terminal_safe
from chatterm.client.errors import ClientError
from chatterm.tui.fields import (
    ChoiceField,
    Field,
    FieldRow,
    LinesField,
    PasswordField,
    PickField,
    Push,
    Submitted,
    SwitchField,
    TextField,
)
from chatterm.tui.flow import Flow, Form

__all__ = [
    "CANCEL",
    "Answers",
    "Button",
    "ChoiceField",
    "Dialog",
    "Field",
    "LinesField",
    "PasswordField",
    "PickField",
    "Stay",
    "SwitchField",
    "TextField",
    "ask",
    "confirm",
]

T = TypeVar("T")
_log = logging.getLogger("chatterm.tui")

_ROOMY_ROWS: Final = 20
"""In lower windows, no row is left empty."""
CANCEL: Final = "cancel"
"""Key of the button that leaves without doing anything."""


@dataclass(frozen=True)
class Button:
    """A button of a dialog; the first one is what Enter in a field means."""

    key: str
    label: str
    danger: bool = False


class Stay(Exception):  # noqa: N818 - it is no error, it says what to do
    """Raised by `submit`: the dialog stays as it is, and says this."""


class Answers:
    """What was filled in, by name of field, and the button that was pressed."""

    def __init__(self, values: Mapping[str, str | bool], button: str) -> None:
        self._values = dict(values)
        self.button = button

    def __getitem__(self, name: str) -> str:
        """The text, password or choice of a field."""
        value = self._values[name]
        assert isinstance(value, str), f"{name} is on or off"
        return value

    def on(self, name: str) -> bool:
        """Whether a switch is on."""
        value = self._values[name]
        assert isinstance(value, bool), f"{name} is no switch"
        return value

    def __repr__(self) -> str:
        """Without the values: one may be a password."""
        return f"Answers(button={self.button!r})"


class Dialog(ModalScreen[T | None], Generic[T]):
    """Asks for something. Ends with what `submit` returned, or with None if it was left.

    Texts need not be safe for a terminal: the dialog makes them so, and nothing is read as markup. While `submit`
    works, a mark says so. A `ChatError` or `ClientError` that it raises is shown in place, and everything that was
    filled in stays. Esc leaves at any time; work under way is cancelled. Enter in a field presses the first button,
    Tab, Shift+Tab, ↑ and ↓ go from one to the next, Ctrl+R shows and hides passwords.
    """

    DEFAULT_CSS = """
    Dialog { align: center middle; background: $background 60%; }
    Dialog #box {
        width: 64; max-width: 100%; height: auto; max-height: 100%;
        padding: 1 2; background: $surface; border: round $line;
    }
    Dialog.-wide #box { width: 84; }
    Dialog #title { text-style: bold; height: auto; max-height: 2; }
    Dialog #form { height: auto; scrollbar-size-vertical: 1; margin: 1 0 0 0; }
    Dialog #text { height: auto; color: $foreground 85%; margin: 0 0 1 0; }
    Dialog #told { height: auto; max-height: 4; display: none; margin: 0 0 1 0; }
    Dialog #told.-note { display: block; color: $accent; }
    Dialog #told.-busy { display: block; color: $quiet; }
    Dialog #told.-failed { display: block; color: $error; text-style: bold; }
    Dialog.-low #box { padding: 0 1; }
    Dialog.-low #form { margin: 0; }
    Dialog.-low #text { margin: 0; }
    Dialog.-low #told { margin: 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave", show=False),
        # With priority, so that what is typed ahead of a repaint goes to the next field: it may be a password.
        Binding("tab", "app.focus_next", "Next field", show=False, priority=True),
        Binding("shift+tab", "app.focus_previous", "Field before", show=False, priority=True),
        Binding("up", "app.focus_previous", "Field before", show=False),
        Binding("down", "app.focus_next", "Next field", show=False),
        Binding("ctrl+r", "reveal", "Show passwords", show=False),
        Binding("alt+enter", "submit", "Submit", show=False),
    ]
    AUTO_FOCUS = ""

    def __init__(
        self,
        title: str,
        text: str = "",
        fields: Sequence[Field] = (),
        *,
        submit: Callable[[Answers], Awaitable[T]] | None = None,
        buttons: Sequence[Button] = (Button("ok", "OK"), Button(CANCEL, "Cancel")),
        busy: str = "One moment",
        start_at: int = 0,
    ) -> None:
        """`busy` is what the mark says; `start_at` is the button that has the focus where there is no field."""
        super().__init__()
        self._title = title
        self._text = text
        self._rows = [FieldRow(field) for field in fields]
        self.set_class(any(isinstance(field, PickField) for field in fields), "-wide")  # rows are not wrapped
        self._buttons = tuple(buttons)
        self._pushes = [Push(each.key, each.label, danger=each.danger) for each in self._buttons]
        self._action = submit
        self._busy = busy
        self._start_at = start_at
        self._working = False
        self._focused_before: Widget | None = None
        self._finished: asyncio.Future[T | None] = asyncio.get_running_loop().create_future()

    # --- for subclasses ---

    async def submit(self, answers: Answers) -> T:
        """Do what the dialog is for. Raise `ClientError` or `ChatError` for what is to be corrected."""
        if self._action is None:
            raise NotImplementedError
        return await self._action(answers)

    # --- what it looks like ---

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            yield Static(terminal_safe(self._title), markup=False, id="title")
            with Form(id="form", can_focus=False):
                if self._text:
                    yield Static(terminal_safe(self._text, multiline=True), markup=False, id="text")
                yield from self._rows
            yield Static("", markup=False, id="told")
            with Flow(id="buttons"):
                yield from self._pushes

    def on_mount(self) -> None:
        if not self._rows:
            self._pushes[self._start_at].focus()
            return
        first = next((row for row in self._rows if row.value == ""), self._rows[0])
        first.widget.focus(scroll_visible=first is not self._rows[0])  # else the text above it would scroll away

    def on_resize(self, event: events.Resize) -> None:
        self._fit(event.size.height)

    def _fit(self, height: int) -> None:
        """Leave the buttons on screen, whatever the fields need."""
        low = height < _ROOMY_ROWS
        self.set_class(low, "-low")
        for row in self._rows:
            row.set_class(low, "-tight")
        self.query_one("#form").styles.max_height = max(3, height - (6 if low else 12))

    # --- answering ---

    def values(self) -> dict[str, str | bool]:
        """What is filled in now."""
        return {row.field.name: row.value for row in self._rows}

    def press(self, key: str) -> None:
        """Do what a button does."""
        if key == CANCEL:
            self.action_leave()
        elif not self._working:
            self._work(True)
            self.run_worker(self._run(Answers(self.values(), key)), group="submit")

    async def _run(self, answers: Answers) -> None:
        try:
            result = await self.submit(answers)
        except Stay as stay:
            self._work(False)
            self._tell(str(stay), "-note")
            return
        except Exception as error:  # whatever went wrong, what was filled in stays and can be corrected
            self._work(False)
            self.show_error(_described(error, self._title))
            if isinstance(self.focused, Input) and self.focused.password:
                self.focused.select_all()  # nobody corrects letters that cannot be seen: typing replaces them
            return
        self._end(result)

    def _work(self, working: bool) -> None:
        self._working = working
        if working:
            self._focused_before = self.focused
        for push in self._pushes:
            push.disabled = working and push.key != CANCEL
        if not working and self._focused_before is not None:
            self._focused_before.focus()  # a button that was pressed has lost it
        self._tell(f"◌ {self._busy}… Esc leaves." if working else "", "-busy")

    def show_error(self, error: ErrorInfo) -> None:
        """Say what is to be corrected."""
        self._tell(f"✗ {error.message} {error.hint}".strip(), "-failed")

    def _tell(self, text: str, kind: str) -> None:
        told = self.query_one("#told", Static)
        told.update(terminal_safe(text))
        for each in ("-busy", "-failed", "-note"):
            told.set_class(bool(text) and kind == each, each)

    def _end(self, result: T | None) -> None:
        if not self._finished.done():
            self._finished.set_result(result)
            if self.is_current:
                self.dismiss(result)

    async def finished(self) -> T | None:
        """Wait for the end: what `submit` returned, None if the dialog was left."""
        return await asyncio.shield(self._finished)

    def on_unmount(self) -> None:
        if not self._finished.done():
            self._finished.set_result(None)

    def action_leave(self) -> None:
        self.workers.cancel_node(self)
        self._end(None)

    def action_submit(self) -> None:
        self.press(self._buttons[0].key)

    def action_reveal(self) -> None:
        for row in self._rows:
            row.reveal()

    @on(Push.Pressed)
    def _pressed(self, message: Push.Pressed) -> None:
        self.press(message.key)

    @on(Input.Submitted)
    @on(Submitted)
    def _entered(self) -> None:
        self.action_submit()


def _described(error: Exception, title: str) -> ErrorInfo:
    if isinstance(error, ChatError | ClientError):
        return error.info()
    _log.error("%s failed", title, exc_info=error)
    told = f"That failed: {type(error).__name__}: {error}."
    return ErrorInfo(code="internal", message=told, hint="The rest works; the log has the details.")


async def ask(app: App[Any], dialog: Dialog[T]) -> T | None:
    """Show a dialog and wait for its end; None if it was left. Wait for it in a worker, not in a message handler."""
    app.push_screen(dialog)
    try:
        return await dialog.finished()
    except asyncio.CancelledError:
        dialog.action_leave()
        raise


async def confirm(app: App[Any], title: str, text: str, yes: str = "Delete", *, danger: bool = True) -> bool:
    """Ask a question; True only if `yes` was pressed. The harmless answer has the focus. As `ask`, wait in a worker."""

    async def done(answers: Answers) -> bool:
        return answers.button == "yes"

    buttons = (Button("yes", yes, danger=danger), Button(CANCEL, "Cancel"))
    dialog = Dialog(title, text, buttons=buttons, submit=done, start_at=1)
    answer = await ask(app, dialog)
    return bool(answer)
