"""Fields of a dialog: what may be asked for, and the widgets that take the answer."""

from dataclasses import dataclass
from typing import Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from chatproto.text import strip_terminal_codes, terminal_safe


@dataclass(frozen=True, kw_only=True)
class Field:
    """Something to fill in. `label` and `note` need not be safe for a terminal."""

    name: str
    label: str
    note: str = ""
    """A few words of explanation below."""


@dataclass(frozen=True, kw_only=True)
class TextField(Field):
    """One line of text."""

    value: str = ""
    placeholder: str = ""
    max_chars: int = 0
    """So many characters can be typed; 0: any number."""


@dataclass(frozen=True, kw_only=True)
class PasswordField(Field):
    """A secret, shown as dots until it is revealed."""


@dataclass(frozen=True, kw_only=True)
class LinesField(Field):
    """Several lines of text."""

    value: str = ""
    rows: int = 5


@dataclass(frozen=True, kw_only=True)
class SwitchField(Field):
    """On or off."""

    value: bool = False


@dataclass(frozen=True, kw_only=True)
class ChoiceField(Field):
    """One of a few values; `options` are (value, shown) pairs."""

    options: tuple[tuple[str, str], ...]
    value: str = ""


@dataclass(frozen=True, kw_only=True)
class PickField(ChoiceField):
    """One of several values, all of them on screen, one a row."""


class Submitted(Message):
    """Enter in a field: the form is meant."""


class LineInput(Input):
    """An input one row high; what is pasted loses terminal codes and line ends first."""

    DEFAULT_CSS = """
    LineInput, LineInput.-textual-compact { background: $panel; color: $foreground; padding: 0 1; }
    LineInput:focus, LineInput.-textual-compact:focus { background: $primary 25%; background-tint: transparent; }
    """

    def _on_paste(self, event: events.Paste) -> None:
        cleaned = " ".join(strip_terminal_codes(event.text).split("\n")).strip()
        super()._on_paste(events.Paste(terminal_safe(cleaned)))
        event.stop()
        event.prevent_default()


class OneRow(Widget, can_focus=True):
    """A focusable row of text that Enter, a blank or a click acts on."""

    DEFAULT_CSS = """
    OneRow { height: 1; width: auto; color: $foreground; background: $panel; padding: 0 1; }
    OneRow:focus { background: $primary 45%; text-style: bold; }
    OneRow:disabled { color: $quiet; text-style: none; }
    """


class Push(OneRow):
    """A button."""

    DEFAULT_CSS = """
    Push { padding: 0 2; }
    Push:hover { background: $primary 30%; }
    Push.-danger { color: $error; }
    Push:focus { text-style: bold reverse; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,space", "press", "Press", show=False),
        Binding("left", "app.focus_previous", "Button before", show=False),
        Binding("right", "app.focus_next", "Next button", show=False),
    ]

    @dataclass
    class Pressed(Message):
        """The button was pressed."""

        key: str

    def __init__(self, key: str, label: str, *, danger: bool = False) -> None:
        super().__init__(classes="-danger" if danger else "")
        self.key = key
        self._label = Content(terminal_safe(label))

    def render(self) -> Content:
        return self._label

    def relabel(self, label: str) -> None:
        """Say something else on the button."""
        self._label = Content(terminal_safe(label))
        self.refresh(layout=True)

    def action_press(self) -> None:
        self.post_message(self.Pressed(self.key))

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self.action_press()


class Toggle(OneRow):
    """A switch: blank or a click turns it, Enter submits."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space,left,right", "turn", "Turn", show=False),
        Binding("enter", "submit", "Submit", show=False),
    ]

    @dataclass
    class Changed(Message):
        """It was turned."""

        toggle: "Toggle"
        value: bool

    def __init__(self, value: bool) -> None:
        super().__init__()
        self.value = value

    def render(self) -> Content:
        return Content("● on " if self.value else "○ off")

    def action_turn(self) -> None:
        self.value = not self.value
        self.refresh()
        self.post_message(self.Changed(self, self.value))

    def action_submit(self) -> None:
        self.post_message(Submitted())

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self.action_turn()


