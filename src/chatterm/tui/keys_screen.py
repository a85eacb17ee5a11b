"""The key configuration: every action with its keys, and a new key for it as soon as one is pressed."""

from typing import TYPE_CHECKING, ClassVar, Final, cast

import msgspec
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from chatproto.errors import ErrorInfo
from chatproto.text import terminal_safe
from chatterm.client.settings import Keys, Settings
from chatterm.tui.action_rows import ActionRows, action_rows
from chatterm.tui.actions import current as keymap
from chatterm.tui.actions import key_label, named
from chatterm.tui.actions.binding import impossible, read_keys
from chatterm.tui.actions.presets import PRESETS
from chatterm.tui.fields import Push
from chatterm.tui.flow import Flow

if TYPE_CHECKING:
    from chatterm.tui.app import ChatApp

_USAGE: Final = "Enter: another key · +: one more · Delete: none · r: as in the set · Esc: close"


class KeysScreen(ModalScreen[None]):
    """Choose an action, press Enter, then the new key. Changes are in force and written at once."""

    DEFAULT_CSS = """
    KeysScreen { align: center middle; background: $background 60%; }
    KeysScreen #box {
        width: 90; max-width: 100%; height: 90%; padding: 0 2; background: $surface; border: round $line;
    }
    KeysScreen #title { text-style: bold; height: 1; }
    KeysScreen ActionRows { margin: 1 0; }
    KeysScreen #told { height: auto; max-height: 4; color: $quiet; }
    KeysScreen #told.-asking { color: $accent; text-style: bold; }
    KeysScreen #told.-failed { color: $error; text-style: bold; }
    KeysScreen.-low #box { height: 100%; border: none; padding: 0 1; }
    KeysScreen.-low ActionRows { margin: 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Close", show=False),
        Binding("enter", "change('change')", "Another key", show=False),
        Binding("plus", "change('add')", "One more key", show=False),
        Binding("delete,backspace", "change('none')", "No key", show=False),
        Binding("r", "change('reset')", "As in the set", show=False),
    ]
    AUTO_FOCUS = "ActionRows"

    def __init__(self) -> None:
        super().__init__()
        self._rows = ActionRows(action_rows, with_cursor=True)
        self._asking = ""

    @property
    def _chat_app(self) -> "ChatApp":
        return cast("ChatApp", self.app)

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            yield Static("Keys", id="title", markup=False)
            yield self._rows
            yield Static(_USAGE, id="told", markup=False)
            with Flow(id="buttons"):
                for key, label in (("change", "Change"), ("add", "Add"), ("none", "None"), ("reset", "Reset")):
                    push = Push(key, label)
                    push.can_focus = False  # the list keeps the keys, so that the next one can be bound
                    yield push
                yield Push("preset", f"Set: {self._chat_app.settings.keys.preset}")
                yield Push("close", "Close")

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.height < 20, "-low")

    # --- asking for a key ---

    def action_change(self, what: str) -> None:
        """Begin to wait for a key, or take keys away."""
        row = self._rows.chosen
        if row is None or not row.name:
            return
        if what in ("change", "add"):
            self._asking = what
            self._rows.focus()
            self._tell(f"Press the key for “{named(row.name).title}”; Esc leaves it as it is.", "-asking")
            return
        bindings = dict(self._keys.bindings)
        if what == "none":
            bindings[row.name] = []
        else:
            bindings.pop(row.name, None)
        self._set(msgspec.structs.replace(self._keys, bindings=bindings))

    async def on_event(self, event: events.Event) -> None:
        """While a key is asked for, it is what is bound, whatever it means otherwise."""
        if self._asking and isinstance(event, events.Key):
            event.stop()
            event.prevent_default()
            self._take(event.key)
            return
        await super().on_event(event)

    def _take(self, key: str) -> None:
        what, self._asking = self._asking, ""
        row = self._rows.chosen
        if key == "escape" or row is None:
            self._tell(_USAGE)
            return
        action = named(row.name)
        why = impossible(action, key)
        if why:
            self._tell(f"{key_label(key)} cannot be used: {why}.", "-failed")
            return
        kept = list(keymap().keys(action)) if what == "add" else []
        bindings = {**self._keys.bindings, row.name: [*kept, *([key] if key not in kept else [])]}
        self._set(msgspec.structs.replace(self._keys, bindings=bindings))

    # --- the settings ---

    @property
    def _keys(self) -> Keys:
        return self._chat_app.settings.keys

    def _set(self, keys: Keys) -> None:
        before = read_keys(self._keys.preset, self._keys.bindings).problems
        after = read_keys(keys.preset, keys.bindings).problems
        self._chat_app.change_settings(msgspec.structs.replace(self._chat_app.settings, keys=keys))
        self._rows.show()
        fresh = [problem for problem in after if problem not in before]
        self._say(fresh)

    def _say(self, problems: list[ErrorInfo]) -> None:
        if problems:
            self._tell(" ".join(f"{each.message} {each.hint}" for each in problems[:2]), "-failed")
        else:
            self._tell("Saved, and in force.")

    def settings_changed(self, _: Settings) -> None:
        """Show the keys that are in force now."""
        self._rows.show()

    def _tell(self, text: str, kind: str = "") -> None:
        told = self.query_one("#told", Static)
        told.update(terminal_safe(text))
        for each in ("-asking", "-failed"):
            told.set_class(kind == each, each)

    @on(ActionRows.Chosen)
    def _chosen(self) -> None:
        self.action_change("change")

    @on(Push.Pressed)
    def _pressed(self, message: Push.Pressed) -> None:
        if message.key == "close":
            self.dismiss()
        elif message.key == "preset":
            names = list(PRESETS)
            preset = names[(names.index(self._keys.preset) + 1) % len(names)]
            self._set(msgspec.convert({"preset": preset, "bindings": self._keys.bindings}, Keys))
            push = next(each for each in self.query(Push) if each.key == "preset")
            push.relabel(f"Set: {preset}")
        else:
            self.action_change(message.key)
