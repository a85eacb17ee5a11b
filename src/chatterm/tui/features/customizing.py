"""Settings, keys and colours."""

from typing import TYPE_CHECKING, cast

import msgspec
from textual import on

from chatterm.tui import themes
from chatterm.tui.dialog import CANCEL, Answers, Button, ChoiceField, Dialog, ask
from chatterm.tui.features.feature import Feature
from chatterm.tui.fields import Choice

if TYPE_CHECKING:
    from chatterm.tui.app import ChatApp


class ThemeDialog(Dialog[str]):
    """Shows each theme as it is chosen; leaving brings the old one back."""

    async def submit(self, answers: Answers) -> str:
        return answers["theme"]

    @on(Choice.Changed)
    def _preview(self, message: Choice.Changed) -> None:
        cast("ChatApp", self.app).preferences.show_theme(message.value)


class Customizing(Feature):
    """Opens what changes settings."""

    async def theme(self, argument: str) -> None:
        """Use the theme that is named, or choose one."""
        preferences, before = self.app.preferences, self.app.settings.look.theme
        wanted = argument.strip()
        if not wanted:
            options = tuple((name, name) for name in themes.names())
            dialog = ThemeDialog(
                "Colours",
                "← and → show the others. Your own go into the folder themes, beside the settings.",
                (ChoiceField(name="theme", label="Theme", options=options, value=before),),
                buttons=(Button("use", "Use it"), Button(CANCEL, "Cancel")),
            )
            wanted = await ask(self.app, dialog) or ""
        if not wanted:
            preferences.show_theme(before)
            return
        themes.theme_of(wanted)  # an unknown or broken one is told, and not remembered
        settings = self.app.settings
        preferences.change(msgspec.structs.replace(settings, look=msgspec.structs.replace(settings.look, theme=wanted)))
        preferences.show_theme(wanted)

    def settings(self, _: str) -> None:
        from chatterm.tui.settings_screen import SettingsScreen  # noqa: PLC0415 - loaded when it is wanted

        self.app.push_screen(SettingsScreen())

    def configure_keys(self, _: str) -> None:
        from chatterm.tui.keys_screen import KeysScreen  # noqa: PLC0415 - as above

        self.app.push_screen(KeysScreen())

    def help(self, argument: str) -> None:
        from chatterm.tui.help import HelpScreen  # noqa: PLC0415 - as above

        self.app.push_screen(HelpScreen(argument.strip()))
