"""The settings screen: every setting with an explanation, applied as soon as it is changed."""

import asyncio
import os
import shlex
import subprocess
import typing
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, cast

import msgspec
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from chatproto.text import terminal_safe
from chatterm.client.settings import PARTS, Settings
from chatterm.client.settings_check import check_value
from chatterm.client.settings_file import write_settings
from chatterm.client.settings_words import PARTS as HEADINGS
from chatterm.client.settings_words import SETTINGS
from chatterm.tui import themes
from chatterm.tui.fields import Choice, ChoiceField, Field, FieldRow, OneRow, Push, SwitchField, TextField, Toggle
from chatterm.tui.flow import Flow, Form

if TYPE_CHECKING:
    from chatterm.tui.app import ChatApp

_ELSEWHERE: Final = frozenset({("keys", "bindings")})
"""Settings with a screen of their own."""


def field_for(part: str, key: str, kind: Any, value: Any) -> Field:
    """The field in which a setting is changed."""
    label, note = SETTINGS.get((part, key), (key, ""))
    name = f"{part}.{key}"
    if (part, key) == ("look", "theme"):
        options = tuple((each, each) for each in themes.names())
        return ChoiceField(name=name, label=label, note=note, options=options, value=value)
    if typing.get_origin(kind) is Literal:
        options = tuple((each, each) for each in typing.get_args(kind))
        return ChoiceField(name=name, label=label, note=note, options=options, value=value)
    if isinstance(value, bool):
        return SwitchField(name=name, label=label, note=note, value=value)
    return TextField(name=name, label=label, note=note, value=str(value), max_chars=1_000)


class SettingsScreen(ModalScreen[None]):
    """All settings by section. Tab, ↑ and ↓ go through them, a blank, ← and → change them, Esc leaves."""

    DEFAULT_CSS = """
    SettingsScreen { align: center middle; background: $background 60%; }
    SettingsScreen #box {
        width: 76; max-width: 100%; height: 90%; padding: 0 2; background: $surface; border: round $line;
    }
    SettingsScreen #title { text-style: bold; height: 1; }
    SettingsScreen #list { height: 1fr; scrollbar-size-vertical: 1; margin: 1 0; }
    SettingsScreen .heading { height: 1; text-style: bold; color: $accent; margin: 0 0 1 0; }
    SettingsScreen #told { height: auto; max-height: 3; color: $quiet; }
    SettingsScreen #told.-failed { color: $error; text-style: bold; }
    SettingsScreen.-low #box { height: 100%; border: none; padding: 0 1; }
    SettingsScreen.-low #list { margin: 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f3", "dismiss", "Close", show=False),
        # With priority, so that what is typed ahead of a repaint goes to the next field: it may be a password.
        Binding("tab", "app.focus_next", "Next field", show=False, priority=True),
        Binding("shift+tab", "app.focus_previous", "Field before", show=False, priority=True),
        Binding("up", "app.focus_previous", "Before", show=False),
        Binding("down", "app.focus_next", "Next", show=False),
    ]
    AUTO_FOCUS = ""

    @property
    def _chat_app(self) -> "ChatApp":
        return cast("ChatApp", self.app)

    def compose(self) -> ComposeResult:
        with Vertical(id="box"):
            yield Static("Settings", id="title", markup=False)
            with Form(id="list", can_focus=False):
                yield from self._rows(self._chat_app.settings)
            yield Static(terminal_safe(str(self._chat_app.preferences.path)), id="told", markup=False)
            with Flow(id="buttons"):
                yield Push("keys", "Keys…")
                yield Push("editor", "Open in $EDITOR")
                yield Push("close", "Close")

    @staticmethod
    def _rows(settings: Settings) -> ComposeResult:
        for part in PARTS:
            yield Static(HEADINGS[part.name], classes="heading", markup=False)
            for field in msgspec.structs.fields(part.type):
                if (part.name, field.name) not in _ELSEWHERE:
                    value = getattr(getattr(settings, part.name), field.name)
                    yield FieldRow(field_for(part.name, field.name, field.type, value))

    def on_mount(self) -> None:
        self.query(OneRow).first().focus(scroll_visible=False)  # else the heading above it would scroll away

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.height < 20, "-low")

    # --- changing ---

    @on(Toggle.Changed)
    @on(Choice.Changed)
    def _turned(self, message: Toggle.Changed | Choice.Changed) -> None:
        widget = message.toggle if isinstance(message, Toggle.Changed) else message.choice
        row = widget.parent
        assert isinstance(row, FieldRow)
        self._set(row.field.name, message.value)

    @on(Input.Submitted)
    @on(Input.Blurred)
    def _written(self, message: Input.Submitted | Input.Blurred) -> None:
        row = message.input.parent
        if isinstance(row, FieldRow) and message.value != row.shown:
            text = row.shown = message.value.strip()
            before = _value(self._chat_app.settings, row.field.name)
            self._set(row.field.name, int(text) if isinstance(before, int) and text.isdecimal() else text)

    def _set(self, name: str, value: object) -> None:
        part, _, key = name.partition(".")
        settings = self._chat_app.settings
        if _value(settings, name) == value:
            return
        why = check_value(part, key, value)
        self._tell(why or "Saved.", failed=bool(why))
        if not why:
            changed = msgspec.structs.replace(getattr(settings, part), **{key: value})
            self._chat_app.change_settings(msgspec.structs.replace(settings, **{part: changed}))

    def _tell(self, text: str, *, failed: bool = False) -> None:
        told = self.query_one("#told", Static)
        told.update(terminal_safe(text))
        told.set_class(failed, "-failed")

    def settings_changed(self, settings: Settings) -> None:
        """Somebody changed the file: show what it says, but leave what is being written here."""
        for row in self.query(FieldRow):
            row.show(_value(settings, row.field.name))

    # --- buttons ---

    @on(Push.Pressed)
    def _pressed(self, message: Push.Pressed) -> None:
        if message.key == "close":
            self.dismiss()
        elif message.key == "editor":
            self.run_worker(self._edit(), group="editor")
        elif message.key == "keys":
            from chatterm.tui.keys_screen import KeysScreen  # noqa: PLC0415 - loaded when it is wanted

            self.app.push_screen(KeysScreen())

    async def _edit(self) -> None:
        """Let the user's editor have the terminal, then read what it wrote."""
        path = self._chat_app.preferences.path
        if not path.exists():
            await asyncio.to_thread(write_settings, self._chat_app.settings, path)
        try:
            command = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
            with self.app.suspend():
                code = await asyncio.to_thread(subprocess.call, [*command, str(path)])
        except (OSError, ValueError) as error:
            self._tell(f"The editor cannot be started: {error}. Set EDITOR to one that is installed.", failed=True)
            return
        self.refresh(layout=True)
        if code:
            self._tell(f"The editor ended with {code}.", failed=True)
        await self._chat_app.preferences.look()


def _value(settings: Settings, name: str) -> Any:
    part, _, key = name.partition(".")
    return getattr(getattr(settings, part), key)
