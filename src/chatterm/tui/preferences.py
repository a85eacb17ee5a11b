"""Settings at run time: applied at once, written behind it, and read again when somebody edits the file."""

import asyncio
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from chatproto.errors import ErrorInfo
from chatproto.text import terminal_safe
from chatterm.client.errors import ClientError
from chatterm.client.settings import Keys, Settings, read_settings
from chatterm.tui import theme, themes
from chatterm.tui.actions import Keymap, install
from chatterm.tui.actions.binding import read_keys

if TYPE_CHECKING:
    from chatterm.tui.app import ChatApp

LOOK_EVERY_S: Final = 3.0
TOLD_MAX: Final = 3
"""So many problems are told one by one; the others are counted."""


def install_keys(keys: Keys) -> tuple[ErrorInfo, ...]:
    """Put keys in force for everything that is bound from now on; what is wrong with them."""
    if keys == Keys():
        install(Keymap())
        return ()
    found = read_keys(keys.preset, keys.bindings)
    install(found.keymap)
    return found.problems


class Preferences:
    """What `app.change_settings` does."""

    def __init__(self, app: "ChatApp", path: Path) -> None:
        """`path` is the settings file."""
        self._app = app
        self.path = path
        self._lock = asyncio.Lock()
        self._seen = self._signature()

    def begin(self, problems: Iterable[ErrorInfo]) -> None:
        """Tell what is wrong with the settings read at the start, and look after the file from now on."""
        self.tell(problems)
        self._app.set_interval(LOOK_EVERY_S, self.look)
        self.ask_terminal()

    def ask_terminal(self) -> None:
        """Find out which background the terminal has; if `auto` is set, colours follow when the answer comes."""
        ask = getattr(self._app._driver, "ask", None)
        if ask is not None and not self._app.is_headless:
            from chatterm.tui.answers import BACKGROUND, BACKGROUND_QUERY, Question  # noqa: PLC0415 - only with a terminal

            ask(BACKGROUND_QUERY, [Question(BACKGROUND, self._background_told)])

    def _background_told(self, found: "re.Match[str]") -> None:
        red, green, blue = (int(part, 16) / (16 ** len(part) - 1) for part in found.groups())
        theme.terminal_told(red, green, blue)
        if self._app.settings.look.theme == theme.AUTO:
            self.show_theme(theme.AUTO)

    def next_theme(self) -> None:
        """The theme after the one that is set, by name; it is remembered."""
        names = [name for name in themes.names() if name != theme.AUTO]
        shown = self._app.theme.removeprefix("user-")
        index = names.index(shown) + 1 if shown in names else 0
        look = msgspec.structs.replace(self._app.settings.look, theme=names[index % len(names)])
        self.change(msgspec.structs.replace(self._app.settings, look=look))

    def change(self, settings: Settings) -> None:
        """Apply settings now and write them to the file soon; a failure to write is told."""
        self.apply(settings)
        self._app.run_worker(self._write(settings), group="settings")

    def apply(self, settings: Settings) -> None:
        """Put settings in force without writing them."""
        app, before = self._app, self._app.settings
        app.settings = settings
        if settings.look.theme != before.look.theme:
            self.show_theme(settings.look.theme)
        if settings.keys != before.keys:
            self.tell(install_keys(settings.keys))
            app.bind_keys()
        for screen in app.screen_stack:
            changed: Callable[[Settings], None] | None = getattr(screen, "settings_changed", None)
            if changed is not None:
                changed(settings)

    def show_theme(self, name: str) -> None:
        """Use the colours of a theme, without remembering it; if there is none such, that is told."""
        try:
            self._app.use_theme(themes.theme_of(name))
        except ClientError as error:
            self.tell([error.info()])

    async def flush(self) -> None:
        """Wait until what was changed is on disk."""
        async with self._lock:
            pass

    async def _write(self, settings: Settings) -> None:
        from chatterm.client.settings_file import write_settings  # noqa: PLC0415 - loads tomlkit

        async with self._lock:
            try:
                await asyncio.to_thread(write_settings, settings, self.path)
            except ClientError as error:
                self.tell([error.info()])
            self._seen = self._signature()

    async def look(self) -> None:
        """Read the file again if somebody changed it."""
        signature = self._signature()
        if signature == self._seen or self._lock.locked():
            return
        self._seen = signature
        found = await asyncio.to_thread(read_settings, self.path)
        self.tell(found.problems)
        if any(problem.code == "configBroken" for problem in found.problems):
            return  # half written, perhaps: what is in force stays until the file can be read
        if found.settings != self._app.settings:
            self.apply(found.settings)
            self._app.notify("The settings file was changed and is in force.", markup=False)

    def tell(self, problems: Iterable[ErrorInfo]) -> None:
        """Say what is wrong with the settings."""
        listed = [terminal_safe(f"{problem.message} {problem.hint}".strip()) for problem in problems]
        for told in listed:
            self._app.survival.note(told)
        for told in listed[:TOLD_MAX]:
            self._app.notify(told, severity="warning", markup=False, timeout=15)
        if len(listed) > TOLD_MAX:
            told = f"{len(listed) - TOLD_MAX} more problems with the settings: /problems shows them."
            self._app.notify(told, severity="warning", markup=False, timeout=15)

    def _signature(self) -> tuple[int, int, int] | None:
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino
