"""The app: one chat screen on one engine, started after the first paint; themes, title, crash reports."""

import asyncio
import contextlib
import logging
import shutil
import signal
from pathlib import Path
from typing import Any, ClassVar

from rich.text import Text
from textual import events, on
from textual.app import App
from textual.binding import Binding, BindingType
from textual.dom import DOMNode
from textual.driver import Driver
from textual.message_pump import MessagePump
from textual.widget import Widget

from chatproto.text import terminal_safe
from chatterm.client.errors import ClientError
from chatterm.client.ports import Engine
from chatterm.client.settings import Settings
from chatterm.client.uistate import UiState
from chatterm.tui import crash, theme
from chatterm.tui.attendance import LOOK_EVERY_S, Attendance
from chatterm.tui.guard import DrawingFailed
from chatterm.tui.idle import INTERVAL_S, IdleCollector
from chatterm.tui.screen import ChatScreen
from chatterm.tui.survival import Survival, protect
from chatterm.tui.window import Window

_log = logging.getLogger("chatterm.tui")


class ChatApp(App[None]):
    """Paints the conversation last read from the cache, then starts the engine."""

    TITLE = "chatterm"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+q", "leave", "Quit", show=False, priority=True)]

    def __init__(
        self,
        engine: Engine,
        state: UiState,
        folder: Path,
        *,
        settings: Settings | None = None,
        collector: IdleCollector | None = None,
    ) -> None:
        """`folder` takes crash reports. With a `collector`, garbage is collected at quiet moments only."""
        super().__init__()
        self.settings = settings or Settings()
        self.engine = engine
        self._state = state
        self._folder = folder
        self._collector = collector
        self.attendance = Attendance(engine.be_away)
        self._window = Window(self)
        self.survival = Survival(folder, self._tell_problem)
        self._begun = False
        self._protect(self)
        for each in theme.THEMES:
            self.register_theme(each)
        wanted = state.setting("theme")
        self.theme = wanted if wanted in {each.name for each in theme.THEMES} else theme.DARK.name

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return theme.DEFAULTS

    def get_default_screen(self) -> ChatScreen:
        return ChatScreen(self.engine, self._state, shutil.get_terminal_size())

    def get_driver_class(self) -> type[Driver]:
        from chatterm.tui.driver import ChatDriver  # noqa: PLC0415 - needs a terminal of the POSIX kind

        return ChatDriver

    def on_mount(self) -> None:
        loop = asyncio.get_running_loop()
        if not self.is_headless:
            for number in (signal.SIGHUP, signal.SIGTERM):
                loop.add_signal_handler(number, self.exit, None, 128 + number)
        self.call_after_refresh(self._begin)

    async def _begin(self) -> None:
        """The first frame is out: now the network, and everything else that could wait."""
        self._begun = True
        if self._collector is not None:
            self._collector.start()
            self.set_interval(INTERVAL_S, self._collector.tick)
        if self._state.problem is not None:
            problem = terminal_safe(f"{self._state.problem.message} {self._state.problem.hint}")
            self.notify(problem, severity="error", markup=False, timeout=20)
        self.set_interval(LOOK_EVERY_S, self.attendance.look)
        await self.engine.start()

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.InputEvent | events.Paste):
            self.attendance.touched()
        if self._collector is not None and isinstance(event, events.Key):
            self._collector.key_pressed()
        await super().on_event(event)

    @on(ChatScreen.Named)
    def _name_window(self, message: ChatScreen.Named) -> None:
        self._window.set_title(message.title)

    @on(ChatScreen.ProblemTold)
    def _note_problem(self, message: ChatScreen.ProblemTold) -> None:
        self.survival.note(message.text)

    @on(ChatScreen.RedrawWanted)
    def _redraw(self) -> None:
        self._window.clear()
        self.screen.refresh(layout=True)

    def action_switch_theme(self) -> None:
        names = [each.name for each in theme.THEMES]
        self.theme = names[(names.index(self.theme) + 1) % len(names)] if self.theme in names else names[0]
        try:
            self._state.save_setting("theme", self.theme)
        except ClientError as error:
            self.notify(terminal_safe(f"{error.message} {error.hint}"), severity="error", markup=False)

    def action_leave(self) -> None:
        self.exit(None, 0)

    def exit(self, result: None = None, return_code: int = 0, message: Any = None) -> None:
        """Give the window its title back, then leave the message loop."""
        self._window.restore_title()
        super().exit(result, return_code, message)

    def _protect(self, pump: MessagePump) -> None:
        """Have a widget, or the app, live on after its own errors."""
        protect(pump, self._met, alive=lambda: self._begun and self._exception is None)

    @on(DrawingFailed)
    def _note_failed_drawing(self, message: DrawingFailed) -> None:
        self.survival.card_shown(message.error, message.where)

    def _register_child(self, parent: DOMNode, child: Widget, before: int | None, after: int | None) -> None:
        self._protect(child)
        super()._register_child(parent, child, before, after)

    def _start_widget(self, parent: Widget, widget: Widget) -> None:
        self._protect(widget)
        super()._start_widget(parent, widget)

    def _met(self, error: Exception, where: str) -> None:
        if not self.survival.met(error, where):
            super()._handle_exception(error)

    def _handle_exception(self, error: Exception) -> None:
        """What timers, callbacks, workers and repaints raise; only while the app begins is that its end."""
        if self._begun and self._exception is None and self.is_running:
            self._met(error, "chatterm")
        else:
            super()._handle_exception(error)

    def _tell_problem(self, text: str) -> None:
        self.notify(text, severity="error", markup=False, timeout=10)

    def _keep_drafts(self) -> None:
        """The last thing before the end, however it comes: what is written stays."""
        for screen in self.screen_stack:
            if isinstance(screen, ChatScreen):
                screen.conversation.keep_draft()

    def _fatal_error(self) -> None:
        """Replaces Textual's traceback, whose local variables may hold anybody's text and the user's secrets."""
        error = self._exception or RuntimeError("an error without a description")
        _log.critical("the app stops", exc_info=error)
        with contextlib.suppress(Exception):  # the report of the crash itself must not be lost to this
            self._keep_drafts()
        self._window.restore_title()
        report = crash.write_report(self._folder, error)
        self._exit_renderables.append(Text(crash.told(error, report)))
        self._close_messages_no_wait()