class Choice(OneRow):
    """One of a few values: ←, → or a blank for the others, a click on `‹` for the one before, elsewhere the next."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,space", "step(1)", "Next", show=False),
        Binding("left", "step(-1)", "Previous", show=False),
        Binding("enter", "submit", "Submit", show=False),
    ]

    @dataclass
    class Changed(Message):
        """Another value was chosen."""

        choice: "Choice"
        value: str

    def __init__(self, options: tuple[tuple[str, str], ...], value: str) -> None:
        """Without a value that is among the options, the first one is chosen."""
        super().__init__()
        self._options = options
        values = [each for each, _ in options]
        self._index = values.index(value) if value in values else 0

    @property
    def value(self) -> str:
        return self._options[self._index][0]

    def choose(self, value: str) -> None:
        """Show another value, and tell nobody; one that is not among the options changes nothing."""
        values = [each for each, _ in self._options]
        if value in values:
            self._index = values.index(value)
            self.refresh(layout=True)

    def render(self) -> Content:
        return Content(f"‹ {terminal_safe(self._options[self._index][1])} ›")

    def action_step(self, step: int) -> None:
        self._index = (self._index + step) % len(self._options)
        self.refresh(layout=True)
        self.post_message(self.Changed(self, self.value))

    def action_submit(self) -> None:
        self.post_message(Submitted())

    def on_click(self, event: events.Click) -> None:
        event.stop()
        self.action_step(-1 if event.x <= 2 else 1)


class Pick(Widget, can_focus=True):
    """Rows of which one is chosen: ↑ and ↓ or a click choose, Enter or a second click submits."""

    DEFAULT_CSS = """
    Pick {
        height: auto; color: $foreground; background: $panel; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis;
    }
    Pick:focus { background: $primary 20%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "step(-1)", "Above", show=False),
        Binding("down,j", "step(1)", "Below", show=False),
        Binding("enter", "submit", "Submit", show=False),
    ]

    def __init__(self, options: tuple[tuple[str, str], ...], value: str) -> None:
        """Without a value that is among the options, the first one is chosen."""
        super().__init__()
        self._options = options
        values = [each for each, _ in options]
        self._index = values.index(value) if value in values else 0

    @property
    def value(self) -> str:
        return self._options[self._index][0] if self._options else ""

    def render(self) -> Content:
        rows = [
            Content.styled(f"› {terminal_safe(shown)}", "bold")
            if i == self._index
            else Content(f"  {terminal_safe(shown)}")
            for i, (_, shown) in enumerate(self._options)
        ]
        return Content("\n").join(rows)

    def action_step(self, step: int) -> None:
        self._index = max(0, min(len(self._options) - 1, self._index + step))
        self.refresh()

    def action_submit(self) -> None:
        self.post_message(Submitted())

    def on_click(self, event: events.Click) -> None:
        event.stop()
        if not 0 <= event.y < len(self._options):
            return
        if event.y == self._index and event.chain > 1:
            self.action_submit()
        self._index = event.y
        self.refresh()


class FieldRow(Vertical):
    """A field with its label, and what was filled in."""

    DEFAULT_CSS = """
    FieldRow { height: auto; margin: 0 0 1 0; }
    FieldRow.-tight { margin: 0; }
    FieldRow Static { height: auto; }
    FieldRow .label { color: $foreground 85%; }
    FieldRow .note { color: $quiet; }
    FieldRow Horizontal { height: 1; }
    FieldRow Horizontal LineInput { width: 1fr; }
    FieldRow Push { margin: 0 0 0 1; padding: 0 1; }
    """

    def __init__(self, field: Field) -> None:
        super().__init__()
        self.field = field
        self.widget = _widget(field)
        self.shown = self.value
        """What the field was last given to show; it differs from `value` once somebody wrote in it."""

    def compose(self) -> ComposeResult:
        if self.field.label:
            yield Static(terminal_safe(self.field.label), markup=False, classes="label")
        if isinstance(self.field, PasswordField):
            with Horizontal():
                yield self.widget
                reveal = Push("reveal", "show")
                reveal.can_focus = False  # Tab goes on to the next field; Ctrl+R does the same
                yield reveal
        else:
            yield self.widget
        if self.field.note:
            yield Static(terminal_safe(self.field.note), markup=False, classes="note")

    def on_mount(self) -> None:
        if isinstance(self.field, LinesField):
            area: Any = self.widget
            area.move_cursor(area.document.end)

    @property
    def value(self) -> str | bool:
        """What was filled in."""
        widget: Any = self.widget
        value: str | bool = widget.text if isinstance(self.field, LinesField) else widget.value
        return value

    def show(self, value: str | bool | int) -> None:
        """Show another value, unless somebody is filling in this field."""
        widget = self.widget
        if isinstance(widget, Toggle) and widget.value != value:
            widget.value = bool(value)
            widget.refresh()
        elif isinstance(widget, Choice) and widget.value != value:
            widget.choose(str(value))
        elif isinstance(widget, LineInput) and (not widget.has_focus or widget.value == self.shown):
            self.shown = widget.value = terminal_safe(str(value))

    def reveal(self) -> None:
        """Show a password, or hide it again."""
        if isinstance(self.widget, LineInput) and isinstance(self.field, PasswordField):
            self.widget.password = not self.widget.password

    @on(Push.Pressed)
    def _reveal(self, message: Push.Pressed) -> None:
        if message.key == "reveal":
            message.stop()
            self.reveal()
            self.widget.focus()


def _widget(field: Field) -> Widget:
    match field:
        case TextField():
            return LineInput(
                terminal_safe(field.value),
                terminal_safe(field.placeholder),
                compact=True,
                max_length=field.max_chars,
                select_on_focus=False,
            )
        case PasswordField():
            return LineInput(password=True, compact=True)
        case LinesField():
            from textual.widgets import TextArea  # noqa: PLC0415 - slow to load, and few dialogs need it

            area = TextArea(terminal_safe(field.value, multiline=True), compact=True, tab_behavior="focus")
            area.styles.height = field.rows
            return area
        case SwitchField():
            return Toggle(field.value)
        case PickField():
            return Pick(field.options, field.value)
        case ChoiceField():
            return Choice(field.options, field.value)
        case _:
            raise TypeError(type(field).__name__)
